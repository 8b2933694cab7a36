package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lvsdr/arp"
	"lvsdr/finding"
	"lvsdr/frame"
)

// goodServer is a real server that has the VIP and two services on it.
func goodServer(addr netip.Addr, mac frame.MAC) *host {
	return &host{mac: mac, addrs: []netip.Addr{addr}, takes: []netip.Addr{vip}, tcp: []uint16{80}, udp: []uint16{53}}
}

func both() []Server { return []Server{{Addr: web1}, {Addr: web2}} }

// services are one of each protocol at both servers.
func services(servers []Server) []Service {
	return []Service{
		{VIP: vip, Port: 80, Protocol: frame.ProtocolTCP, Servers: servers},
		{VIP: vip, Port: 53, Protocol: frame.ProtocolUDP, Servers: servers},
		{VIP: vip, Port: 5060, Protocol: frame.ProtocolSCTP, Servers: servers},
	}
}

// told writes the results that are not OK, with what they name, in order.
func told(results []finding.Result) string {
	var lines []string
	for _, r := range results {
		if r.Verdict != finding.OK {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Kind, r.Server, r.MAC)))
		}
	}
	return strings.Join(lines, "; ")
}

// asks is a request with that sender.
func asks(mac frame.MAC, addr netip.Addr) arp.Packet {
	return arp.Packet{
		Destination: frame.Broadcast, Source: mac, Operation: arp.Request,
		SenderMAC: mac, SenderIP: addr, TargetIP: ip("192.0.2.1"),
	}
}

