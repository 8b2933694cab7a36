package realserver

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// baseAt is where every test has its base chain.
var baseAt = map[string]baseChain{
	"prerouting": {place: place{nftables.TableFamilyINet, "t", "c"}, hook: hookPrerouting, kind: "nat"},
	"filter":     {place: place{nftables.TableFamilyINet, "t", "c"}, hook: hookInput, kind: "filter"},
	"input":      {place: place{nftables.TableFamilyARP, "t", "c"}, hook: hookARPInput, kind: "filter"},
	"output":     {place: place{nftables.TableFamilyARP, "t", "c"}, hook: hookARPOutput, kind: "filter"},
}

// rulesetOf has one base chain with these rules.
func rulesetOf(at string, rules ...[]expr.Any) *ruleset {
	b := baseAt[at]
	rs := &ruleset{bases: []baseChain{b}, chains: map[place]*[]ruleOf{}, sets: map[place]*setOf{}}
	rs.chain("c", b.family, rules...)
	return rs
}

// chain adds one to the table; handles begin with 1.
func (rs *ruleset) chain(name string, family nftables.TableFamily, rules ...[]expr.Any) {
	var list []ruleOf
	for i, exprs := range rules {
		r := ruleOf{handle: uint64(i + 1)}
		for _, e := range exprs {
			r.statements = append(r.statements, statementOf(e))
		}
		list = append(list, r)
	}
	rs.chains[place{family, "t", name}] = &list
}

// statementOf makes what the reader makes of an expression: of some it reads the
// name alone.
func statementOf(e expr.Any) statement {
	switch e.(type) {
	case *expr.Counter:
		return statement{name: "counter"}
	case *expr.Limit:
		return statement{name: "limit"}
	case *expr.Reject:
		return statement{name: "reject"}
	}
	return statement{expr: e}
}

func (r Rule) hookName() string {
	switch r.Action {
	case ActionDrop:
		return "input"
	case ActionSetSender:
		return "output"
	}
	return "prerouting"
}

func mustCover(t *testing.T, rs *ruleset, r Rule, want bool, when string) {
	t.Helper()
	if got, err := rs.covers(r, []string{"lo"}); err != nil || got != want {
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
		rs := rulesetOf(r.hookName(), expressions(r))
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
	mustCover(t, rulesetOf("prerouting", expressions(half)), wide, false, half.String())
	mustCover(t, rulesetOf("prerouting", expressions(wide)), half, true, wide.String())
}

// What comes first decides; what may or may not match decides nothing.
func TestFirstVerdictDecides(t *testing.T) {
	r := Rule{Field: FieldARPTarget, VIP: vipA, Action: ActionDrop}
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	for _, test := range []struct {
		name  string
		first []expr.Any
		want  bool
	}{
		{"a counter", []expr.Any{&expr.Counter{}}, true},
		{"accept", []expr.Any{accept}, false},
		{"a jump to a chain that is not there", []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: "gone"}}, false},
		{"a jump to one that accepts", []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: "accepts"}}, false},
		{"a jump to one that returns", []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: "returns"}}, true},
		{"a goto to one that returns", []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: "returns"}}, false},
		{"a limit on accept", []expr.Any{&expr.Limit{}, accept}, false},
		{"a limit on a counter", []expr.Any{&expr.Limit{}, &expr.Counter{}}, true},
	} {
		rs := rulesetOf("input", test.first, expressions(r))
		rs.chain("accepts", nftables.TableFamilyARP, []expr.Any{accept})
		rs.chain("returns", nftables.TableFamilyARP, []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}, []expr.Any{accept})
		if test.first[0] == expr.Any(nil) {
			t.Fatal(test.name)
		}
		mustCover(t, rs, r, test.want, test.name)
	}
	rs := rulesetOf("input")
	rs.bases[0].drops = true
	mustCover(t, rs, r, true, "policy drop")
}

