package frame

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"
)

// solicitation is the message that resolves the VIP, and where it goes.
func solicitation() (n NDP, src, dst Addr) {
	src, dst = testClient6, SolicitedNode(testVIP6)
	n = make(NDP, NDPLinkLayerLen)
	n.InitSolicitation(testVIP6, testClientMAC)
	ICMPv6(n).UpdateChecksum(src, dst)
	return n, src, dst
}

func advertisement(flags uint8, dst Addr) NDP {
	n := make(NDP, NDPLinkLayerLen)
	n.InitAdvertisement(flags, testVIP6, testVIPMAC)
	ICMPv6(n).UpdateChecksum(testVIP6, dst)
	return n
}

func TestNDPBuild(t *testing.T) {
	n, src, dst := solicitation()
	b := newFrame(EtherTypeIPv6, IPv6Len+len(n))
	IPv6(b[14:]).Init(src, dst, ProtocolICMPv6, 255, len(n))
	copy(b[54:], n)
	ns := decode(t, b).Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
	if refAddr(ns.TargetAddress) != testVIP6 || len(ns.Options) != 1 ||
		ns.Options[0].Type != layers.ICMPv6OptSourceAddress || MAC(ns.Options[0].Data) != testClientMAC {
		t.Errorf("gopacket reads %+v", ns)
	}
	if mac, ok := n.LinkLayer(NDPSourceLinkLayer); !ok || mac != testClientMAC || n.Target() != testVIP6 {
		t.Errorf("link-layer address %v %v, target %v", mac, ok, n.Target())
	}

	n = advertisement(NDPSolicited|NDPOverride, testClient6)
	IPv6(b[14:]).Init(testVIP6, testClient6, ProtocolICMPv6, 255, len(n))
	copy(b[54:], n)
	na := decode(t, b).Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	if !na.Solicited() || !na.Override() || na.Router() || refAddr(na.TargetAddress) != testVIP6 ||
		na.Options[0].Type != layers.ICMPv6OptTargetAddress || MAC(na.Options[0].Data) != testVIPMAC {
		t.Errorf("gopacket reads %+v", na)
	}
}

// TestNDPProbe: what duplicate address detection sends is valid from the unspecified
// address alone.
func TestNDPProbe(t *testing.T) {
	n, group := make(NDP, NDPLen), SolicitedNode(testVIP6)
	n.InitProbe(testVIP6)
	ICMPv6(n).UpdateChecksum(Addr{}, group)
	if _, named := n.LinkLayer(NDPSourceLinkLayer); named || n.Target() != testVIP6 || !n.Valid(Addr{}, group, 255) {
		t.Errorf("probe % x", n)
	}
	if n.Valid(testClient6, group, 255) {
		t.Error("the checksum is of another source")
	}
}

func TestNDPValid(t *testing.T) {
	allNodes := Addr{0xff02 << 48, 1}
	good, src, dst := solicitation()
	// change returns good with bytes changed and the checksum mended.
	change := func(src, dst Addr, f func(n NDP) NDP) NDP {
		n := f(bytes.Clone(good))
		ICMPv6(n).UpdateChecksum(src, dst)
		return n
	}
	same := func(n NDP) NDP { return n }
	bare := func(n NDP) NDP { return n[:NDPLen] }
	set := func(at int, v byte) func(n NDP) NDP {
		return func(n NDP) NDP { n[at] = v; return n }
	}
	wrongSum := NDP(bytes.Clone(good))
	wrongSum[icmpChecksum] ^= 1
	for _, c := range []struct {
		name     string
		n        NDP
		src, dst Addr
		hops     uint8
		want     bool
	}{
		{"solicitation", good, src, dst, 255, true},
		{"solicitation to the VIP", change(src, testVIP6, same), src, testVIP6, 255, true},
		{"without option", change(src, dst, bare), src, dst, 255, true},
		{"unknown option first", change(src, dst, func(n NDP) NDP {
			return append(append(n[:NDPLen:NDPLen], 14, 1, 1, 2, 3, 4, 5, 6), n[NDPLen:]...)
		}), src, dst, 255, true},
		{"duplicate address detection", change(Addr{}, dst, bare), Addr{}, dst, 255, true},
		{"the same with an option", change(Addr{}, dst, same), Addr{}, dst, 255, false},
		{"the same to one host", change(Addr{}, testVIP6, bare), Addr{}, testVIP6, 255, false},
		{"forwarded", good, src, dst, 254, false},
		{"wrong checksum", wrongSum, src, dst, 255, false},
		{"code 1", change(src, dst, set(icmpCode, 1)), src, dst, 255, false},
		{"multicast target", change(src, dst, set(ndpTarget, 0xff)), src, dst, 255, false},
		{"option of length 0", change(src, dst, set(NDPLen+1, 0)), src, dst, 255, false},
		{"option beyond the end", change(src, dst, set(NDPLen+1, 2)), src, dst, 255, false},
		{"half an option", change(src, dst, func(n NDP) NDP { return n[:NDPLen+4] }), src, dst, 255, false},
		{"too short", good[:NDPLen-1], src, dst, 255, false},
		{"another type", change(src, dst, set(icmpType, ICMPv6RouterSolicitation)), src, dst, 255, false},
		{"advertisement", advertisement(NDPSolicited, src), testVIP6, src, 255, true},
		{"unsolicited to all", advertisement(NDPOverride, allNodes), testVIP6, allNodes, 255, true},
		{"solicited to all", advertisement(NDPSolicited, allNodes), testVIP6, allNodes, 255, false},
	} {
		if got := c.n.Valid(c.src, c.dst, c.hops); got != c.want {
			t.Errorf("%s: Valid = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestGroups(t *testing.T) {
	solicited := SolicitedNode(AddrFrom(netip.MustParseAddr("fe80::2aa:ff:fe28:9c5a")))
	if want := AddrFrom(netip.MustParseAddr("ff02::1:ff28:9c5a")); solicited != want {
		t.Errorf("solicited node %v, want %v", solicited, want)
	}
	for group, want := range map[string]string{
		"ff02::1:ff28:9c5a": "33:33:ff:28:9c:5a",
		"224.0.0.18":        "01:00:5e:00:00:12",
		"239.255.255.250":   "01:00:5e:7f:ff:fa",
	} {
		a := AddrFrom(netip.MustParseAddr(group))
		if got := GroupMAC(a).String(); got != want || !a.IsMulticast() {
			t.Errorf("GroupMAC(%s) = %s, want %s", group, got, want)
		}
	}
	if testVIP4.IsMulticast() || testVIP6.IsMulticast() {
		t.Error("a VIP is a group")
	}
}
