package healthcheck

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/arp"
)

// asker is who asks in tests.
func asker(source string) *segment {
	return &segment{
		link:   &net.Interface{Name: "eth0", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}},
		source: netip.MustParseAddr(source),
	}
}

func serialize(t testing.TB, packet ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, packet...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// advert is a neighbour advertisement, hop limit and all.
func advert(t testing.TB, target string, hops uint8, options ...layers.ICMPv6Option) []byte {
	t.Helper()
	ip := &layers.IPv6{
		Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: hops,
		SrcIP: net.ParseIP(target), DstIP: net.ParseIP("2001:db8::1"),
	}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborAdvertisement, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	na := &layers.ICMPv6NeighborAdvertisement{Flags: 0x60, TargetAddress: net.ParseIP(target), Options: options}
	return serialize(t, ip, icmp, na)
}

func option(kind layers.ICMPv6Opt, mac ...byte) layers.ICMPv6Option {
	return layers.ICMPv6Option{Type: kind, Data: mac}
}

func TestAdvertisement(t *testing.T) {
	s, addr := asker("2001:db8::1"), netip.MustParseAddr("2001:db8::21")
	own := option(layers.ICMPv6OptTargetAddress, 2, 0, 0, 0, 0, 0x21)
	bad := advert(t, "2001:db8::21", 255, own)
	bad[len(bad)-1]++
	for _, tt := range []struct {
		name string
		p    []byte
		want string
	}{
		{"answer", advert(t, "2001:db8::21", 255, own), "02:00:00:00:00:21"},
		{"another option first", advert(t, "2001:db8::21", 255, option(14, 0, 0, 0, 0, 0, 0), own), "02:00:00:00:00:21"},
		{"padded", append(advert(t, "2001:db8::21", 255, own), 0, 0, 0), "02:00:00:00:00:21"},
		{"of another", advert(t, "2001:db8::22", 255, own), ""},
		{"from elsewhere", advert(t, "2001:db8::21", 254, own), ""},
		{"without the option", advert(t, "2001:db8::21", 255, option(layers.ICMPv6OptSourceAddress, 2, 0, 0, 0, 0, 0x21)), ""},
		{"a multicast MAC", advert(t, "2001:db8::21", 255, option(layers.ICMPv6OptTargetAddress, 3, 0, 0, 0, 0, 0x21)), ""},
		{"no MAC", advert(t, "2001:db8::21", 255, option(layers.ICMPv6OptTargetAddress, 0, 0, 0, 0, 0, 0)), ""},
		{"wrong checksum", bad, ""},
		{"an option of no length", advert(t, "2001:db8::21", 255, own, layers.ICMPv6Option{Type: 0}), ""},
		{"cut short", advert(t, "2001:db8::21", 255, own)[:70], ""},
	} {
		if got := s.advertisement(tt.p, addr); got.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestNeighborQuestions: what is sent is what others' decoders understand.
func TestNeighborQuestions(t *testing.T) {
	p, to := asker("2001:db8::1").solicitation(netip.MustParseAddr("2001:db8::12:3421"))
	d := gopacket.NewPacket(p, layers.LayerTypeIPv6, gopacket.Default)
	ip, _ := d.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	ns, _ := d.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
	if d.ErrorLayer() != nil || ip == nil || ns == nil || ip.HopLimit != 255 || ip.DstIP.String() != "ff02::1:ff12:3421" ||
		ns.TargetAddress.String() != "2001:db8::12:3421" || to.String() != "33:33:ff:12:34:21" ||
		checksum(pseudoHeader(p)) != 0 || !bytes.Equal(ns.Options[0].Data, []byte{2, 0, 0, 0, 0, 1}) {
		t.Errorf("to %s: %s", to, d)
	}
	p, err := asker("192.0.2.1").arpQuestion(netip.MustParseAddr("192.0.2.21"))
	if err != nil {
		t.Fatal(err)
	}
	d = gopacket.NewPacket(p, layers.LayerTypeARP, gopacket.Default)
	a, _ := d.Layer(layers.LayerTypeARP).(*layers.ARP)
	if a == nil || a.Operation != layers.ARPRequest || net.IP(a.SourceProtAddress).String() != "192.0.2.1" ||
		net.IP(a.DstProtAddress).String() != "192.0.2.21" || net.HardwareAddr(a.SourceHwAddress).String() != "02:00:00:00:00:01" {
		t.Errorf("ARP: %s", d)
	}
}

// FuzzNeighborAnswer: a packet that is believed says what it is believed to say,
// to another decoder too; and none panics.
func FuzzNeighborAnswer(f *testing.F) {
	f.Add(advert(f, "2001:db8::21", 255, option(layers.ICMPv6OptTargetAddress, 2, 0, 0, 0, 0, 0x21)))
	f.Add(advert(f, "2001:db8::21", 255, option(14, 0, 0, 0, 0, 0, 0), option(layers.ICMPv6OptTargetAddress, 2, 0, 0, 0, 0, 0x21)))
	reply, err := asker("192.0.2.21").arpQuestion(netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		f.Fatal(err)
	}
	reply[7] = byte(arp.OperationReply)
	f.Add(reply)
	four, six := netip.MustParseAddr("192.0.2.21"), netip.MustParseAddr("2001:db8::21")
	f.Fuzz(func(t *testing.T, p []byte) {
		if mac := asker("192.0.2.1").arpAnswer(p, four); mac != nil {
			a, _ := gopacket.NewPacket(p, layers.LayerTypeARP, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
			if a == nil || a.Operation != layers.ARPReply || !bytes.Equal(a.SourceHwAddress, mac) || !bytes.Equal(a.SourceProtAddress, four.AsSlice()) {
				t.Fatalf("%x: %s is believed", p, mac)
			}
		}
		if mac := asker("2001:db8::1").advertisement(p, six); mac != nil {
			d := gopacket.NewPacket(p, layers.LayerTypeIPv6, gopacket.Default)
			na, _ := d.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
			if na == nil || !na.TargetAddress.Equal(six.AsSlice()) || !bytes.Contains(p, mac) {
				t.Fatalf("%x: %s is believed", p, mac)
			}
		}
		for _, v4 := range []bool{true, false} {
			if request := newEcho(v4); isReply(p, request, v4) {
				t.Fatalf("%x is taken for a reply to %x", p, request)
			}
		}
	})
}

func TestEchoReply(t *testing.T) {
	for _, v4 := range []bool{true, false} {
		request := newEcho(v4)
		if v4 && checksum(request) != 0 {
			t.Errorf("checksum of %x", request)
		}
		reply := bytes.Clone(request)
		reply[0], reply[2], reply[3] = echoReply6, 0, 0
		if v4 {
			reply[0] = echoReply4
			reply = append(append([]byte{0x46}, make([]byte, 23)...), reply...)
		}
		if !isReply(reply, request, v4) || isReply(request, request, v4) || isReply(reply[:len(reply)-1], request, v4) || isReply(nil, request, v4) {
			t.Errorf("IPv4 %v: %x to %x", v4, reply, request)
		}
		reply[len(reply)-1]++
		if isReply(reply, request, v4) {
			t.Errorf("IPv4 %v: another's data", v4)
		}
	}
}
