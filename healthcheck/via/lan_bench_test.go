package via

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/healthcheck"
)

// BenchmarkLANRules is what rules cost whoever connects, by a UDP socket, which is
// little more than the choice of a route: the host's own traffic without any
// rule, with one of somebody else's, and with those of 2,000 servers; and the
// probes of the last server, which are preceded by a question where they go.
func BenchmarkLANRules(b *testing.B) {
	const n = 2000
	s := newSegment(b)
	connect := func(name string, mark uint32) {
		b.Run(name, func(b *testing.B) {
			s.do(func() error {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				defer unix.Close(fd)
				if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
					return err
				}
				to := &unix.SockaddrInet4{Port: 9, Addr: vip.As4()}
				for b.Loop() {
					if err := unix.Connect(fd, to); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	connect("no rule", 0)
	foreign := netlink.NewRule()
	foreign.Family, foreign.Priority, foreign.Mark, foreign.Table = unix.AF_INET, 30_000, 77, 77
	s.do(func() error { return netlink.RuleAdd(foreign) })
	connect("one of another's", 0)
	w := s.open()
	var servers []Server
	for i := range n {
		servers = append(servers, Server{Addr: netip.AddrFrom4([4]byte{192, 0, 2 + byte(i/200), byte(20 + i%200)}), VIPs: []netip.Addr{vip}})
	}
	s.set(servers...)
	connect("2000 servers", 0)
	connect("2000 servers, probe of the last", mark(w.plan.numbers[servers[n-1].Addr]))
	b.Run("2000 servers, where a probe goes", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.inspected(servers[n-1].Addr, vip.String()); err != nil {
				b.Fatal(err)
			}
		}
	})
	s.do(func() error {
		return w.kernel.remove(rule{priority: w.plan.priority, action: jump, mask: markMask, to: w.plan.end()})
	})
	connect("2000 servers, without the jump", 0)
}

// BenchmarkLANProbe is what a probe over TCP costs, with 2,000 real servers that
// have rules: by the server's own address, and by its VIP. The server's side, which
// is in the same process, is counted too: the difference is what a way costs.
func BenchmarkLANProbe(b *testing.B) {
	const n = 2000
	s := newSegment(b)
	own(s.server(21))
	s.open()
	var servers []Server
	for i := range n - 1 {
		servers = append(servers, Server{Addr: netip.AddrFrom4([4]byte{198, 51, byte(i / 200), byte(20 + i%200)}), VIPs: []netip.Addr{vip}})
	}
	s.set(append(servers, both(21)[0])...)
	for _, by := range []string{healthcheck.ViaReal, healthcheck.ViaVIP} {
		b.Run(by, func(b *testing.B) {
			spec := healthcheck.Defaults()
			spec.Via = by
			way := healthcheck.Way{}
			if spec.ByVIP() {
				way = s.ways.Way(rip(21))
			}
			c, err := healthcheck.New(spec, healthcheck.Target{Addr: rip(21), VIP: vip, Port: 80}, way)
			if err != nil {
				b.Fatal(err)
			}
			s.runFor(c, patience) // the neighbour is known now
			b.ReportAllocs()
			used := cpuTime(b)
			for b.Loop() {
				if r := s.runFor(c, patience); !r.OK {
					b.Fatalf("%+v", r)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-used)/float64(b.N), "cpu-ns/probe")
		})
	}
}

// cpuTime returns what this process has used of all cores so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
