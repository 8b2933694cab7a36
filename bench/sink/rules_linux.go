package sink

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// rules count by nftables, where the driver knows no XDP: a rule for each server,
// and one for all others, in a netdev ingress chain. Each frame meets half of the
// rules on its way.
type rules struct {
	conn  *nftables.Conn
	table *nftables.Table
	chain *nftables.Chain
}

const tableName = "bench_sink"

// openRules puts them on the interface, in the calling thread's network.
func openRules(name string, servers int) (*rules, error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	r := &rules{conn: conn}
	r.table = conn.AddTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: tableName + "_" + name})
	r.chain = conn.AddChain(&nftables.Chain{
		Name: "in", Table: r.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookIngress,
		Priority: nftables.ChainPriorityFilter, Device: name,
	})
	for server := range servers {
		mac := MAC(server)
		r.rule(
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseLLHeader, Offset: 0, Len: 6},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: mac[:]})
	}
	r.rule()
	if err := conn.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("add rules: %w", err), conn.CloseLasting())
	}
	return r, nil
}

// rule counts and drops what matches.
func (r *rules) rule(match ...expr.Any) {
	r.conn.AddRule(&nftables.Rule{
		Table: r.table, Chain: r.chain,
		Exprs: append(match, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}),
	})
}

// counts returns the counters in the order of the rules.
func (r *rules) counts() (frames []uint64, err error) {
	list, err := r.conn.GetRules(r.table, r.chain)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	for _, rule := range list {
		for _, e := range rule.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				frames = append(frames, c.Packets)
			}
		}
	}
	return frames, nil
}

func (r *rules) close() error {
	r.conn.DelTable(r.table)
	return errors.Join(r.conn.Flush(), r.conn.CloseLasting())
}
