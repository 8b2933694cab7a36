package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lvsdr/finding"
	"lvsdr/frame"
)

// both6 are a real server with an IPv6 address and one with IPv4 alone.
func both6() []Server { return []Server{{Addr: web16}, {Addr: web2}} }

// asks6 is a solicitation with that sender.
func asks6(mac frame.MAC, src, target netip.Addr) []byte {
	s := segment{mac: mac, addrs: []netip.Prefix{netip.PrefixFrom(src, 128)}}
	return s.solicitNDP(target)
}

func TestDiagnosis6(t *testing.T) {
	const (
		at1 = " 2001:db8::21 02:00:00:00:00:21"
		at2 = " 192.0.2.22 02:00:00:00:00:22"
	)
	for name, c := range map[string]struct {
		change func(w1, w2 *host, l *memory, o *Options)
		heard  [][]byte // before anything is asked
		want   string
		says   string // in What of a result
	}{
		"healthy": {says: "real server 192.0.2.22 takes the VIP 2001:db8:1::10: echo, SYN-ACK from port 80, a datagram from UDP port 53"},
		"alone":   {says: "2001:db8:1::10: no other host answers neighbour discovery for it"},
		"lossy":   {change: func(w1, w2 *host, _ *memory, _ *Options) { w1.deaf, w2.deaf = [2]int{2, 9}, [2]int{1, 1} }},
		"server answers for the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.addrs = append(w1.addrs, vip6) },
			want:   string(finding.VIPAtServer) + at1,
			says:   "real server 2001:db8::21 (02:00:00:00:00:21) answers neighbour discovery for the VIP 2001:db8:1::10",
		},
		"server asks with the VIP": {
			heard: [][]byte{asks6(web2MAC, vip6, ip("2001:db8::1"))},
			want:  string(finding.VIPAtServer) + at2, says: "asks by neighbour discovery with the VIP 2001:db8:1::10 as its own address",
		},
		"a stranger announces the VIP": {
			heard: [][]byte{(&host{mac: alien}).advertise(frame.AddrFrom(vip6), frame.Addr{})},
			want:  string(finding.VIPElsewhere) + "  00:50:56:01:02:03", says: "announces the VIP 2001:db8:1::10 by neighbour discovery",
		},
		"a probe is no claim": {heard: [][]byte{func() []byte {
			s := segment{mac: alien}
			return s.solicitNDP(vip6)
		}()}},
		"a router's advertisement is not believed": {heard: [][]byte{func() []byte {
			b := (&host{mac: alien}).advertise(frame.AddrFrom(vip6), frame.Addr{})
			frame.IPv6(b[frame.EthernetLen:]).SetHopLimit(254)
			return b
		}()}},
		"director that is silent": {
			change: func(_, _ *host, _ *memory, o *Options) { o.Director.MAC = alien },
			want:   string(finding.VIPUnanswered), says: "the director does not answer neighbour discovery",
		},
		"absent": {
			change: func(_, _ *host, l *memory, _ *Options) { l.hosts = l.hosts[1:] },
			want:   string(finding.ServerAbsent) + " 2001:db8::21", says: "nobody answers neighbour discovery for real server 2001:db8::21",
		},
		"lacks the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.takes = nil },
			want:   string(finding.ServerLacksVIP) + at1,
		},
		"forwards the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.takes, w1.router = nil, true },
			want:   string(finding.ServerForwards) + at1,
		},
		"forwards the VIP to the other server": {
			change: func(w1, w2 *host, _ *memory, _ *Options) { w1.takes, w1.router, w1.gateway = nil, true, w2 },
			want:   string(finding.ServerPassesOn) + " 2001:db8::21 02:00:00:00:00:22",
		},
		"refuses": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.tcp, w1.udp = nil, nil },
			want:   string(finding.ServiceRefused) + at1 + "; " + string(finding.ServiceRefused) + at1,
			says:   "answers a DNS query to UDP port 53 with port unreachable",
		},
		"rejects": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.reject = 13 },
			want:   string(finding.ServerRejects) + at1 + "; " + string(finding.ServerRejects) + at1, says: "destination unreachable, code 1",
		},
		"small MTU": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.mtu = 1400 },
			want:   string(finding.PathMTU) + at1, says: "1500 bytes does not reach real server 2001:db8::21; one of 1400 bytes does",
		},
		"a server's other address": {
			change: func(_, w2 *host, l *memory, o *Options) {
				w2.addrs = append(w2.addrs, ip("2001:db8::22"))
				o.Services[0].Servers = append(both6(), Server{Addr: ip("2001:db8::22")})
			},
		},
		"no IPv6 address here": {
			change: func(_, w2 *host, l *memory, o *Options) {
				s := testSegment()
				s.addrs = s.addrs[:2]
				l.seg = &s
				w2.addrs = append(w2.addrs, vip6)
			},
			want: string(finding.HostNoAddress) + "; " + string(finding.VIPAtServer) + at2,
			says: "eth0 has no IPv6 address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w1, w2 := goodServer(web16, web1MAC), goodServer(web2, web2MAC)
			w1.takes, w2.takes = []netip.Addr{vip6}, []netip.Addr{vip6}
			l := &memory{t: t, hosts: []*host{w1, w2}, heard: c.heard}
			o := Options{Interface: "eth0", Services: services(both6())}
			for i := range o.Services {
				o.Services[i].VIP = vip6
			}
			if c.change != nil {
				c.change(w1, w2, l, &o)
			}
			if err := o.check(); err != nil {
				t.Fatal(err)
			}
			results := l.examine(o)
			if got := told(results); got != c.want {
				t.Errorf("told %q\nwant %q", got, c.want)
			}
			if !slices.ContainsFunc(results, func(r finding.Result) bool { return strings.Contains(r.What, c.says) }) {
				t.Errorf("no result says %q: %+v", c.says, results)
			}
		})
	}
}

// TestSources: from which of its addresses a host asks.
func TestSources(t *testing.T) {
	s := testSegment()
	for host, want := range map[string]netip.Addr{
		"192.0.2.9": ownIP, "203.0.113.1": ip("198.51.100.2"),
		"2001:db8::9": ownIP6, "2001:db8:9::9": ownIP6, "fe80::9": ip("fe80::2"),
	} {
		if got := s.source(ip(host)); got != want {
			t.Errorf("%s is asked from %v, want %v", host, got, want)
		}
	}
}

// TestTried: which ports of a service are tried.
func TestTried(t *testing.T) {
	for _, c := range []struct {
		first, last uint16
		sample      int
		want        []uint16
	}{
		{0, 0, 2, []uint16{anyPort}},
		{80, 0, 2, []uint16{80}},
		{80, 80, 2, []uint16{80}},
		{80, 81, 2, []uint16{80, 81}},
		{80, 81, 9, []uint16{80, 81}},
		{80, 89, 1, []uint16{80}},
		{80, 89, 2, []uint16{80, 89}},
		{1, 65535, 3, []uint16{1, 32768, 65535}},
	} {
		s := Service{Port: c.first, LastPort: c.last, Protocol: frame.ProtocolTCP}
		if got := s.tried(c.sample); !slices.Equal(got, c.want) {
			t.Errorf("of %d-%d, %d are tried: %v, want %v", c.first, c.last, c.sample, got, c.want)
		}
	}
}
