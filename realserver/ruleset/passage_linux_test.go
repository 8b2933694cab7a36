package ruleset

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

var (
	vipA = netip.MustParseAddr("192.0.2.10")
	vip6 = netip.MustParseAddr("2001:db8::10")
)

// chainAt is where every test has its base chain.
var chainAt = map[string]*nftables.Chain{
	"prerouting": chain(nftables.TableFamilyINet, hookPrerouting, nftables.ChainTypeNAT),
	"filter":     chain(nftables.TableFamilyINet, hookInput, nftables.ChainTypeFilter),
	"input":      chain(nftables.TableFamilyARP, hookARPInput, nftables.ChainTypeFilter),
	"output":     chain(nftables.TableFamilyARP, hookARPOutput, nftables.ChainTypeFilter),
}

func chain(family nftables.TableFamily, hook nftables.ChainHook, kind nftables.ChainType) *nftables.Chain {
	return &nftables.Chain{Table: &nftables.Table{Family: family, Name: "t"}, Name: "c", Hooknum: &hook, Type: kind}
}

// rulesetOf has one base chain with these rules.
func rulesetOf(t *testing.T, at string, rules ...[]expr.Any) *Ruleset {
	t.Helper()
	rs, err := Of(chainAt[at], rules...)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// put adds a chain to the table.
func put(t *testing.T, rs *Ruleset, name string, rules ...[]expr.Any) {
	t.Helper()
	if err := rs.putChain(place{rs.bases[0].family, "t", name}, rules...); err != nil {
		t.Fatal(err)
	}
}

// addressed matches the address at that offset of the network header.
func addressed(offset uint32, addr netip.Addr) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(addr.BitLen() / 8)},
		cmpEqual(addr.AsSlice()...),
	}
}

func mustDrop(t *testing.T, rs *Ruleset, p Packet, want bool, when string) {
	t.Helper()
	if got, err := rs.Drops(p); err != nil || got != want {
		t.Errorf("%s: drops %+v: %v, %v", when, p, got, err)
	}
}

// What comes first decides; what may or may not match decides nothing.
func TestFirstVerdictDecides(t *testing.T) {
	question := Packet{Protocol: "arp", To: vipA, Interface: "lo"}
	drop := append(addressed(arpTo, vipA), verdictOf(expr.VerdictDrop))
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
		rs := rulesetOf(t, "input", test.first, drop)
		put(t, rs, "accepts", []expr.Any{accept})
		put(t, rs, "returns", []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}, []expr.Any{accept})
		if test.first[0] == expr.Any(nil) {
			t.Fatal(test.name)
		}
		mustDrop(t, rs, question, test.want, test.name)
	}
	rs := rulesetOf(t, "input")
	rs.bases[0].drops = true
	mustDrop(t, rs, question, true, "policy drop")
}

func cmpEqual(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func verdictOf(k expr.VerdictKind) expr.Any { return &expr.Verdict{Kind: k} }

// passageOf tries TCP to port 80 of the VIP.
func passageOf(t *testing.T, rs *Ruleset, mangle func(*Packet)) Passage {
	t.Helper()
	p := Packet{Protocol: "tcp", To: vipA, Port: 80, Interface: "lo"}
	if mangle != nil {
		mangle(&p)
	}
	passage, err := rs.Passage(p, Host{Addresses: []netip.Addr{vipA}})
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
			Unknown, "inet t c handle 1",
		},
		{"one client dropped", [][]expr.Any{with(from, expr.VerdictDrop)}, false, nil, Unknown, "inet t c handle 1"},
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
		{"to a program", [][]expr.Any{{verdictOf(expr.VerdictQueue)}}, false, nil, Unknown, "inet t c handle 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rs := rulesetOf(t, "filter", test.rules...)
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
			rs := rulesetOf(t, "filter", []expr.Any{
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
		{[]element{{key: []byte{0, 22}, verdict: drop}, {key: []byte{0, 80}, verdict: accept}}, 0, Unknown},
	} {
		rs := rulesetOf(t, "filter", []expr.Any{
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
	rs := rulesetOf(t, "prerouting", append(addressed(ipv4To, vipA), &expr.Redir{}))
	filter := rulesetOf(t, "filter").bases[0]
	filter.name = "f"
	rs.bases = append(rs.bases, filter)
	put(t, rs, "f", append(addressed(ipv4To, own), verdictOf(expr.VerdictDrop)))
	got := passageOf(t, rs, func(p *Packet) { p.Own = own })
	if got.Fate != Dropped || got.To != own || got.Chain != "inet t f" {
		t.Errorf("%+v", got)
	}
}

// TestSurely: a redirect or another sender counts only where it is sure, and leads to
// the same port.
func TestSurely(t *testing.T) {
	packet := Packet{Protocol: "tcp", To: vipA, Port: 80, Interface: "lo"}
	reply := Packet{Protocol: "arp", From: vipA, Interface: "lo", Out: true}
	port := &expr.Immediate{Register: 2, Data: []byte{31, 144}}
	other := &expr.Immediate{Register: 1, Data: []byte{192, 0, 2, 21}}
	same := &expr.Immediate{Register: 1, Data: vipA.AsSlice()}
	sender := &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: arpFrom, Len: 4}
	for _, test := range []struct {
		name, at string
		rule     []expr.Any
		want     bool
	}{
		{"redirect", "prerouting", []expr.Any{&expr.Redir{}}, true},
		{"perhaps a redirect", "prerouting", []expr.Any{&expr.Limit{Rate: 1}, &expr.Redir{}}, false},
		{"a redirect to another port", "prerouting", []expr.Any{port, &expr.Redir{RegisterProtoMin: 2}}, false},
		{"no redirect", "prerouting", nil, false},
		{"another sender", "output", []expr.Any{other, sender}, true},
		{"perhaps another sender", "output", []expr.Any{other, &expr.Limit{Rate: 1}, sender}, false},
		{"the same sender", "output", []expr.Any{same, sender}, false},
		{"another sender, dropped", "output", []expr.Any{other, sender, verdictOf(expr.VerdictDrop)}, false},
	} {
		rs := rulesetOf(t, test.at, test.rule)
		surely, p := rs.Redirects, packet
		if test.at == "output" {
			surely, p = rs.RewritesSender, reply
		}
		if got, err := surely(p); err != nil || got != test.want {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
}
