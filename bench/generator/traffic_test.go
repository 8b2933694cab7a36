package generator

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var (
	to  = netip.MustParseAddrPort("192.0.2.10:80")
	to6 = netip.MustParseAddrPort("[2001:db8::10]:80")
)

func traffic(p Protocol, flows int) Traffic {
	return Traffic{
		Source: [6]byte{2, 0, 0, 0, 0, 1}, Destination: [6]byte{2, 0, 0, 0, 0, 2},
		To: to, Protocol: p, Flows: flows,
	}
}

func complete(t testing.TB, made Traffic) *Traffic {
	t.Helper()
	if err := made.Complete(); err != nil {
		t.Fatal(err)
	}
	return &made
}

// flowSource is the address and port of a flow, by arithmetic on addresses.
func flowSource(made *Traffic, flow uint32) (netip.Addr, uint16) {
	clients := uint32(1) << min(16, made.From.Addr().BitLen()-made.From.Bits())
	raw := made.From.Addr().AsSlice()
	for i, n := len(raw)-1, flow%clients; n > 0; i, n = i-1, n>>8 {
		raw[i] += byte(n)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr, uint16(1024 + flow/clients)
}

// serialize is gopacket's frame of a flow. The traffic is complete.
func serialize(t *testing.T, made *Traffic, flow uint32, opens bool) []byte {
	t.Helper()
	client, port := flowSource(made, flow)
	ethernet := &layers.Ethernet{SrcMAC: made.Source[:], DstMAC: made.Destination[:], EthernetType: layers.EthernetTypeIPv4}
	number, payload := layers.IPProtocolUDP, made.Size-14-20-8
	if made.Protocol == TCP {
		number, payload = layers.IPProtocolTCP, made.Size-14-20-20
	}
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	} = &layers.IPv4{
		Version: 4, TTL: 64, Flags: layers.IPv4DontFragment,
		SrcIP: client.AsSlice(), DstIP: made.To.Addr().AsSlice(), Protocol: number,
	}
	if made.To.Addr().Is6() {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		payload -= 20
		ip = &layers.IPv6{
			Version: 6, HopLimit: 64, SrcIP: client.AsSlice(), DstIP: made.To.Addr().AsSlice(), NextHeader: number,
		}
	}
	var transport interface {
		gopacket.SerializableLayer
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	} = &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: layers.UDPPort(made.To.Port())}
	if made.Protocol == TCP {
		transport = &layers.TCP{
			SrcPort: layers.TCPPort(port), DstPort: layers.TCPPort(made.To.Port()), SYN: opens, ACK: !opens, Window: 65535,
		}
	}
	if err := transport.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		ethernet, ip, transport, gopacket.Payload(make([]byte, payload)))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFrames(t *testing.T) {
	for _, protocol := range []Protocol{UDP, TCP} {
		for _, size := range []int{0, 75, 76, 1514} {
			for _, from := range []string{"", "198.51.100.0/24", "10.1.2.3/32", "2001:2::/48", "2001:db8:1::f0/124", "fd00::1/128"} {
				testFrames(t, protocol, size, from)
			}
		}
	}
}

func testFrames(t *testing.T, protocol Protocol, size int, from string) {
	t.Helper()
	made := traffic(protocol, 1)
	made.Size, made.New = size, 1
	if from != "" {
		made.From = netip.MustParsePrefix(from)
	}
	if strings.Contains(from, ":") {
		made.To = to6
	}
	made.Flows = min(MaxFlows, made.room()-1)
	tmpl := newTemplate(complete(t, made))
	made = *complete(t, made)
	frame := make([]byte, made.Size)
	for flow := uint32(0); flow < uint32(made.Flows+made.Fresh()); flow += 65521 {
		opens := flow%2 == 0
		tmpl.write(frame, flow, opens)
		if want := serialize(t, &made, flow, opens); string(frame) != string(want) {
			t.Fatalf("%s, %d bytes, from %s, flow %d:\n% x, want\n% x", protocol, size, from, flow, frame, want)
		}
	}
}

