package ruleset

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// attributes encodes what fn adds, in the kernel's order of bytes.
func attributes(tb testing.TB, fn func(*netlink.AttributeEncoder)) []byte {
	tb.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	fn(ae)
	b, err := ae.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// ruleBytes is a rule as the kernel lists it.
func ruleBytes(tb testing.TB, exprs ...expr.Any) []byte {
	tb.Helper()
	return attributes(tb, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, "t")
		ae.String(unix.NFTA_RULE_CHAIN, "c")
		ae.Uint64(unix.NFTA_RULE_HANDLE, 7)
		ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(ae *netlink.AttributeEncoder) error {
			for _, e := range exprs {
				b, err := expr.Marshal(byte(unix.NFPROTO_INET), e)
				if err != nil {
					return err
				}
				ae.Bytes(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, b)
			}
			return nil
		})
	})
}

// FuzzRule: whatever a rule of a kernel to come has in it, packets are tried on it
// and something becomes of them.
func FuzzRule(f *testing.F) {
	unreadable := xt.Unknown(make([]byte, multiportLen))
	for _, exprs := range [][]expr.Any{
		{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, cmpEqual([]byte("eth0\x00")...), verdictOf(expr.VerdictDrop)},
		{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: []byte{255, 255, 255, 0}, Xor: []byte{0, 0, 0, 0}},
			&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{192, 0, 2, 0}, ToData: []byte{192, 0, 2, 9}},
			&expr.Redir{RegisterProtoMin: 1},
		},
		{&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true}, &expr.Ct{Key: expr.CtKeySTATE, Register: 2}, &expr.NAT{Type: expr.NATTypeDestNAT}},
		{&expr.Lookup{SourceRegister: 1, SetName: "s", DestRegister: 0, IsDestRegSet: true}},
		{&expr.Match{Name: "multiport", Rev: 1, Info: &unreadable}, &expr.Target{Name: "mangle", Info: &unreadable}},
		{&expr.Counter{}, &expr.Limit{Rate: 1}, &expr.Immediate{Register: 1, Data: []byte{1}}},
		{&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}},
	} {
		for family := range familyNames {
			f.Add(byte(family), ruleBytes(f, exprs...))
		}
	}
	f.Fuzz(func(t *testing.T, family byte, message []byte) {
		ad, err := netlink.NewAttributeDecoder(message)
		if err != nil {
			return
		}
		ad.ByteOrder = binary.BigEndian
		at := place{nftables.TableFamily(family), "t", "c"}
		rs := &Ruleset{chains: map[place]*[]ruleOf{at: {}}, sets: map[place]*setOf{
			{at.family, "t", "s"}: {keyLen: 4, elements: []element{{key: []byte{1, 2}}, {catchAll: true}}},
		}}
		if err := rs.addRule(at.family, ad); err != nil {
			return
		}
		for number := range uint32(6) {
			for _, kind := range []string{"filter", "nat"} {
				rs.bases = append(rs.bases, baseChain{place: at, hook: number, kind: kind, devices: []string{"eth0", "v*"}})
			}
		}
		for _, p := range []Packet{
			{Protocol: "tcp", To: vipA, Port: 80, Interface: "lo", Own: netip.MustParseAddr("192.0.2.21")},
			{Protocol: "udp", To: vip6},
			{Protocol: "sctp", From: vipA, Out: true},
			{Protocol: "arp", To: vipA},
			{Protocol: "arp", From: vipA, Out: true},
		} {
			passage, err := rs.Passage(p, Host{})
			if err != nil || passage.Fate != Passes && passage.Where == "" {
				t.Errorf("%+v: %+v, %v", p, passage, err)
			}
			surely := rs.Redirects
			switch {
			case p.Protocol == "arp" && p.Out:
				surely = rs.RewritesSender
			case p.Protocol == "arp":
				surely = rs.Drops
			case p.Out:
				continue
			}
			if _, err := surely(p); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestManyJumps: six rules that each may jump to the next of twelve chains are two
// thousand million ways.
func TestManyJumps(t *testing.T) {
	may := func(to string) []expr.Any {
		return []expr.Any{&expr.Limit{Rate: 1}, &expr.Verdict{Kind: expr.VerdictJump, Chain: to}}
	}
	rs := rulesetOf(t, "filter", may("c1"))
	for n := range 12 {
		var rules [][]expr.Any
		for range 6 {
			rules = append(rules, may(fmt.Sprintf("c%d", n+2)))
		}
		put(t, rs, fmt.Sprintf("c%d", n+1), rules...)
	}
	put(t, rs, "c13", []expr.Any{verdictOf(expr.VerdictReturn)})
	if got := passageOf(t, rs, nil); got.Fate != Unknown || got.Where == "" {
		t.Errorf("%+v", got)
	}
}
