package realserver

import (
	"fmt"
	"net/netip"
	"strings"
)

// tablePrefix begins the name of every nftables table of this package. The
// rest of the name is the VIP.
const tablePrefix = "lvsdr_realserver_"

// The families of nftables that are used, by the names of nft(8).
const (
	FamilyIP  = "ip"
	FamilyIP6 = "ip6"
	FamilyARP = "arp"
)

// Table is a whole nftables table for one VIP. Nothing else may be in it.
type Table struct {
	Family string  `json:"family"`
	Name   string  `json:"name"`
	Chains []Chain `json:"chains"`
}

// Chain is a base chain with the name of its hook. In prerouting it is of type
// nat with the priority of destination NAT, else of type filter with 0;
// its policy is accept.
type Chain struct {
	Hook  string `json:"hook"` // prerouting, input or output
	Rules []Rule `json:"rules"`
}

// Rule is one rule about a VIP.
type Rule struct {
	Out     string     `json:"out,omitempty"` // the interface that it leaves by; "" is any
	Field   Field      `json:"field"`         // where the VIP is looked for
	VIP     netip.Addr `json:"vip"`
	Service Service    `json:"service,omitzero"`
	Action  Action     `json:"action"`
	Sender  netip.Addr `json:"sender,omitzero"` // what ActionSetSender writes
}

// Field names an address of a packet, as nft(8) does.
type Field string

// Action is what is done with a packet.
type Action string

// The fields and actions of rules.
const (
	FieldDestination  Field = "ip daddr"
	FieldDestination6 Field = "ip6 daddr"
	FieldARPTarget    Field = "arp daddr ip"
	FieldARPSender    Field = "arp saddr ip"

	ActionRedirect  Action = "redirect"         // to the host itself (NAT)
	ActionDrop      Action = "drop"             // silently
	ActionSetSender Action = "arp saddr ip set" // write another sender address
)

// TableState is how a table of the host compares with what it should be.
type TableState int

// The states of a table.
const (
	TableAbsent  TableState = iota // there is none of that family and name
	TableSame                      // it is exactly that one
	TableDiffers                   // it has the name, and is another
)

// tableName is made of what nft(8) takes for a name.
func tableName(vip netip.Addr) string {
	return tablePrefix + strings.ReplaceAll(vip.String(), ":", "_")
}

// id names the table as nft(8) takes it.
func (t Table) id() string { return t.Family + " " + t.Name }

// nat says whether the chain is one of type nat.
func (c Chain) nat() bool { return c.Hook == "prerouting" }

// priorityNAT is that of destination NAT in prerouting (NF_IP_PRI_NAT_DST).
const priorityNAT = -100

// String returns the table as `nft -f` takes it, in one line.
func (t Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s {", t.id())
	for _, c := range t.Chains {
		kind, priority := "filter", 0
		if c.nat() {
			kind, priority = "nat", priorityNAT
		}
		fmt.Fprintf(&b, " chain %s { type %s hook %s priority %d; policy accept;", c.Hook, kind, c.Hook, priority)
		for _, r := range c.Rules {
			fmt.Fprintf(&b, " %v;", r)
		}
		b.WriteString(" };")
	}
	b.WriteString(" }")
	return b.String()
}

// String returns the rule as nft(8) takes it.
func (r Rule) String() string {
	var words []string
	if r.Out != "" {
		words = append(words, fmt.Sprintf("oifname %q", r.Out))
	}
	words = append(words, string(r.Field), r.VIP.String())
	switch s := r.Service; {
	case s == Service{}:
	case s.First == 0:
		words = append(words, "meta l4proto", s.Protocol)
	case s.First == s.Last:
		words = append(words, s.Protocol, "dport", fmt.Sprint(s.First))
	default:
		words = append(words, s.Protocol, "dport", fmt.Sprintf("%d-%d", s.First, s.Last))
	}
	words = append(words, string(r.Action))
	if r.Action == ActionSetSender {
		words = append(words, r.Sender.String())
	}
	return strings.Join(words, " ")
}