// TestSources: the addresses and ports that are said are those of the frames.
func TestSources(t *testing.T) {
	for _, c := range []struct {
		from        string
		flows       int
		first, last string
	}{
		{"", 1, "198.18.0.0:1024", "198.18.0.0:1024"},
		{"", 300, "198.18.0.0:1024", "198.18.1.43:1024"},
		{"", 1 << 17, "198.18.0.0:1024", "198.18.255.255:1025"},
		{"10.0.0.7/24", 1000, "10.0.0.0:1024", "10.0.0.255:1027"},
		{"10.0.0.7/32", 64512, "10.0.0.7:1024", "10.0.0.7:65535"},
		{"fd00::/120", 257, "[fd00::]:1024", "[fd00::ff]:1025"},
	} {
		made := traffic(UDP, c.flows)
		if c.from != "" {
			made.From = netip.MustParsePrefix(c.from)
		}
		if strings.Contains(c.from, ":") {
			made.To = to6
		}
		first, last := complete(t, made).Sources()
		if first.String() != c.first || last.String() != c.last {
			t.Errorf("%d from %q: %v to %v, want %s to %s", c.flows, c.from, first, last, c.first, c.last)
		}
	}
}

// TestNoZeroChecksum: a sum of 0 would mean that there is none.
func TestNoZeroChecksum(t *testing.T) {
	made := traffic(UDP, MaxFlows)
	tmpl := newTemplate(complete(t, made))
	frame := make([]byte, MinSize)
	found := false
	for flow := range uint32(1 << 16) {
		tmpl.write(frame, flow, false)
		sum := binary.BigEndian.Uint16(frame[40:])
		if sum == 0 {
			t.Fatalf("flow %d has no checksum", flow)
		}
		found = found || sum == 0xffff
	}
	if !found {
		t.Error("no flow's sum was 0: the test sees nothing")
	}
}

func TestBadTraffic(t *testing.T) {
	for _, test := range []struct {
		change func(*Traffic)
		want   string
	}{
		{func(m *Traffic) { m.Protocol = "sctp" }, `protocol "sctp": want udp or tcp`},
		{func(m *Traffic) { m.Flows = MaxFlows + 1 }, "10000001 flows: want 1 to 10000000"},
		{func(m *Traffic) { m.Flows = -1 }, "-1 flows: want 1 to 10000000"},
		{func(m *Traffic) { m.Size = 59 }, "frames of 59 bytes: want 60 to 1514"},
		{func(m *Traffic) { m.Size = 1515 }, "frames of 1515 bytes: want 60 to 1514"},
		{func(m *Traffic) { m.New = 1.5 }, "share of new flows 1.5: want 0 to 1"},
		{func(m *Traffic) { m.To = to6; m.Size = 61 }, "frames of 61 bytes: want 62 to 1514"},
		{func(m *Traffic) { m.To = to6; m.Protocol = TCP; m.Size = 73 }, "frames of 73 bytes: want 74 to 1514"},
		{func(m *Traffic) { m.To = netip.AddrPortFrom(to.Addr(), 0) }, "want an address and a port"},
		{func(m *Traffic) { m.To = netip.AddrPort{} }, "want an address and a port"},
		{func(m *Traffic) { m.To = netip.MustParseAddrPort("[fe80::1%eth0]:80") }, "want an address and a port"},
		{func(m *Traffic) { m.To = netip.MustParseAddrPort("[::ffff:192.0.2.1]:80") }, "want an address and a port"},
		{func(m *Traffic) { m.From = clients6 }, "clients from 2001:2::/48 to 192.0.2.10: want both IPv4 or both IPv6"},
		{
			func(m *Traffic) { m.From = netip.MustParsePrefix("10.0.0.7/32"); m.Flows = 64513 },
			"64513 flows from 10.0.0.7/32: its clients have 64512 ports",
		},
		{
			func(m *Traffic) { m.From = netip.MustParsePrefix("10.0.0.7/32"); m.Flows, m.New = 64512, 0.1 },
			"64512 flows from 10.0.0.7/32: its clients have 64512 ports",
		},
	} {
		made := traffic(UDP, 1)
		test.change(&made)
		if err := made.Complete(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", made, err, test.want)
		}
	}
}

func TestFresh(t *testing.T) {
	made := traffic(UDP, 1)
	if made.Fresh() != 0 {
		t.Error("without new flows there are fresh ones")
	}
	made.New = 0.1
	if got := made.Fresh(); got != freshFlows {
		t.Error(fmt.Sprint(got, " fresh flows"))
	}
	made.From, made.Flows = netip.MustParsePrefix("10.0.0.7/32"), 64000
	if got := made.Fresh(); got != 512 {
		t.Error(fmt.Sprint(got, " fresh flows of a client that has 512 ports left"))
	}
}