func cmpEqual(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func verdictOf(k expr.VerdictKind) expr.Any { return &expr.Verdict{Kind: k} }

// passageOf tries TCP to port 80 of the VIP.
func passageOf(t *testing.T, rs *ruleset, mangle func(*Packet)) Passage {
	t.Helper()
	p := Packet{Protocol: "tcp", To: vipA, Port: 80, Interface: "lo"}
	if mangle != nil {
		mangle(&p)
	}
	passage, err := rs.passage(p, []Address{{Prefix: netip.PrefixFrom(vipA, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	return passage
}

// TestPassage: what is known decides; what is not makes the fate unknown, only
// where it could change it.
func TestPassage(t *testing.T) {
	port := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
	source := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: ipv4From, Len: 4}
	state := []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: native32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
	name := func(dev string) []expr.Any {
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, cmpEqual(append([]byte(dev), 0)...)}
	}
	with := func(parts []expr.Any, v expr.VerdictKind) []expr.Any {
		return append(slices.Clone(parts), verdictOf(v))
	}
	from := []expr.Any{source, cmpEqual(198, 51, 100, 1)}
	for _, test := range []struct {
		name   string
		rules  [][]expr.Any
		drops  bool // the policy
		mangle func(*Packet)
		want   Fate
		where  string
	}{
		{"nothing", nil, false, nil, Passes, ""},
		{"policy drop", nil, true, nil, Dropped, "inet t c policy"},
		{"the port dropped", [][]expr.Any{{port, cmpEqual(0, 80), verdictOf(expr.VerdictDrop)}}, false, nil, Dropped, "inet t c handle 1"},
		{"another port dropped", [][]expr.Any{{port, cmpEqual(0, 81), verdictOf(expr.VerdictDrop)}}, false, nil, Passes, ""},
		{
			"the port accepted, any port tried",
			[][]expr.Any{{port, cmpEqual(0, 80), verdictOf(expr.VerdictAccept)}},
			true,
			func(p *Packet) { p.Port = 0 },
			FateUnknown, "inet t c handle 1",
		},
		{"one client dropped", [][]expr.Any{with(from, expr.VerdictDrop)}, false, nil, FateUnknown, "inet t c handle 1"},
		{
			"that client dropped",
			[][]expr.Any{with(from, expr.VerdictDrop)},
			false,
			func(p *Packet) { p.From = netip.MustParseAddr("198.51.100.1") },
			Dropped, "inet t c handle 1",
		},
		{"one client accepted, then all", [][]expr.Any{with(from, expr.VerdictAccept), {verdictOf(expr.VerdictAccept)}}, true, nil, Passes, ""},
		{"one client dropped, then all", [][]expr.Any{with(from, expr.VerdictDrop), {verdictOf(expr.VerdictDrop)}}, false, nil, Dropped, "inet t c handle 1"},
		{"established accepted", [][]expr.Any{with(state, expr.VerdictAccept)}, true, nil, Dropped, "inet t c policy"},
		{"its interface accepted", [][]expr.Any{with(name("lo"), expr.VerdictAccept)}, true, nil, Passes, ""},
		{"another interface accepted", [][]expr.Any{with(name("eth9"), expr.VerdictAccept)}, true, nil, Dropped, "inet t c policy"},
		{"reject", [][]expr.Any{{&expr.Reject{}}}, false, nil, Dropped, "inet t c handle 1"},
		{"to a program", [][]expr.Any{{verdictOf(expr.VerdictQueue)}}, false, nil, FateUnknown, "inet t c handle 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rs := rulesetOf("filter", test.rules...)
			rs.bases[0].drops = test.drops
			got := passageOf(t, rs, test.mangle)
			if got.Fate != test.want || got.Where != test.where {
				t.Errorf("%v at %q, want %v at %q", got.Fate, got.Where, test.want, test.where)
			}
		})
	}
}

// TestSets: sets of values, of ranges and of concatenations, and verdict maps.
func TestSets(t *testing.T) {
	keys := map[string]*setOf{
		"values": {keyLen: 2, elements: []element{{key: []byte{0, 22}}, {key: []byte{0, 80}}}},
		"ranges": {keyLen: 2, interval: true, elements: []element{
			{key: []byte{0, 0}, end: true}, {key: []byte{0, 70}}, {key: []byte{0, 90}, end: true}, {key: []byte{31, 144}},
		}},
		"others": {keyLen: 2, interval: true, elements: []element{{key: []byte{0, 10}}, {key: []byte{0, 80}, end: true}}},
		"concatenation": {keyLen: 8, fields: []int{4, 2}, elements: []element{
			{key: []byte{192, 0, 2, 0, 0, 70, 0, 0}, keyEnd: []byte{192, 0, 2, 255, 0, 90, 0, 0}},
		}},
		"everything": {keyLen: 2, elements: []element{{catchAll: true}}},
		"empty":      {keyLen: 2},
	}
	for name, met := range map[string]bool{
		"values": true, "ranges": true, "others": false, "concatenation": true, "everything": true, "empty": false,
	} {
		for _, invert := range []bool{false, true} {
			rs := rulesetOf("filter", []expr.Any{
				&expr.Payload{DestRegister: unix.NFT_REG32_00, Base: expr.PayloadBaseNetworkHeader, Offset: ipv4To, Len: 4},
				&expr.Payload{DestRegister: unix.NFT_REG32_01, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
				&expr.Lookup{SourceRegister: unix.NFT_REG32_01, SetName: name, Invert: invert},
				verdictOf(expr.VerdictDrop),
			})
			rule := (*rs.chains[rs.bases[0].place])[0]
			if name == "concatenation" {
				rule.statements[2].expr.(*expr.Lookup).SourceRegister = unix.NFT_REG32_00
			}
			rs.sets[place{nftables.TableFamilyINet, "t", name}] = keys[name]
			want := Passes
			if met != invert {
				want = Dropped
			}
			if got := passageOf(t, rs, nil); got.Fate != want {
				t.Errorf("%s, invert %v: %v, want %v", name, invert, got.Fate, want)
			}
		}
	}
}

func TestVerdictMap(t *testing.T) {
	drop, accept := &expr.Verdict{Kind: expr.VerdictDrop}, &expr.Verdict{Kind: expr.VerdictAccept}
	for _, test := range []struct {
		elements []element
		port     uint16
		want     Fate
	}{
		{[]element{{key: []byte{0, 22}, verdict: drop}, {key: []byte{0, 80}, verdict: accept}}, 80, Passes},
		{[]element{{key: []byte{0, 22}, verdict: accept}, {key: []byte{0, 80}, verdict: drop}}, 80, Dropped},
		{[]element{{key: []byte{0, 22}, verdict: drop}}, 80, Passes},
		{[]element{{key: []byte{0, 22}, verdict: drop}, {key: []byte{0, 80}, verdict: accept}}, 0, FateUnknown},
	} {
		rs := rulesetOf("filter", []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Lookup{SourceRegister: 1, SetName: "m", IsDestRegSet: true},
		})
		rs.sets[place{nftables.TableFamilyINet, "t", "m"}] = &setOf{keyLen: 2, elements: test.elements}
		if got := passageOf(t, rs, func(p *Packet) { p.Port = test.port }); got.Fate != test.want {
			t.Errorf("%+v, port %d: %v, want %v", test.elements, test.port, got.Fate, test.want)
		}
	}
}

// Input sees a redirected packet with the server's own address.
func TestPassageAfterRedirect(t *testing.T) {
	own := netip.MustParseAddr("192.0.2.21")
	rs := rulesetOf("prerouting", expressions(Rule{Field: FieldDestination, VIP: vipA, Action: ActionRedirect}))
	filter := baseAt["filter"]
	filter.name = "f"
	rs.bases = append(rs.bases, filter)
	rs.chain("f", nftables.TableFamilyINet, expressions(Rule{Field: FieldDestination, VIP: own, Action: ActionDrop}))
	got := passageOf(t, rs, func(p *Packet) { p.Own = own })
	if got.Fate != Dropped || got.To != own || got.Chain != "inet t f" {
		t.Errorf("%+v", got)
	}
}