func TestDiagnosis(t *testing.T) {
	const (
		at1 = " 192.0.2.21 02:00:00:00:00:21"
		at2 = " 192.0.2.22 02:00:00:00:00:22"
	)
	for name, c := range map[string]struct {
		change func(w1, w2 *host, l *memory, o *Options)
		want   string
		says   string // in What of a result
	}{
		"healthy": {says: "real server 192.0.2.22 takes the VIP 192.0.2.10: echo, SYN-ACK from port 80, a datagram from UDP port 53"},
		"lossy":   {change: func(w1, w2 *host, _ *memory, _ *Options) { w1.deaf, w2.deaf = [2]int{5, 9}, [2]int{3, 1} }},
		"server answers ARP for the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.addrs = append(w1.addrs, vip) },
			want:   string(finding.VIPAtServer) + at1, says: "real server 192.0.2.21 (02:00:00:00:00:21) answers ARP",
		},
		"server asks with the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.gossip = []arp.Packet{asks(w1.mac, vip)} },
			want:   string(finding.VIPAtServer) + at1, says: "asks by ARP with the VIP 192.0.2.10 as its own address",
		},
		"server announces the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) {
				p := asks(w1.mac, vip)
				p.TargetIP = vip
				w1.gossip = []arp.Packet{p}
			},
			want: string(finding.VIPAtServer) + at1, says: "announces the VIP 192.0.2.10 by ARP",
		},
		"implausible and own claims": {
			change: func(w1, _ *host, _ *memory, _ *Options) {
				w1.gossip = []arp.Packet{asks(frame.Broadcast, vip), asks(ownMAC, vip)}
			},
		},
		"two owners": {
			change: func(_, w2 *host, l *memory, _ *Options) {
				w2.addrs = append(w2.addrs, vip)
				l.hosts = append(l.hosts, &host{mac: alien, addrs: []netip.Addr{vip}})
			},
			want: string(finding.VIPAtServer) + at2 + "; " + string(finding.VIPElsewhere) + "  00:50:56:01:02:03",
			says: "00:50:56:01:02:03 (VMware), answers ARP",
		},
		"director by address": {
			change: func(_, _ *host, l *memory, o *Options) {
				l.hosts = append(l.hosts, &host{mac: alien, addrs: []netip.Addr{vip, ip("192.0.2.3")}})
				o.Director.Addr = ip("192.0.2.3")
			},
			says: "192.0.2.10: the director (00:50:56:01:02:03) alone answers ARP for it",
		},
		"director by MAC address": {
			change: func(_, _ *host, l *memory, o *Options) {
				l.hosts = append(l.hosts, &host{mac: frame.MAC{0, 0, 0x5e, 0, 1, 51}, addrs: []netip.Addr{vip}})
				o.Director.MAC = frame.MAC{0, 0, 0x5e, 0, 1, 51}
			},
		},
		"director that is silent": {
			change: func(_, _ *host, _ *memory, o *Options) { o.Director.Addr = ip("192.0.2.3") },
			want:   string(finding.VIPUnanswered),
		},
		"egress of a director elsewhere": {
			change: func(_, _ *host, _ *memory, o *Options) { o.Director.Addr, o.Egress = ip("192.0.2.3"), "eth0" },
		},
		"absent": {
			change: func(_, _ *host, l *memory, _ *Options) { l.hosts = l.hosts[:1] },
			want:   string(finding.ServerAbsent) + " 192.0.2.22",
		},
		"absent in ARP, but pinned": {
			change: func(w1, _ *host, _ *memory, o *Options) {
				w1.addrs, w1.takes = nil, []netip.Addr{vip, web1}
				o.Services = services([]Server{{Addr: web1, MAC: web1MAC}, {Addr: web2}})
			},
		},
		"pinned wrongly": {
			change: func(w1, _ *host, _ *memory, o *Options) {
				w1.mac = alien
				o.Services = services([]Server{{Addr: web1, MAC: web1MAC}, {Addr: web2}})
			},
			want: string(finding.ServerPinned) + " 192.0.2.21 00:50:56:01:02:03; " + string(finding.ServerLacksVIP) + at1 + "; " + string(finding.PathMTUUntested) + at1,
		},
		"one address, two hosts": {
			change: func(_, _ *host, l *memory, _ *Options) { l.hosts = append(l.hosts, goodServer(web2, alien)) },
			want:   string(finding.ServerAddress) + at2, says: "2 hosts answer ARP for real server 192.0.2.22",
		},
		"one MAC address, two servers": {
			change: func(_, w2 *host, _ *memory, _ *Options) { w2.mac = web1MAC },
			want:   string(finding.ServerMAC) + " 192.0.2.22 02:00:00:00:00:21",
			says:   "the real servers 192.0.2.21 and 192.0.2.22 have one MAC address",
		},
		"the director's MAC address": {
			change: func(_, w2 *host, _ *memory, _ *Options) { w2.mac = ownMAC },
			want:   string(finding.ServerMAC) + " 192.0.2.22 02:00:00:00:00:02",
			says:   "the director and real server 192.0.2.22 have one MAC address, 02:00:00:00:00:02",
		},
		"this host's MAC address, the director elsewhere": {
			change: func(_, w2 *host, l *memory, o *Options) {
				w2.mac = ownMAC
				l.hosts = append(l.hosts, &host{mac: alien, addrs: []netip.Addr{vip, ip("192.0.2.3")}})
				o.Director.Addr = ip("192.0.2.3")
			},
			want: string(finding.ServerMAC) + " 192.0.2.22 02:00:00:00:00:02",
			says: "this host and real server 192.0.2.22",
		},
		"the MAC address of a director elsewhere": {
			change: func(_, w2 *host, l *memory, o *Options) {
				w2.mac = alien
				l.hosts = append(l.hosts, &host{mac: alien, addrs: []netip.Addr{vip, ip("192.0.2.3")}})
				o.Director.Addr = ip("192.0.2.3")
			},
			want: string(finding.ServerMAC) + " 192.0.2.22 00:50:56:01:02:03",
			says: "the director and real server 192.0.2.22 have one MAC address, 00:50:56:01:02:03 (VMware)",
		},
		"server on this host": {
			change: func(_, _ *host, _ *memory, o *Options) {
				o.Services = services([]Server{{Addr: web1}, {Addr: web2}, {Addr: ownIP}})
			},
			want: string(finding.ServerHere) + " 192.0.2.2",
		},
		"lacks the VIP": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.takes = nil },
			want:   string(finding.ServerLacksVIP) + at1,
			says:   "tried an echo request, a SYN to port 80, a DNS query to UDP port 53",
		},
		"forwards the VIP into the void": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.takes, w1.router = nil, true },
			want:   string(finding.ServerForwards) + at1,
		},
		"forwards the VIP to the other server": {
			change: func(w1, w2 *host, _ *memory, _ *Options) { w1.takes, w1.router, w1.gateway = nil, true, w2 },
			want:   string(finding.ServerPassesOn) + " 192.0.2.21 02:00:00:00:00:22",
			says:   "was answered by real server 192.0.2.22",
		},
		"two routers in turn": {
			change: func(w1, _ *host, _ *memory, _ *Options) {
				w1.takes, w1.router = nil, true
				w1.gateway = &host{mac: alien, addrs: []netip.Addr{ip("192.0.2.1")}, router: true}
			},
			want: string(finding.ServerForwards) + at1,
		},
		"service in a container": {
			change: func(w1, _ *host, _ *memory, _ *Options) {
				w1.takes, w1.router, w1.behind = nil, true, goodServer(vip, alien)
			},
		},
		"refuses": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.tcp, w1.udp = nil, nil },
			want:   string(finding.ServiceRefused) + at1 + "; " + string(finding.ServiceRefused) + at1,
			says:   "answers a DNS query to UDP port 53 with port unreachable",
		},
		"refuses a port that is as good as any": {
			change: func(w1, w2 *host, _ *memory, o *Options) {
				w1.tcp, w2.tcp = nil, nil
				o.Services[0].Port = 0
			},
			says: "real server 192.0.2.21 takes the VIP 192.0.2.10: echo, RST from port 80",
		},
		"a UDP service that says nothing": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.udp, w1.silent = nil, true },
			want:   string(finding.ServiceUntested) + at1, says: "takes the VIP 192.0.2.10, but does not answer a DNS query to UDP port 53",
		},
		"nothing but a UDP service that says nothing": {
			change: func(w1, w2 *host, _ *memory, o *Options) {
				w1.udp, w1.silent, w1.quiet = nil, true, true
				o.Services = o.Services[1:2]
			},
			want: string(finding.ServiceUntested) + at1 + "; " + string(finding.PathMTUUntested) + at1,
			says: "whether real server 192.0.2.21 takes the VIP 192.0.2.10 is not known",
		},
		"drops": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.filter = true },
			want:   string(finding.ServiceSilent) + at1 + "; " + string(finding.ServiceUntested) + at1,
		},
		"the last port of a range refuses": {
			change: func(w1, w2 *host, _ *memory, o *Options) {
				o.Services[0].LastPort = 89
				w1.tcp, w2.tcp = []uint16{80, 89}, []uint16{80, 81, 88}
			},
			want: string(finding.ServiceRefused) + at2, says: "answers a SYN to port 89 with RST",
		},
		"a port in the middle of a range refuses": {
			change: func(w1, w2 *host, _ *memory, o *Options) {
				o.Services[0].LastPort, o.Sample = 90, 3
				w1.tcp, w2.tcp = []uint16{80, 85, 90}, []uint16{80, 90}
			},
			want: string(finding.ServiceRefused) + at2, says: "answers a SYN to port 85 with RST",
		},
		"rejects": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.reject = 13 },
			want:   string(finding.ServerRejects) + at1 + "; " + string(finding.ServerRejects) + at1, says: "destination unreachable, code 13",
		},
		"rejects all, echoes too": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.reject, w1.quiet = 10, true },
			want:   string(finding.ServerRejects) + at1 + "; " + string(finding.PathMTUUntested) + at1,
		},
		"answers for another connection": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.wrong = true },
			want:   string(finding.ServiceSilent) + at1,
		},
		"answers no echo": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.quiet = true },
			want:   string(finding.PathMTUUntested) + at1,
		},
		"small MTU": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.mtu = 1430 },
			want:   string(finding.PathMTU) + at1, says: "1500 bytes does not reach real server 192.0.2.21; one of 1420 bytes does",
		},
		"answers in fragments": {
			change: func(w1, _ *host, _ *memory, _ *Options) { w1.pieces = 1396 },
			want:   string(finding.PathMTU) + at1, says: "in fragments of at most 1396",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w1, w2 := goodServer(web1, web1MAC), goodServer(web2, web2MAC)
			l := &memory{t: t, hosts: []*host{w1, w2}}
			o := Options{Interface: "eth0", Services: services(both())}
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
			said := slices.ContainsFunc(results, func(r finding.Result) bool { return strings.Contains(r.What, c.says) })
			if !said {
				t.Errorf("no result says %q: %+v", c.says, results)
			}
			for _, r := range results {
				if r.Verdict == finding.Wrong && (r.Why == "" || r.Host == "" || r.Command == "") {
					t.Errorf("lacks a reason or a remedy: %+v", r)
				}
			}
		})
	}
}

