package realserver

import (
	"net/netip"
	"testing"

	"lvsdr/realserver/ruleset"
)

// rulesetOf is what apply makes of the rule.
func rulesetOf(t *testing.T, r Rule) *ruleset.Ruleset {
	t.Helper()
	table, hook := Table{Name: "t", Family: FamilyIP}, "prerouting"
	switch {
	case r.Action == ActionDrop:
		table.Family, hook = FamilyARP, "input"
	case r.Action == ActionSetSender:
		table.Family, hook = FamilyARP, "output"
	case r.VIP.Is6():
		table.Family = FamilyIP6
	}
	rules, err := ruleset.Of(nftChain(table, Chain{Hook: hook, Rules: []Rule{r}}), expressions(r))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func mustCover(t *testing.T, rules *ruleset.Ruleset, r Rule, want bool, when string) {
	t.Helper()
	if got, err := r.coveredBy(rules, []string{"lo"}); err != nil || got != want {
		t.Errorf("%s: %v does what it is for: %v, %v", when, r, got, err)
	}
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
		rs := rulesetOf(t, r)
		mustCover(t, rs, r, true, "itself")
		other := r
		other.VIP = r.VIP.Next()
		mustCover(t, rs, other, false, r.String())
	}
}

// Ports that only in part are redirected are not served.
func TestRuleMeetsWholeRange(t *testing.T) {
	wide := Rule{Field: FieldDestination, VIP: vipA, Service: Service{Protocol: "tcp", First: 8000, Last: 8099}, Action: ActionRedirect}
	half := wide
	half.Service.Last = 8049
	mustCover(t, rulesetOf(t, half), wide, false, half.String())
	mustCover(t, rulesetOf(t, wide), half, true, wide.String())
}
