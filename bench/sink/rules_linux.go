package sink

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
)

// rules count by nftables, where there is no XDP: in a netdev ingress chain, one
// rule after the other. The table is this process's alone (flag owner, Linux 5.12):
// the kernel removes it when the process ends, however it does.
type rules struct {
	conn   *nftables.Conn
	table  *nftables.Table
	chain  *nftables.Chain
	places []int // that the rules count in, in their order
}

const (
	tableName = "bench_sink"
	answers   = 4 << 20 // bytes: the kernel confirms each of thousands of rules
)

// rule is a match, the place in which it counts, and whether it drops.
type rule struct {
	match []expr.Any
	place int
	drop  bool
}

// openRules puts them on the interface, in the calling thread's network.
func openRules(name string, list []rule) (*rules, error) {
	var socket *netlink.Conn
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		socket = c
		return c.SetReadBuffer(answers)
	}))
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	r := &rules{conn: conn, table: &nftables.Table{Family: nftables.TableFamilyNetdev, Name: tableName + "_" + name}}
	if err := addOwnTable(socket, r.table); err != nil {
		return nil, errors.Join(err, conn.CloseLasting())
	}
	r.chain = conn.AddChain(&nftables.Chain{
		Name: "in", Table: r.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookIngress,
		Priority: nftables.ChainPriorityFilter, Device: name,
	})
	for _, one := range list {
		r.add(one)
	}
	if err := conn.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("add rules: %w", err), conn.CloseLasting())
	}
	return r, nil
}

func (r *rules) add(one rule) {
	exprs := append(one.match, &expr.Counter{})
	if one.drop {
		exprs = append(exprs, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	r.conn.AddRule(&nftables.Rule{Table: r.table, Chain: r.chain, Exprs: exprs})
	r.places = append(r.places, one.place)
}

// rulesForAll count and drop everything, by server.
func rulesForAll(servers int) (list []rule) {
	for server := range servers {
		mac := MAC(server)
		list = append(list, rule{match: toMAC(mac[:]), place: server, drop: true})
	}
	return append(list, rule{place: servers, drop: true})
}

func toMAC(mac []byte) []expr.Any { return header(expr.PayloadBaseLLHeader, 0, mac) }

// header matches bytes of a header.
func header(base expr.PayloadBase, offset uint32, value []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: uint32(len(value))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value},
	}
}

// counts adds up the counters of each place.
func (r *rules) counts() ([]uint64, error) {
	list, err := r.conn.GetRules(r.table, r.chain)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if len(list) != len(r.places) {
		return nil, fmt.Errorf("read rules: there are %d, want %d", len(list), len(r.places))
	}
	frames := make([]uint64, slices.Max(r.places)+1)
	for i, rule := range list {
		for _, e := range rule.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				frames[r.places[i]] += c.Packets
			}
		}
	}
	return frames, nil
}

func (r *rules) close() error {
	r.conn.DelTable(r.table)
	return errors.Join(r.conn.Flush(), r.conn.CloseLasting())
}
