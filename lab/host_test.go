package lab_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/lab"
)

func TestLANSysctl(t *testing.T) {
	l := lab.ForTest(t)
	a, b := l.Host("a"), l.Host("b")
	a.SetSysctl("net.ipv4.ip_forward", "1")
	if got := a.Sysctl("net.ipv4.ip_forward") + b.Sysctl("net.ipv4.ip_forward"); got != "10" {
		t.Errorf("ip_forward on a and b: %s", got)
	}
	l.Connect(a, b, lab.LinkConfig{Name: "eth0.7"})
	a.SetSysctl("net/ipv4/conf/eth0.7/arp_ignore", "3")
	if got := a.Sysctl("net/ipv4/conf/eth0.7/arp_ignore"); got != "3" {
		t.Errorf("arp_ignore of an interface with a dot: %s", got)
	}
}

// TestLANRoute: client 192.0.2.1 ── router ── 198.51.100.2 server
func TestLANRoute(t *testing.T) {
	l := lab.ForTest(t)
	client, router, server := l.Host("client"), l.Host("router"), l.Host("server")
	l.Connect(client, router, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")}, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.254/24")})
	l.Connect(server, router, lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.2/24")}, lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.254/24")})
	router.SetSysctl("net.ipv4.ip_forward", "1")
	client.AddRoute(lab.Route{Via: netip.MustParseAddr("192.0.2.254")})
	server.AddRoute(lab.Route{Dst: netip.MustParsePrefix("192.0.2.0/24"), Via: netip.MustParseAddr("198.51.100.254"), Dev: "eth0"})
	server.Interface("lo").AddAddr(netip.MustParsePrefix("203.0.113.1/32"))
	router.AddRoute(lab.Route{Dst: netip.MustParsePrefix("203.0.113.1/32"), Via: netip.MustParseAddr("198.51.100.2")})
	serveEcho(t, server, "203.0.113.1:7")
	conn := dialUDP(t, client, "203.0.113.1:7")
	if !exchange(t, conn, soon) {
		t.Fatal("no answer over the router")
	}
	if n := router.SNMP("Ip.ForwDatagrams"); n != 2 {
		t.Errorf("the router forwarded %d, want 2", n)
	}
	if n := router.SNMP("TcpExt.ListenDrops"); n != 0 {
		t.Errorf("ListenDrops is %d", n)
	}
	router.DeleteRoute(lab.Route{Dst: netip.MustParsePrefix("203.0.113.1/32"), Via: netip.MustParseAddr("198.51.100.2")})
	if exchange(t, conn, long) {
		t.Error("an answer came without the route")
	}
}

func TestLANDirectIPv6(t *testing.T) {
	l := lab.ForTest(t)
	a, b := l.Host("a"), l.Host("b")
	link := l.Connect(a, b, lab.LinkConfig{Addrs: lab.MustPrefixes("2001:db8::1/64")}, lab.LinkConfig{Addrs: lab.MustPrefixes("2001:db8::2/64")})
	serveEcho(t, b, "[2001:db8::2]:7")
	if !exchange(t, dialUDP(t, a, "[2001:db8::2]:7"), soon) {
		t.Fatal("no answer")
	}
	if addrs := link.Addrs(); len(addrs) == 0 || addrs[0] != netip.MustParsePrefix("2001:db8::1/64") {
		t.Errorf("addresses %v", addrs)
	}
	if got := a.Neighbor(netip.MustParseAddr("2001:db8::2")).String(); got != link.Peer.MAC().String() {
		t.Errorf("neighbour %s", got)
	}
}

func TestLANQuiet(t *testing.T) {
	p := newPair(t)
	wire := p.clientLink.Capture()
	p.clientLink.Peer.Down()
	p.clientLink.Peer.Up()
	mark := ethernet(p.serverLink.MAC(), p.clientLink.MAC(), 0x88b5, make([]byte, 46)...)
	if err := p.client.InjectFrame("eth0", mark); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool { return f.EtherType() == 0x88b5 }); err != nil {
		t.Fatal(err)
	}
	if frames := wire.Frames(); len(frames) != 1 {
		t.Errorf("frames that nobody sent: %v", frames)
	}
}

