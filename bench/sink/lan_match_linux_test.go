package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/lab"
)

// server is a real server with a sink, and a machine that sends to it:
//
//	client eth0 ───── eth0 server
//	 .1                       .2, and the VIPs on lo
type server struct {
	lab          *lab.Lab
	client, host *lab.Host
	link         *lab.Link
}

var (
	vip4 = netip.MustParseAddr("192.0.2.10")
	vip6 = netip.MustParseAddr("2001:db8::10")
	mac  = [6]byte{2, 0, 0, 0, 0, 2}
)

func newServer(t *testing.T) *server {
	l := lab.ForTest(t)
	s := &server{lab: l, client: l.Host("client"), host: l.Host("server")}
	s.link = l.Connect(s.client, s.host,
		lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24", "2001:db8::1/64")},
		lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24", "2001:db8::2/64"), MAC: mac[:]})
	for _, vip := range []netip.Addr{vip4, vip6} {
		s.host.Interface("lo").AddAddr(netip.PrefixFrom(vip, vip.BitLen()))
		s.client.SetNeighbor("eth0", vip, mac[:])
	}
	return s
}

func (s *server) open(t *testing.T, kind Kind, m Match) *Sink {
	t.Helper()
	if m.MACs == nil {
		m.MACs = [][6]byte{mac}
	}
	var made *Sink
	err := s.host.Do(func() (err error) {
		made, err = OpenMatchKind(kind, "eth0", m)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() }) // a test may have closed it
	return made
}

// matchKinds are all ways.
var matchKinds = []Kind{XDP, Generic, Rules}

// packet is a frame of 60 bytes or more to a VIP, with what a test changes of it.
func packet(to netip.AddrPort, protocol byte, change ...func([]byte)) []byte {
	f := make([]byte, 80)
	copy(f, mac[:])
	copy(f[6:], []byte{2, 0, 0, 0, 0, 1})
	if to.Addr().Is4() {
		f[12], f[13], f[14] = 0x08, 0x00, 0x45
		binary.BigEndian.PutUint16(f[16:], uint16(len(f)-14))
		f[22], f[23] = 64, protocol
		copy(f[26:], []byte{192, 0, 2, 1})
		copy(f[30:], to.Addr().AsSlice())
		binary.BigEndian.PutUint16(f[36:], to.Port())
	} else {
		f[12], f[13], f[14] = 0x86, 0xdd, 0x60
		binary.BigEndian.PutUint16(f[18:], uint16(len(f)-54))
		f[20], f[21] = protocol, 64
		copy(f[22:], netip.MustParseAddr("2001:db8::1").AsSlice())
		copy(f[38:], to.Addr().AsSlice())
		binary.BigEndian.PutUint16(f[56:], to.Port())
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func toOther(f []byte) { copy(f, []byte{2, 0, 0, 0, 0, 9}) }

// options moves the ports behind 8 bytes of IPv4 options.
func options(f []byte) {
	f[14] = 0x47
	copy(f[42:], f[34:38])
	binary.BigEndian.PutUint16(f[36:], 22)
}

// tagged puts a VLAN tag before the packet, which it makes 4 bytes shorter.
func tagged(f []byte) {
	length := 16
	if f[12] == 0x86 {
		length = 18
	}
	binary.BigEndian.PutUint16(f[length:], binary.BigEndian.Uint16(f[length:])-4)
	copy(f[16:], f[12:])
	f[12], f[13], f[14], f[15] = 0x81, 0, 0, 5
}

// matchCase is a frame, and what becomes of it.
type matchCase struct {
	name  string
	frame []byte
	place int // in which it counts; -1: in none
	drop  bool
}

func matchCases() []matchCase {
	v4, v6 := netip.AddrPortFrom(vip4, 80), netip.AddrPortFrom(vip6, 80)
	cases := []matchCase{
		{"TCP", packet(v4, 6), 0, true},
		{"UDP", packet(v4, 17), 0, true},
		{"options", packet(v4, 6, options), 0, true},
		{"another server's MAC", packet(v4, 6, func(f []byte) { f[5] = 3 }), 1, true},
		{"nobody's MAC", packet(v4, 6, toOther), 2, false},
		{"another port", packet(netip.AddrPortFrom(vip4, 22), 6), -1, false},
		{"port in another byte", packet(netip.AddrPortFrom(vip4, 80<<8), 6), -1, false},
		{"options before another port", packet(netip.AddrPortFrom(vip4, 22), 6, options), -1, false},
		{"source port", packet(netip.AddrPortFrom(vip4, 22), 6, func(f []byte) { f[35] = 80 }), -1, false},
		{"server's own address", packet(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), 80), 6), -1, false},
		{"source address", packet(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), 80), 6, func(f []byte) {
			copy(f[26:], vip4.AsSlice())
		}), -1, false},
		{"ICMP", packet(v4, 1), -1, false},
		{"SCTP", packet(v4, 132), -1, false},
		{"first fragment", packet(v4, 17, func(f []byte) { f[20] = 0x20 }), -1, false},
		{"later fragment", packet(v4, 17, func(f []byte) { f[21] = 1 }), -1, false},
		{"tag", packet(v4, 17, tagged), -1, false},
		{"no version", packet(v4, 17, func(f []byte) { f[14] = 0x55 }), -1, false},
		{"header too short", packet(v4, 17, func(f []byte) { f[14] = 0x44 }), -1, false},
		{"ends in its header", packet(v4, 17)[:30], -1, false},
		{"ends before its ports", packet(v4, 17)[:36], -1, false},
		{"ends in its options", packet(v4, 17, func(f []byte) { f[14] = 0x4f })[:60], -1, false},
		{"ARP", append([]byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6}, make([]byte, 46)...), -1, false},
		{"IPv6 beside IPv4", packet(v6, 6), -1, false},
	}
	return cases
}

