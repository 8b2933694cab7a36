package generator

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var to = netip.MustParseAddrPort("192.0.2.10:80")

func traffic(p Protocol, flows int) Traffic {
	return Traffic{
		Source: [6]byte{2, 0, 0, 0, 0, 1}, Destination: [6]byte{2, 0, 0, 0, 0, 2},
		To: to, Protocol: p, Flows: flows,
	}
}

func complete(t testing.TB, made Traffic) *Traffic {
	t.Helper()
	if err := made.complete(); err != nil {
		t.Fatal(err)
	}
	return &made
}

// serialize is gopacket's frame of a flow.
func serialize(t *testing.T, made *Traffic, flow uint32, opens bool) []byte {
	t.Helper()
	client := clients.Addr().As4()
	client[2], client[3] = byte(flow>>8), byte(flow)
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Flags: layers.IPv4DontFragment,
		SrcIP: client[:], DstIP: to.Addr().AsSlice(), Protocol: layers.IPProtocolUDP,
	}
	port := uint16(firstPort + flow>>16)
	transport := gopacket.SerializableLayer(nil)
	payload := made.Size - udpHeaders
	if made.Protocol == TCP {
		ip.Protocol, payload = layers.IPProtocolTCP, made.Size-tcpHeaders
		tcp := &layers.TCP{
			SrcPort: layers.TCPPort(port), DstPort: layers.TCPPort(to.Port()), SYN: opens, ACK: !opens, Window: 65535,
		}
		if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		transport = tcp
	} else {
		udp := &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: layers.UDPPort(to.Port())}
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		transport = udp
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: made.Source[:], DstMAC: made.Destination[:], EthernetType: layers.EthernetTypeIPv4},
		ip, transport, gopacket.Payload(make([]byte, payload)))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFrames(t *testing.T) {
	for _, protocol := range []Protocol{UDP, TCP} {
		for _, size := range []int{60, 61, 1514} {
			made := traffic(protocol, MaxFlows)
			made.Size = size
			tmpl := newTemplate(complete(t, made))
			frame := make([]byte, size)
			for flow := uint32(0); flow < MaxFlows+freshFlows; flow += 65521 {
				opens := flow%2 == 0
				tmpl.write(frame, flow, opens)
				if want := serialize(t, &made, flow, opens); string(frame) != string(want) {
					t.Fatalf("%s, %d bytes, flow %d:\n% x, want\n% x", protocol, size, flow, frame, want)
				}
			}
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
		sum := uint16(frame[offUDPChecksum])<<8 | uint16(frame[offUDPChecksum+1])
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
		{func(m *Traffic) { m.To = netip.MustParseAddrPort("[2001:db8::1]:80") }, "want an IPv4 address"},
		{func(m *Traffic) { m.To = netip.AddrPortFrom(to.Addr(), 0) }, "want an IPv4 address and a port"},
	} {
		made := traffic(UDP, 1)
		test.change(&made)
		if err := made.complete(); err == nil || !strings.Contains(err.Error(), test.want) {
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
}
