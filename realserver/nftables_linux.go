package realserver

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// register is the nftables register that all rules use.
const register = 1

// preflightSuffix marks the name of a table that exists only inside of a
// transaction.
const preflightSuffix = "_try"

var tableFamilies = map[string]nftables.TableFamily{
	FamilyIP:  nftables.TableFamilyIPv4,
	FamilyIP6: nftables.TableFamilyIPv6,
	FamilyARP: nftables.TableFamilyARP,
}

// hooks are the numbers of NF_INET_PRE_ROUTING, NF_ARP_IN and NF_ARP_OUT.
var hooks = map[string]nftables.ChainHook{"prerouting": 0, "input": 0, "output": 1}

// fields are where the addresses are in the network header: in IPv4, in
// IPv6, and in ARP on Ethernet (RFC 826).
var fields = map[Field]struct{ offset, bytes uint32 }{
	FieldDestination:  {16, 4},
	FieldDestination6: {24, 16},
	FieldARPTarget:    {24, 4},
	FieldARPSender:    {14, 4},
}

// destinationPort is the offset of the destination port in TCP, UDP and SCTP.
const destinationPort = 2

// CompareTable implements Host.
func (LinuxHost) CompareTable(t Table) (TableState, error) {
	state, err := compareTable(t)
	return state, explainTable(t, err)
}

func compareTable(t Table) (TableState, error) {
	c, err := nftables.New()
	if err != nil {
		return TableAbsent, err
	}
	family := tableFamilies[t.Family]
	tables, err := c.ListTablesOfFamily(family)
	if err != nil {
		return TableAbsent, err
	}
	i := slices.IndexFunc(tables, func(other *nftables.Table) bool { return other.Name == t.Name })
	if i < 0 {
		return TableAbsent, nil
	}
	all, err := c.ListChainsOfTableFamily(family)
	if err != nil {
		return TableAbsent, err
	}
	chains := slices.DeleteFunc(all, func(ch *nftables.Chain) bool { return ch.Table.Name != t.Name })
	if tables[i].Flags != 0 || len(chains) != len(t.Chains) {
		return TableDiffers, nil
	}
	for _, want := range t.Chains {
		same, err := sameChain(c, t, want, chains)
		if err != nil || !same {
			return TableDiffers, err
		}
	}
	return TableSame, nil
}

// sameChain looks for the chain among those of the table.
func sameChain(c *nftables.Conn, t Table, want Chain, chains []*nftables.Chain) (bool, error) {
	spec := nftChain(t, want)
	i := slices.IndexFunc(chains, func(ch *nftables.Chain) bool { return ch.Name == want.Hook })
	if i < 0 {
		return false, nil
	}
	got := chains[i]
	if got.Hooknum == nil || got.Priority == nil || got.Policy == nil || got.Type != spec.Type ||
		*got.Hooknum != *spec.Hooknum || *got.Priority != *spec.Priority || *got.Policy != *spec.Policy {
		return false, nil
	}
	rules, err := c.GetRules(got.Table, got)
	if err != nil {
		return false, err
	}
	return slices.EqualFunc(rules, want.Rules, func(r *nftables.Rule, w Rule) bool {
		return reflect.DeepEqual(withoutCounters(r.Exprs), expressions(w))
	}), nil
}

// withoutCounters leaves out what people add to look at a rule.
func withoutCounters(exprs []expr.Any) []expr.Any {
	return slices.DeleteFunc(exprs, func(e expr.Any) bool {
		_, ok := e.(*expr.Counter)
		return ok
	})
}

// PutTable implements Host. Adding before deleting makes it right whether
// there was a table or not.
func (LinuxHost) PutTable(t Table) error {
	return explainTable(t, transaction(func(c *nftables.Conn) {
		c.AddTable(nftTable(t))
		c.DelTable(nftTable(t))
		addTable(c, t)
	}))
}

// RemoveTable implements Host.
func (LinuxHost) RemoveTable(t Table) error {
	return explainTable(t, transaction(func(c *nftables.Conn) { c.DelTable(nftTable(t)) }))
}

// tryTables adds and deletes each table, under another name, in one transaction:
// the kernel says what it lacks, and no packet meets the rules.
func tryTables(tables []Table) error {
	for _, t := range tables {
		trial := t
		trial.Name += preflightSuffix
		err := transaction(func(c *nftables.Conn) {
			addTable(c, trial)
			c.DelTable(nftTable(trial))
		})
		if err != nil {
			return explainTable(t, err)
		}
	}
	return nil
}

// transaction does all that fn asks for, or nothing.
func transaction(fn func(*nftables.Conn)) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	fn(c)
	return c.Flush()
}

func addTable(c *nftables.Conn, t Table) {
	c.AddTable(nftTable(t))
	for _, chain := range t.Chains {
		spec := c.AddChain(nftChain(t, chain))
		for _, rule := range chain.Rules {
			c.AddRule(&nftables.Rule{Table: spec.Table, Chain: spec, Exprs: expressions(rule)})
		}
	}
}

func nftTable(t Table) *nftables.Table {
	return &nftables.Table{Name: t.Name, Family: tableFamilies[t.Family]}
}

func nftChain(t Table, c Chain) *nftables.Chain {
	policy := nftables.ChainPolicyAccept
	spec := &nftables.Chain{
		Name:     c.Hook,
		Table:    nftTable(t),
		Type:     nftables.ChainTypeFilter,
		Hooknum:  nftables.ChainHookRef(hooks[c.Hook]),
		Priority: nftables.ChainPriorityRef(0),
		Policy:   &policy,
	}
	if c.nat() {
		spec.Type = nftables.ChainTypeNAT
		spec.Priority = nftables.ChainPriorityRef(priorityNAT)
	}
	return spec
}

// expressions are what nft(8) makes of the rule's text.
func expressions(r Rule) []expr.Any {
	var exprs []expr.Any
	if r.Out != "" {
		exprs = append(exprs,
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register},
			equal(append([]byte(r.Out), make([]byte, unix.IFNAMSIZ-len(r.Out))...)))
	}
	where := fields[r.Field]
	exprs = append(exprs,
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: where.offset, Len: where.bytes},
		equal(r.VIP.AsSlice()))
	exprs = append(exprs, r.Service.expressions()...)
	return append(exprs, r.Action.expressions(r.Sender)...)
}

func (s Service) expressions() []expr.Any {
	if s == (Service{}) {
		return nil
	}
	exprs := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		equal([]byte{protocolNumbers[s.Protocol]}),
	}
	if s.First == 0 {
		return exprs
	}
	exprs = append(exprs, &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: destinationPort, Len: 2})
	first, last := binary.BigEndian.AppendUint16(nil, s.First), binary.BigEndian.AppendUint16(nil, s.Last)
	if s.First == s.Last {
		return append(exprs, equal(first))
	}
	return append(exprs,
		&expr.Cmp{Op: expr.CmpOpGte, Register: register, Data: first},
		&expr.Cmp{Op: expr.CmpOpLte, Register: register, Data: last})
}

func (a Action) expressions(sender netip.Addr) []expr.Any {
	switch a {
	case ActionRedirect:
		return []expr.Any{&expr.Redir{}}
	case ActionDrop:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	case ActionSetSender:
		where := fields[FieldARPSender]
		return []expr.Any{
			&expr.Immediate{Register: register, Data: sender.AsSlice()},
			&expr.Payload{
				OperationType: expr.PayloadWrite, SourceRegister: register,
				Base: expr.PayloadBaseNetworkHeader, Offset: where.offset, Len: where.bytes,
			},
		}
	}
	panic(fmt.Sprintf("realserver: action %q", a))
}

func equal(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}