func TestLANInject(t *testing.T) {
	p := newPair(t)
	at, from := p.serverLink.Capture(), p.clientLink.Capture()
	dst, src := p.serverLink.MAC(), p.clientLink.MAC()
	out, err := p.clientLink.Injector()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		frame     []byte
		etherType uint16
		vlan      uint16
	}{
		"malformed":  {ethernet(dst, src, 0x0800, 0x4f, 0, 0xff), 0x0800, 0},
		"tagged":     {ethernet(dst, src, 0x8100, 0x60, 7, 0x88, 0xb5, 1, 2, 3), 0x88b5, 7},
		"QinQ":       {ethernet(dst, src, 0x88a8, 0, 8, 0x81, 0, 0, 9, 0x88, 0xb6, 4), 0x88b6, 8},
		"full":       {ethernet(dst, src, 0x88b7, make([]byte, 1500)...), 0x88b7, 0},
		"no payload": {ethernet(dst, src, 0x88b8), 0x88b8, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := out.Inject(test.frame); err != nil {
				t.Fatal(err)
			}
			same := func(f lab.Frame) bool { return string(f.Data) == string(test.frame) && f.Length == len(test.frame) }
			got, err := at.WaitFor(t.Context(), same)
			if err != nil {
				t.Fatalf("%v: %v", err, at.Frames())
			}
			if id, _ := got.VLAN(); got.Outgoing || got.EtherType() != test.etherType || id != test.vlan {
				t.Errorf("%v: type %#x, VLAN %d", got, got.EtherType(), id)
			}
		})
	}
	if n := from.Count(func(f lab.Frame) bool { return f.Outgoing }); n != len(tests) {
		t.Errorf("the sender's capture saw %d of %d", n, len(tests))
	}
	if err := p.clientLink.Inject(ethernet(dst, src, 0x0800, make([]byte, 3000)...)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("a frame above the MTU: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "wire.pcap")
	if err := at.WritePCAP(path); err != nil {
		t.Fatal(err)
	}
	if frames := readPCAP(t, path); len(frames) != len(at.Frames()) {
		t.Errorf("%d frames in the file, want %d", len(frames), len(at.Frames()))
	}
}

func TestLANCaptureOptions(t *testing.T) {
	p := newPair(t)
	short := p.serverLink.Capture(lab.SnapLen(20), lab.Only(isARP))
	serveEcho(t, p.server, "192.0.2.2:7")
	if !exchange(t, dialUDP(t, p.client, "192.0.2.2:7"), soon) {
		t.Fatal("no answer")
	}
	frames := short.Frames()
	for _, f := range frames {
		if !isARP(f) || len(f.Data) != 20 || f.Length < 42 {
			t.Errorf("%v: %d bytes kept of %d", f, len(f.Data), f.Length)
		}
	}
	if len(frames) < 2 {
		t.Errorf("%d ARP frames", len(frames))
	}
	short.Clear()
	if n := len(short.Frames()); n != 0 {
		t.Errorf("%d frames after Clear", n)
	}
}

func TestLANDoSideBySide(t *testing.T) {
	p := newPair(t)
	const many = 20
	var inside sync.WaitGroup
	inside.Add(many)
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			err := p.client.Do(func() error {
				inside.Done()
				inside.Wait() // deadlocks if closures wait for each other
				_, err := net.InterfaceByName("eth0")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	want := errors.New("mine")
	if err := p.client.Do(func() error { return p.server.Do(func() error { return want }) }); !errors.Is(err, want) {
		t.Errorf("a host within a host: %v", err)
	}
	if _, err := net.InterfaceByName("port1"); err == nil {
		t.Error("this goroutine is in a host's namespace")
	}
}

func TestLANCounters(t *testing.T) {
	p := newPair(t)
	before := p.serverLink.Stat("rx_packets")
	for range 5 {
		if err := p.clientLink.Inject(ethernet(p.serverLink.MAC(), p.clientLink.MAC(), 0x88b5, make([]byte, 46)...)); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); p.server.Stat("eth0", "rx_packets") != before+5; time.Sleep(time.Millisecond) {
		if time.Since(began) > soon {
			t.Fatalf("rx_packets %d, want %d", p.serverLink.Stat("rx_packets"), before+5)
		}
	}
}

func TestLANManyHosts(t *testing.T) {
	l := lab.ForTest(t)
	lan := l.Switch("lan")
	for n := range 20 {
		addr := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n + 1)}), 24)
		l.Connect(l.Host(fmt.Sprintf("h%d", n)), lan, lab.LinkConfig{Addrs: []netip.Prefix{addr}, MTU: 9000})
	}
}