// TestReset: a connection that opened is reset where it opened.
func TestReset(t *testing.T) {
	w1, w2 := goodServer(web1, web1MAC), goodServer(web2, web2MAC)
	l := &memory{t: t, hosts: []*host{w1, w2}}
	o := Options{Services: services(both())}
	l.examine(o)
	if w1.resets != 1 || w2.resets != 1 {
		t.Errorf("%d and %d resets, want 1 each", w1.resets, w2.resets)
	}
	w1.takes, w1.router, w1.gateway, w1.resets, w2.resets = nil, true, w2, 0, 0
	l.examine(o)
	if w2.resets < 2 {
		t.Errorf("%d resets at the server that answered for the other, want both", w2.resets)
	}
}

// TestPace: many probes are not sent at once, and each only once if it is answered.
func TestPace(t *testing.T) {
	w1 := goodServer(web1, web1MAC)
	var all []Service
	for port := range uint16(1000) {
		all = append(all, Service{VIP: vip, Port: port + 1, Protocol: frame.ProtocolTCP, Servers: []Server{{Addr: web1}}})
		w1.tcp = append(w1.tcp, port+1)
	}
	l := &memory{t: t, hosts: []*host{w1}}
	if got := told(l.examine(Options{Services: all})); got != "" {
		t.Errorf("told %q", got)
	}
	const silent, echoes = 200, 3
	for i := range silent {
		all = append(all, Service{VIP: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 30)})})
	}
	l.sent = 0
	l.examine(Options{Services: all})
	if want := attempts*(2+silent) + echoes + 2*(len(all)-silent); l.sent != want { // each SYN has its RST
		t.Errorf("%d frames, want %d", l.sent, want)
	}
	if l.most > burst {
		t.Errorf("%d frames at once, want at most %d", l.most, burst)
	}
}

