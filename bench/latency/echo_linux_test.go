package latency

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/lab"
)

// echoes is a server that echoes, on a cable to a client:
//
//	client eth0 192.0.2.1 ───── 192.0.2.2 eth0 server
type echoes struct {
	client, server *lab.Host
	link           *lab.Link
	echo           *Echo
}

var (
	clientMAC = lab.MustMAC("02:00:00:00:00:77") // which is not the cable's
	serverIP  = netip.MustParseAddr("192.0.2.2")
)

// answers are what the server does.
var answers = Answers{
	ClientMAC: [6]byte(clientMAC), Server: serverIP, Port: 7, Load: netip.MustParsePrefix("198.18.0.0/15"),
}

func newEchoes(t *testing.T) *echoes {
	t.Helper()
	l := lab.ForTest(t)
	e := &echoes{client: l.Host("client"), server: l.Host("server")}
	e.link = l.Connect(e.client, e.server,
		lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")}, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
	e.link.SetOffload(lab.GRO, true)
	err := e.server.Do(func() (err error) {
		e.echo, err = OpenEcho("eth0", answers)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.echo.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// datagram is a frame of UDP from a port 5000 on the client's end of the cable.
func (e *echoes) datagram(from, to string, port layers.UDPPort, text string) []byte {
	eth := &layers.Ethernet{SrcMAC: e.link.MAC(), DstMAC: e.link.Peer.MAC(), EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{
		Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP,
		SrcIP: netip.MustParseAddr(from).AsSlice(), DstIP: netip.MustParseAddr(to).AsSlice(),
	}
	udp := &layers.UDP{SrcPort: 5000, DstPort: port}
	_ = udp.SetNetworkLayerForChecksum(ip)
	b := gopacket.NewSerializeBuffer()
	// What is serialized here is whole: it cannot fail.
	_ = gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		eth, ip, udp, gopacket.Payload(text))
	return b.Bytes()
}

// TestLANEcho: to whom which datagram is answered, and that checksums hold.
func TestLANEcho(t *testing.T) {
	e := newEchoes(t)
	wire := e.link.Capture()
	for _, c := range []struct {
		name, to string
		mac      string // where the answer goes
	}{
		{"own address", "192.0.2.2", e.link.MAC().String()},
		{"a VIP", "192.0.2.10", clientMAC.String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := e.link.Inject(e.datagram("203.0.113.9", c.to, 7, c.name)); err != nil {
				t.Fatal(err)
			}
			answer, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool { return f.Src().String() == e.link.Peer.MAC().String() })
			if err != nil {
				t.Fatal(err)
			}
			wire.Clear()
			checkAnswer(t, answer, c.to, c.name)
			if answer.Dst().String() != c.mac {
				t.Errorf("to %v, want %v", answer.Dst(), c.mac)
			}
		})
	}
	if n, err := e.echo.Answered(); n != 2 || err != nil {
		t.Errorf("answered %d, %v", n, err)
	}
}

func decode(f lab.Frame) gopacket.Packet {
	return gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.NoCopy)
}

// checkAnswer compares with what gopacket would send.
func checkAnswer(t *testing.T, answer lab.Frame, from, text string) {
	t.Helper()
	p := decode(answer)
	ip, _ := p.NetworkLayer().(*layers.IPv4)
	udp, _ := p.TransportLayer().(*layers.UDP)
	if ip == nil || udp == nil {
		t.Fatalf("answered by %v", answer)
	}
	if ip.SrcIP.String() != from || ip.DstIP.String() != "203.0.113.9" || udp.SrcPort != 7 || udp.DstPort != 5000 || string(udp.Payload) != text {
		t.Errorf("answered by %v", p)
	}
	_ = udp.SetNetworkLayerForChecksum(ip)
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{ComputeChecksums: true}, ip, udp, gopacket.Payload(udp.Payload))
	if err != nil || string(b.Bytes()) != string(answer.Data[14:14+len(b.Bytes())]) {
		t.Errorf("checksums: %x, want %x, %v", answer.Data[14:], b.Bytes(), err)
	}
}

// TestLANEchoOthers: the load is counted, what a switch sends to all is ignored, and
// what is not for the port is the host's own.
func TestLANEchoOthers(t *testing.T) {
	e := newEchoes(t)
	wire := e.link.Capture()
	for _, source := range []string{"198.18.0.1", "198.19.255.255"} {
		if err := e.link.Inject(e.datagram(source, "192.0.2.2", 7, "load")); err != nil {
			t.Fatal(err)
		}
	}
	flooded := e.datagram("192.0.2.1", "192.0.2.2", 7, "flooded")
	copy(flooded, clientMAC)
	if err := e.link.Inject(flooded); err != nil {
		t.Fatal(err)
	}
	// Nobody listens on the other port: the host's kernel says so.
	if err := e.link.Inject(e.datagram("192.0.2.1", "192.0.2.2", 9, "other")); err != nil {
		t.Fatal(err)
	}
	_, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
		icmp, _ := decode(f).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		return icmp != nil && icmp.TypeCode.Type() == layers.ICMPv4TypeDestinationUnreachable
	})
	if err != nil {
		t.Fatal(err)
	}
	load, err := e.echo.Load()
	if err != nil || load != 2 {
		t.Errorf("counted %d of the load, %v", load, err)
	}
	if n, err := e.echo.Answered(); n != 0 || err != nil {
		t.Errorf("answered %d, %v", n, err)
	}
}

// TestLANEchoRefused: an interface that is taken, one that there is not, and answers
// that are none.
func TestLANEchoRefused(t *testing.T) {
	e := newEchoes(t)
	for _, c := range []struct {
		name    string
		answers Answers
	}{{"eth0", answers}, {"none0", answers}, {"lo", Answers{}}} {
		err := e.server.Do(func() error {
			before := descriptors(t)
			_, err := OpenEcho(c.name, c.answers)
			if after := descriptors(t); after != before {
				t.Errorf("%s: %d descriptors, were %d", c.name, after, before)
			}
			return err
		})
		if err == nil || !strings.HasPrefix(err.Error(), "answer on "+c.name) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
