package via

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"lvsdr/healthcheck"
	"lvsdr/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	vip  = netip.MustParseAddr("192.0.2.10")
	vip6 = netip.MustParseAddr("2001:db8::10")
)

// rip is the real server 192.0.2.n, and rip6 the same one.
func rip(n int) netip.Addr  { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }
func rip6(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", n)) }

// segment is a LAN on which no host owns the VIPs but real servers, on their lo:
//
//	director 192.0.2.2 ──┐
//	server   192.0.2.21 ─┼─ switch       (IPv6: 2001:db8::)
//	server   192.0.2.22 ─┘
//
// Each server says its name on TCP port 80, on whichever address it is asked.
type segment struct {
	t        testing.TB
	lab      *lab.Lab
	sw       *lab.Switch
	director *lab.Host
	end      *lab.Link // the director's
	ways     *Ways
}

func newSegment(t testing.TB) *segment {
	t.Helper()
	l := lab.ForTest(t)
	s := &segment{t: t, lab: l, sw: l.Switch("lan"), director: l.Host("director")}
	s.end = l.Connect(s.director, s.sw, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24", "2001:db8::2/64")})
	return s
}

// server adds the server 192.0.2.n, which does not have the VIPs yet.
func (s *segment) server(n int) *lab.Host {
	s.t.Helper()
	h := s.lab.Host(fmt.Sprintf("server%d", n))
	s.lab.Connect(h, s.sw, lab.LinkConfig{Addrs: []netip.Prefix{netip.PrefixFrom(rip(n), 24), netip.PrefixFrom(rip6(n), 64)}})
	h.SetSysctl("net.ipv4.conf.all.arp_ignore", "1")
	h.SetSysctl("net.ipv4.conf.all.arp_announce", "2")
	serve(s.t, h)
	return h
}

// serve has a host say its name.
func serve(t testing.TB, h *lab.Host) {
	t.Helper()
	l, err := h.Listen("tcp", "[::]:80")
	if err != nil {
		t.Fatal(err)
	}
	go serveName(l, h.Name())
}

// serveName says a name to whoever connects.
func serveName(l net.Listener, name string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, name+"\n")
		_ = c.Close()
	}
}

// own gives a server the VIPs.
func own(h *lab.Host) {
	h.Interface("lo").AddAddr(netip.PrefixFrom(vip, 32))
	h.Interface("lo").AddAddr(netip.PrefixFrom(vip6, 128))
}

// open opens the ways of the director.
func (s *segment) open() *Ways {
	s.t.Helper()
	var w *Ways
	s.do(func() (err error) {
		w, err = Open(Config{Egress: s.end.Name()})
		return err
	})
	s.t.Cleanup(func() { s.close(w) })
	s.ways = w
	return w
}

func (s *segment) close(w *Ways) { s.do(w.Close) }