func TestTooManyProbes(t *testing.T) {
	var all []Service
	for port := range uint16(maxProbes) {
		all = append(all, Service{VIP: vip, Port: port + 1, Protocol: frame.ProtocolTCP, Servers: []Server{{Addr: web1}}})
	}
	l := &memory{t: t, hosts: []*host{goodServer(web1, web1MAC)}}
	now := testStart
	m := newMachine(now, Options{Services: all}, testSegment())
	var err error
	for err == nil && m.phase == phaseOwners {
		var frames [][]byte
		frames, err = m.tick(now)
		l.deliver(m, now, frames)
		now = m.deadline(now)
	}
	if err == nil || !strings.Contains(err.Error(), "look at fewer") {
		t.Errorf("error %v", err)
	}
}

func TestOptions(t *testing.T) {
	good := Options{Interface: "eth0", Services: services(both())}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, o := range map[string]Options{
		"no interface":  {Services: good.Services},
		"no VIP":        {Interface: "eth0"},
		"negative":      {Interface: "eth0", Services: good.Services, Window: -1},
		"zone":          {Interface: "eth0", Services: []Service{{VIP: ip("fe80::10%eth0")}}},
		"mapped server": {Interface: "eth0", Services: []Service{{VIP: vip, Servers: []Server{{Addr: ip("::ffff:192.0.2.21")}}}}},
		"group":         {Interface: "eth0", Services: good.Services, Director: Director{Addr: ip("ff02::1")}},
		"zero VIP":      {Interface: "eth0", Services: []Service{{}}},
		"own VIP":       {Interface: "eth0", Services: []Service{{VIP: ip("127.0.0.1")}}},
		"any VIP":       {Interface: "eth0", Services: []Service{{VIP: ip("::")}}},
		"broadcast VIP": {Interface: "eth0", Services: []Service{{VIP: ip("255.255.255.255")}}},
		"empty range":   {Interface: "eth0", Services: []Service{{VIP: vip, Port: 81, LastPort: 80}}},
		"sample":        {Interface: "eth0", Services: good.Services, Sample: -1},
	} {
		if o.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzReceive: nothing that comes off the wire does harm.
func FuzzReceive(f *testing.F) {
	w1 := goodServer(web1, web1MAC)
	now := testStart
	o := Options{Services: services([]Server{{Addr: web1, MAC: web1MAC}})}
	probing := func() *machine {
		m := newMachine(now, o, testSegment())
		m.phase = phaseProbes
		if err := m.askServers(now); err != nil {
			f.Fatal(err)
		}
		return m
	}
	f.Add(w1.advertise(frame.AddrFrom(vip), frame.AddrFrom(ownIP)))
	for _, b := range probing().send(now) {
		var p frame.Packet
		if frame.Parse(b, &p) != frame.OK {
			f.Fatal("bad probe")
		}
		f.Add(w1.icmpError(b, &p, web1, frame.ICMPTimeExceeded, 0))
		f.Add(w1.icmpError(b, &p, vip, frame.ICMPDestUnreachable, 3))
		f.Add(w1.reply(&p, b[p.Transport:p.End]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := probing()
		for _, reset := range m.receive(now, b) {
			var p frame.Packet
			if frame.Parse(reset, &p) != frame.OK || p.TCPFlags != frame.TCPRst || p.Key.Dst.Netip() != vip {
				t.Errorf("answered with %x", reset)
			}
		}
		m.diagnose()
	})
}
