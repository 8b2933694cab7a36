package demo

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/arp"

	"lvsdr/lab"
)

func serialize(t *testing.T, l ...gopacket.SerializableLayer) lab.Frame {
	t.Helper()
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, l...); err != nil {
		t.Fatal(err)
	}
	return lab.Frame{Data: buffer.Bytes()}
}

func ethernetHeader(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: lab.MustMAC("02:00:00:00:00:01"), DstMAC: lab.MustMAC("02:00:00:00:00:02"), EthernetType: t}
}

func TestSegmentOf(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.1")
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: client.AsSlice(), DstIP: vip.AsSlice(),
		Options: []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}},
	}
	f := serialize(t, ethernetHeader(layers.EthernetTypeIPv4), ip, &layers.TCP{SrcPort: 1, DstPort: 80, SYN: true, ACK: true})
	got, ok := segmentOf(f)
	if want := (segment{client, vip, flagSYN | flagACK}); !ok || got != want {
		t.Errorf("%+v %v, want %+v", got, ok, want)
	}
	if !opening(client)(f) {
		t.Error("not the opening of a connection to the VIP")
	}
	if opening(netip.MustParseAddr("192.0.2.2"))(f) {
		t.Error("the opening of somebody else's connection")
	}
	const whole = ethernetLen + 24 + tcpLen // with the options, without Ethernet's padding
	for n := range f.Data[:whole] {
		if _, ok := segmentOf(lab.Frame{Data: f.Data[:n]}); ok {
			t.Errorf("found a segment in %d bytes", n)
		}
	}
	ip.Protocol = layers.IPProtocolUDP
	if _, ok := segmentOf(serialize(t, ethernetHeader(layers.EthernetTypeIPv4), ip, &layers.UDP{}, gopacket.Payload(make([]byte, 20)))); ok {
		t.Error("took UDP for TCP")
	}
}

func TestTellARP(t *testing.T) {
	mac, other := lab.MustMAC("02:00:00:00:00:01"), netip.MustParseAddr("192.0.2.1")
	for _, test := range []struct {
		op             arp.Operation
		sender, target netip.Addr
		want           string
	}{
		{arp.OperationRequest, other, vip, "who has 192.0.2.10?"},
		{arp.OperationRequest, netip.IPv4Unspecified(), vip, "192.0.2.10, anybody?"},
		{arp.OperationRequest, vip, vip, "192.0.2.10 is at me"},
		{arp.OperationReply, vip, other, "192.0.2.10 is at me"},
	} {
		p, err := arp.NewPacket(test.op, mac, test.sender, mac, test.target)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		f := serialize(t, ethernetHeader(layers.EthernetTypeARP), gopacket.Payload(b))
		if !isARPForVIP(f) {
			t.Errorf("%s: not for the VIP", test.want)
		}
		got, _ := arpOf(f)
		if s := tellARP(got); s != test.want {
			t.Errorf("%q, want %q", s, test.want)
		}
		for n := range f.Data[:ethernetLen+28] {
			if isARPForVIP(lab.Frame{Data: f.Data[:n]}) {
				t.Errorf("found ARP in %d bytes", n)
			}
		}
	}
}