func (s *segment) do(fn func() error) {
	s.t.Helper()
	if err := s.director.Do(fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *segment) set(servers ...Server) {
	s.t.Helper()
	s.do(func() error { s.ways.Set(servers); return nil })
}

func (s *segment) look() (problems []Problem) {
	s.t.Helper()
	s.do(func() error { problems = s.ways.Look(); return nil })
	return problems
}

// quiet wants that there is nothing to tell.
func (s *segment) quiet() {
	s.t.Helper()
	if p := s.look(); len(p) > 0 {
		s.t.Errorf("problems: %+v", p)
	}
}

// both is server n by both families.
func both(n int) []Server {
	return []Server{{Addr: rip(n), VIPs: []netip.Addr{vip}}, {Addr: rip6(n), VIPs: []netip.Addr{vip6}}}
}

// How long a probe may take that is to fail, and one that is to succeed: a neighbour
// that does not answer at once is asked again after a second.
const timeout, patience = 500 * time.Millisecond, 5 * time.Second

// check runs a probe of kind tcp by the VIP, or of the server itself.
func (s *segment) check(server netip.Addr, by string) healthcheck.Result {
	s.t.Helper()
	spec := healthcheck.Defaults()
	spec.Via = by
	target := healthcheck.Target{Addr: server, VIP: vip, Port: 80}
	if server.Is6() {
		target.VIP = vip6
	}
	way := healthcheck.Way{}
	if spec.ByVIP() {
		way = s.ways.Way(server)
	}
	c, err := healthcheck.New(spec, target, way)
	if err != nil {
		s.t.Fatal(err)
	}
	if by == healthcheck.ViaReal {
		return s.runFor(c, patience) // none of these is to fail
	}
	return s.run(c)
}

// run runs a probe on the director, for as long as one may take that is to fail.
func (s *segment) run(c healthcheck.Checker) healthcheck.Result { return s.runFor(c, timeout) }

func (s *segment) runFor(c healthcheck.Checker, limit time.Duration) (r healthcheck.Result) {
	s.t.Helper()
	s.do(func() error {
		ctx, cancel := context.WithTimeout(s.t.Context(), limit)
		defer cancel()
		r = c.Check(ctx)
		return nil
	})
	return r
}

// answers returns which server says its name to a connection to the VIP that
// travels to server.
func (s *segment) answers(server netip.Addr) (name string) {
	s.t.Helper()
	to := vip
	if server.Is6() {
		to = vip6
	}
	s.do(func() error {
		d := net.Dialer{Control: s.ways.Way(server).Control, Timeout: patience}
		c, err := d.Dial("tcp", netip.AddrPortFrom(to, 80).String())
		if err != nil {
			return err
		}
		defer c.Close()
		text, err := io.ReadAll(c)
		name = strings.TrimSpace(string(text))
		return err
	})
	return name
}

// world is all that the package may touch on a host, a line each, in order.
func (s *segment) world() (lines []string) {
	s.t.Helper()
	s.do(func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			rules, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range rules {
				lines = append(lines, fmt.Sprintf("%d %v mark %#x goto %d protocol %d", family, r, r.Mark, r.Goto, r.Protocol))
			}
			routes, err := netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
			if err != nil {
				return err
			}
			for _, r := range routes {
				if r.Table != unix.RT_TABLE_LOCAL { // the kernel's own
					lines = append(lines, r.String())
				}
			}
			neighbors, err := netlink.NeighList(0, family)
			if err != nil {
				return err
			}
			for _, n := range neighbors {
				if n.State&netlink.NUD_PERMANENT != 0 {
					lines = append(lines, "neighbour "+n.String())
				}
			}
		}
		return nil
	})
	slices.Sort(lines)
	return lines
}

// unchanged wants the world to be as it was.
func (s *segment) unchanged(before []string) {
	s.t.Helper()
	if now := s.world(); !slices.Equal(now, before) {
		s.t.Errorf("before:\n%s\nnow:\n%s", strings.Join(before, "\n"), strings.Join(now, "\n"))
	}
}

// TestLANAsksTheVIPOnThatServer: a server that lacks the VIP fails, however well it
// is itself, and no other answers for it.
func TestLANAsksTheVIPOnThatServer(t *testing.T) {
	s := newSegment(t)
	good, bad := s.server(21), s.server(22)
	own(good)
	before := s.world()
	s.open()
	s.set(slices.Concat(both(21), both(22))...)
	for _, tt := range []struct{ good, bad netip.Addr }{{rip(21), rip(22)}, {rip6(21), rip6(22)}} {
		if name := s.answers(tt.good); name != "server21" {
			t.Errorf("%v: %q answers", tt.good, name)
		}
		if r := s.check(tt.bad, healthcheck.ViaReal); !r.OK {
			t.Errorf("%v itself: %+v", tt.bad, r)
		}
		if r := s.check(tt.bad, healthcheck.ViaVIP); r.OK || r.RTT > 2*timeout {
			t.Errorf("%v has no VIP: %+v", tt.bad, r)
		}
	}
	own(bad)
	for _, a := range []netip.Addr{rip(22), rip6(22)} {
		if name := s.answers(a); name != "server22" {
			t.Errorf("%v has the VIP: %q answers", a, name)
		}
	}
	s.quiet()
	s.set(both(21)...)
	if r := s.check(rip(22), healthcheck.ViaVIP); r.OK || !strings.Contains(r.Message, "no way to 192.0.2.22") {
		t.Errorf("a server that was taken out: %+v", r)
	}
	s.close(s.ways)
	s.unchanged(before)
	if r := s.check(rip(21), healthcheck.ViaVIP); r.OK {
		t.Errorf("closed: %+v", r)
	}
}

