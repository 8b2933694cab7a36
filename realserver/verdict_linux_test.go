package realserver

import (
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

func chainOf(rules ...[]expr.Any) []ruleChain {
	c := ruleChain{}
	for _, exprs := range rules {
		c.rules = append(c.rules, &nftables.Rule{Exprs: exprs})
	}
	return []ruleChain{c}
}

// TestRulesMeetThemselves: what a rule becomes in the kernel does what the rule
// is for, and not for another VIP.
func TestRulesMeetThemselves(t *testing.T) {
	sender := netip.MustParseAddr("192.0.2.21")
	for _, r := range []Rule{
		{Field: FieldDestination, VIP: vipA, Action: ActionRedirect},
		{Field: FieldDestination6, VIP: vip6, Action: ActionRedirect},
		{Field: FieldDestination, VIP: vipA, Service: Service{Protocol: "udp"}, Action: ActionRedirect},
		{Field: FieldDestination, VIP: vipA, Service: Service{Protocol: "tcp", First: 80, Last: 80}, Action: ActionRedirect},
		{Field: FieldDestination6, VIP: vip6, Service: Service{Protocol: "sctp", First: 8000, Last: 8099}, Action: ActionRedirect},
		{Field: FieldARPTarget, VIP: vipA, Action: ActionDrop},
		{Out: "eth0", Field: FieldARPSender, VIP: vipA, Action: ActionSetSender, Sender: sender},
	} {
		chains := chainOf(expressions(r))
		if !r.meets(chains) {
			t.Errorf("%v does not do what it is for", r)
		}
		other := r
		other.VIP = r.VIP.Next()
		if other.meets(chains) {
			t.Errorf("%v is taken for %v", r, other)
		}
	}
}

// Ports that only in part are redirected are not served.
func TestRuleMeetsWholeRange(t *testing.T) {
	wide := Rule{Field: FieldDestination, VIP: vipA, Service: Service{Protocol: "tcp", First: 8000, Last: 8099}, Action: ActionRedirect}
	half := wide
	half.Service.Last = 8049
	if wide.meets(chainOf(expressions(half))) {
		t.Errorf("%v is taken for %v", half, wide)
	}
	if !half.meets(chainOf(expressions(wide))) {
		t.Errorf("%v is not seen to be in %v", half, wide)
	}
}

// What comes first decides, and a jump may lead anywhere.
func TestFirstVerdictDecides(t *testing.T) {
	r := Rule{Field: FieldARPTarget, VIP: vipA, Action: ActionDrop}
	for _, kind := range []expr.VerdictKind{expr.VerdictAccept, expr.VerdictJump} {
		if r.meets(chainOf([]expr.Any{&expr.Verdict{Kind: kind, Chain: "elsewhere"}}, expressions(r))) {
			t.Errorf("verdict %v before it", kind)
		}
	}
	if !r.meets(chainOf([]expr.Any{&expr.Counter{}}, []expr.Any{&expr.Limit{}, &expr.Verdict{Kind: expr.VerdictAccept}}, expressions(r))) {
		t.Error("a counter, or a rule that may not match, hides it")
	}
	if !r.meets([]ruleChain{{drops: true}}) {
		t.Error("a chain that drops by policy does not count")
	}
}