func matchCases6() []matchCase {
	v6 := netip.AddrPortFrom(vip6, 80)
	return []matchCase{
		{"TCP", packet(v6, 6), 0, true},
		{"UDP", packet(v6, 17), 0, true},
		{"another server's MAC", packet(v6, 6, func(f []byte) { f[5] = 3 }), 1, true},
		{"nobody's MAC", packet(v6, 6, toOther), 2, false},
		{"another port", packet(netip.AddrPortFrom(vip6, 22), 6), -1, false},
		{"last word of the address", packet(netip.AddrPortFrom(netip.MustParseAddr("2001:db8::11"), 80), 6), -1, false},
		{"first word of the address", packet(netip.AddrPortFrom(netip.MustParseAddr("2001:db9::10"), 80), 6), -1, false},
		{"ICMPv6", packet(v6, 58), -1, false},
		{"extension header", packet(v6, 0), -1, false},
		{"tag", packet(v6, 17, tagged), -1, false},
		{"ends before its ports", packet(v6, 17)[:56], -1, false},
		{"IPv4 beside IPv6", packet(netip.AddrPortFrom(vip4, 80), 6), -1, false},
	}
}

// TestLANMatch: exactly the frames to the address and port are counted and dropped,
// and all others go their way byte for byte. Whoever looks at an interface sees
// frames behind XDP, but before nftables: there, that a frame is not in a counter
// of a dropping rule says that it passed.
func TestLANMatch(t *testing.T) {
	for _, kind := range matchKinds {
		for vip, cases := range map[netip.Addr][]matchCase{vip4: matchCases(), vip6: matchCases6()} {
			t.Run(fmt.Sprintf("%s %v", kind, vip), func(t *testing.T) {
				s := newServer(t)
				made := s.open(t, kind, Match{VIP: vip, Port: 80, MACs: [][6]byte{mac, {2, 0, 0, 0, 0, 3}}})
				testMatch(t, s, made, kind, cases)
			})
		}
	}
}

// mark is a frame behind the others, which is none of the sink's.
var mark = append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5}, make([]byte, 46)...)