// TestLANDatagrams: sockets that are connected and such that are not take the way.
func TestLANDatagrams(t *testing.T) {
	s := newSegment(t)
	for n := 21; n <= 22; n++ {
		h := s.server(n)
		own(h)
		c, err := h.ListenPacket("udp", vip.String()+":53")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			b := make([]byte, 100)
			for {
				_, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo([]byte(h.Name()), from)
			}
		}()
	}
	s.open()
	s.set(slices.Concat(both(21), both(22))...)
	for n := 21; n <= 22; n++ {
		way := s.ways.Way(rip(n))
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(vip, 53))
		s.do(func() error {
			connected, err := (&net.Dialer{Control: way.Control}).Dial("udp", to.String())
			if err != nil {
				return err
			}
			defer connected.Close()
			free, err := (&net.ListenConfig{Control: way.Control}).ListenPacket(t.Context(), "udp4", "0.0.0.0:0")
			if err != nil {
				return err
			}
			defer free.Close()
			for _, ask := range []struct {
				net.PacketConn
				send func([]byte) (int, error)
			}{
				{connected.(*net.UDPConn), connected.Write},
				{free, func(b []byte) (int, error) { return free.WriteTo(b, to) }},
			} {
				_ = ask.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := ask.send([]byte("who?")); err != nil {
					return err
				}
				b := make([]byte, 100)
				got, _, err := ask.ReadFrom(b)
				if err != nil {
					return err
				}
				if name := string(b[:got]); name != fmt.Sprintf("server%d", n) {
					t.Errorf("%q answers for server %d", name, n)
				}
			}
			return nil
		})
	}
}

// TestLANConnectionsLeaveNoPort: probes of a VIP would use up our ports otherwise.
func TestLANConnectionsLeaveNoPort(t *testing.T) {
	s := newSegment(t)
	server := s.server(21)
	own(server)
	l, err := server.Listen("tcp", vip.String()+":81")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, c) // it is never the first to close
			_ = c.Close()
		}
	}()
	s.open()
	s.set(both(21)...)
	way := s.ways.Way(rip(21))
	connect := func(control func(string, string, syscall.RawConn) error) {
		s.do(func() error {
			c, err := (&net.Dialer{Control: control}).Dial("tcp", vip.String()+":81")
			if err != nil {
				return err
			}
			return c.Close()
		})
	}
	for range 5 {
		connect(way.Control)
		connect(onlyMark(way)) // so that the others are seen to have had the time
	}
	for deadline := time.Now().Add(5 * time.Second); s.timeWaits() < 5 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := s.timeWaits(); n != 5 {
		t.Errorf("%d connections are in TIME_WAIT, want those 5 that ended politely", n)
	}
}

// onlyMark is the way without the manner of ending.
func onlyMark(w healthcheck.Way) func(string, string, syscall.RawConn) error {
	return func(_, address string, c syscall.RawConn) error { return w.Control("udp", address, c) }
}

// timeWaits counts the director's connections in TIME_WAIT (proc(5), /proc/net/tcp).
func (s *segment) timeWaits() (n int) {
	s.t.Helper()
	s.do(func() error {
		socks, err := netlink.SocketDiagTCP(unix.AF_INET)
		for _, c := range socks {
			if c.State == netlink.TCP_TIME_WAIT {
				n++
			}
		}
		return err
	})
	return n
}