// testMatch sends one frame after the other.
func testMatch(t *testing.T, s *server, made *Sink, kind Kind, cases []matchCase) {
	t.Helper()
	want := Counts{Servers: make([]uint64, 2)}
	wire := s.link.Peer.Capture()
	for _, c := range cases {
		switch c.place {
		case 0, 1:
			want.Servers[c.place]++
		case 2:
			want.Others++
		}
		for _, f := range [][]byte{c.frame, mark} {
			if err := s.link.Inject(f); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		hides := c.drop && kind != Rules
		passed, marked := false, false
		_, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
			passed = passed || bytes.HasPrefix(f.Data, c.frame[:12]) && bytes.Contains(f.Data, c.frame[16:])
			marked = marked || bytes.Equal(f.Data, mark)
			return marked && (passed || hides)
		})
		if err != nil {
			t.Fatalf("%s: passed %v, the frame behind it %v: %v", c.name, passed, marked, err)
		}
		if passed && hides {
			t.Errorf("%s: passed", c.name)
		}
		got, err := made.Counts()
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(got, want) {
			t.Fatalf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

// TestLANMatchProtocol: only the protocol that is asked for is taken.
func TestLANMatchProtocol(t *testing.T) {
	to := netip.AddrPortFrom(vip4, 80)
	for _, kind := range matchKinds {
		for name, number := range map[string]byte{"tcp": 6, "udp": 17} {
			s := newServer(t)
			made := s.open(t, kind, Match{VIP: vip4, Port: 80, Protocol: name, MACs: [][6]byte{mac, {2}}})
			testMatch(t, s, made, kind, []matchCase{
				{"the protocol", packet(to, number), 0, true},
				{"the other", packet(to, numberTCP+numberUDP-number), -1, false},
			})
		}
	}
}

// TestLANManyMACs: as many servers as there may be are told apart.
func TestLANManyMACs(t *testing.T) {
	m := Match{VIP: vip4, Port: 80}
	for i := range MaxMACs {
		m.MACs = append(m.MACs, MAC(i))
	}
	for _, kind := range matchKinds {
		s := newServer(t)
		made := s.open(t, kind, m)
		frame := packet(netip.AddrPortFrom(vip4, 80), numberTCP)
		want := Counts{Servers: make([]uint64, MaxMACs)}
		for i := range MaxMACs {
			to := MAC(i)
			copy(frame, to[:])
			if err := s.link.Inject(frame); err != nil {
				t.Fatal(err)
			}
			want.Servers[i] = 1
		}
		var got Counts
		for got.Total() < MaxMACs && t.Context().Err() == nil {
			var err error
			if got, err = made.Counts(); err != nil {
				t.Fatal(err)
			}
		}
		if !cmp.Equal(got, want) {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}

func TestBadMatch(t *testing.T) {
	good := Match{VIP: vip4, Port: 80, MACs: [][6]byte{mac}}
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Match){
		"VIP invalid IP: want an IP address":        func(m *Match) { m.VIP = netip.Addr{} },
		"VIP 0.0.0.0: want an IP address":           func(m *Match) { m.VIP = netip.IPv4Unspecified() },
		"VIP ::ffff:192.0.2.1: want an IP address":  func(m *Match) { m.VIP = netip.MustParseAddr("::ffff:192.0.2.1") },
		"port 0: want 1 to 65535":                   func(m *Match) { m.Port = 0 },
		`protocol "sctp": want udp or tcp`:          func(m *Match) { m.Protocol = "sctp" },
		"0 Ethernet addresses: want 1 to 64":        func(m *Match) { m.MACs = nil },
		"65 Ethernet addresses: want 1 to 64":       func(m *Match) { m.MACs = make([][6]byte, 65) },
		"address 02:00:00:00:00:02: is there twice": func(m *Match) { m.MACs = [][6]byte{mac, mac} },
	} {
		m := good
		change(&m)
		if err := m.validate(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestLANOperatorStays: a connection to the server's own address, one to the VIP's
// other port, and new ones, go on while a sink takes all frames to the VIP's port;
// when it is closed, those arrive too.
func TestLANOperatorStays(t *testing.T) {
	for _, kind := range matchKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := newServer(t)
			own := netip.MustParseAddrPort("192.0.2.2:22")
			served, other := netip.AddrPortFrom(vip4, 80), netip.AddrPortFrom(vip4, 22)
			for _, at := range []netip.AddrPort{own, served, other} {
				s.echo(t, at)
			}
			before := []net.Conn{s.dial(t, own), s.dial(t, other)}
			s.link.Peer.SetOffload(lab.GRO, true)
			made := s.open(t, kind, Match{VIP: vip4, Port: 80})
			for _, conn := range append(before, s.dial(t, own), s.dial(t, other)) {
				talk(t, conn)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if conn, err := s.client.Dial(ctx, "tcp", served.String()); err == nil {
				_ = conn.Close()
				t.Error("the sink let a SYN to its port pass")
			}
			if got, err := made.Counts(); err != nil || got.Total() == 0 || got.Others != 0 {
				t.Errorf("counted %+v, %v", got, err)
			}
			if err := made.Close(); err != nil {
				t.Fatal(err)
			}
			for _, conn := range append(before, s.dial(t, served)) {
				talk(t, conn)
			}
		})
	}
}

// echo answers on an address of the server with what it is told.
func (s *server) echo(t *testing.T, at netip.AddrPort) {
	t.Helper()
	listener, err := s.host.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
}

func (s *server) dial(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := s.client.Dial(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// talk says something and hears it again.
func talk(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said := []byte("hello")
	if _, err := conn.Write(said); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, len(said))
	if _, err := io.ReadFull(conn, heard); err != nil || !bytes.Equal(heard, said) {
		t.Fatalf("%v: heard %q, %v", conn.RemoteAddr(), heard, err)
	}
}
