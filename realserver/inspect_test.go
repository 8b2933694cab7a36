package realserver

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lvsdr/realserver/ruleset"
)

var (
	own     = netip.MustParseAddr("192.0.2.21")
	gateway = netip.MustParseAddr("192.0.2.1")
	faraway = netip.MustParseAddr("198.51.100.7")
)

// inspected is a host on which something is odd or wrong, and what check says of
// it.
type inspected struct {
	name    string
	method  string
	mangle  func(*Memory, *Options)
	finding string // its name
	verdict string
	text    string // in what it says, or in the remedy
}

func inspect(t *testing.T, tests []inspected) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := recipe{method: test.method}
			h, o := r.host(), r.options(t, vipA, vip6)
			mustApply(t, o, h)
			test.mangle(h, &o)
			findings, err := Check(o, h)
			if err != nil {
				t.Fatal(err)
			}
			if Healthy(findings) != (test.verdict != "wrong") {
				t.Errorf("healthy: %v, want %s: %+v", Healthy(findings), test.verdict, findings)
			}
			if !slices.ContainsFunc(findings, func(f Finding) bool {
				text := strings.Join([]string{f.What, f.Why, f.Remedy}, "\n")
				return f.Name == test.finding && f.Verdict() == test.verdict && strings.Contains(text, test.text)
			}) {
				t.Errorf("no %s, %s, with %q: %+v", test.finding, test.verdict, test.text, findings)
			}
		})
	}
}

func TestInspectProxies(t *testing.T) {
	proxy := func(addr netip.Addr) func(*Memory, *Options) {
		return func(m *Memory, _ *Options) { m.Proxy = []ProxyNeighbor{{addr, "eth0"}} }
	}
	inspect(t, []inspected{
		{
			"pvlan on all", MethodSysctl, func(m *Memory, _ *Options) { m.Sysctl[ipv4Conf("all", "proxy_arp_pvlan")] = "1" },
			NameProxyPVLAN, "wrong", "sysctl -w net.ipv4.conf.all.proxy_arp_pvlan=0",
		},
		{"neighbour", MethodSysctl, proxy(vipA), NameProxyNeighbor, "wrong", "ip neigh del proxy 192.0.2.10 dev eth0"},
		{"IPv6 neighbour", MethodRedirect, proxy(vip6), NameProxyNeighbor, "wrong", "ip -6 neigh del proxy 2001:db8::10 dev eth0"},
		{"not the VIP", MethodSysctl, proxy(vipB), NameProxyARP, "ok", "proxy_arp on eth0 is off"},
		{"behind the rules for ARP", MethodARPTables, proxy(vipA), NameTable, "ok", ""},
	})
}

func TestInspectReversePath(t *testing.T) {
	strict := func(m *Memory) { m.Sysctl[ipv4Conf("eth0", "rp_filter")] = "1" }
	inspect(t, []inspected{
		{"strict, by the same interface", MethodSysctl, func(m *Memory, _ *Options) { strict(m) }, NameReversePath, "ok", "is 1"},
		{
			"strict, by another", MethodRedirect, func(m *Memory, _ *Options) { strict(m); m.Defaults = []string{"eth1"} },
			NameReversePath, "wrong", "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
		},
		{"strict, one client by another", MethodHidden, func(m *Memory, o *Options) {
			strict(m)
			m.Route = []MemoryRoute{{netip.MustParsePrefix("198.51.100.0/24"), Route{Type: RouteUnicast, Interface: "eth1"}}}
			o.Clients = []netip.Addr{faraway}
		}, NameReversePath, "wrong", "replies to 198.51.100.7 leave by eth1"},
		{"loose on all wins", MethodSysctl, func(m *Memory, _ *Options) {
			strict(m)
			m.Sysctl[ipv4Conf("all", "rp_filter")] = "2"
			m.Defaults = []string{"eth1"}
		}, NameReversePath, "ok", "is 2"},
		{"no default route", MethodSysctl, func(m *Memory, _ *Options) { strict(m); m.Defaults = nil }, NameReversePath, "ok", "is 1"},
		{
			"a client with the host's address", MethodSysctl, func(_ *Memory, o *Options) { o.Clients = []netip.Addr{own} },
			NameAcceptLocal, "wrong", "sysctl -w net.ipv4.conf.eth0.accept_local=1",
		},
		{
			"and strict", MethodSysctl, func(m *Memory, o *Options) { strict(m); o.Clients = []netip.Addr{own} },
			NameAcceptLocal, "wrong", "accept_local=1 && sysctl -w net.ipv4.conf.eth0.rp_filter=2",
		},
		{"accepted", MethodSysctl, func(m *Memory, o *Options) {
			m.Sysctl[ipv4Conf("all", "accept_local")] = "1"
			o.Clients = []netip.Addr{own}
		}, NameReversePath, "ok", "is 0"},
	})
}

func TestInspectReplyRoute(t *testing.T) {
	client := func(o *Options) { o.Clients = []netip.Addr{faraway} }
	inspect(t, []inspected{
		{"none, and no client named", MethodSysctl, func(m *Memory, _ *Options) { m.Defaults = nil }, NameReplyRoute, "note", "no default route"},
		{"none", MethodSysctl, func(m *Memory, o *Options) { m.Defaults = nil; client(o) }, NameReplyRoute, "wrong", "ip route add default via ROUTER"},
		{"blackhole", MethodRedirect, func(m *Memory, o *Options) {
			m.Route = []MemoryRoute{{netip.MustParsePrefix("198.51.100.0/24"), Route{Type: RouteBlackhole}}}
			client(o)
		}, NameReplyRoute, "wrong", "ip route del blackhole 198.51.100.0/24 table 0"},
		{"a rule that leads nowhere", MethodSysctl, func(m *Memory, _ *Options) {
			m.Rule = []SourceRule{{100, netip.PrefixFrom(vipA, 32), 7}}
			m.Route = []MemoryRoute{{netip.MustParsePrefix("0.0.0.0/0"), Route{Type: RouteProhibit, Table: 7}}}
		}, NameReplyRoute, "wrong", "ip rule del pref 100"},
		{"a rule that leads elsewhere", MethodSysctl, func(m *Memory, _ *Options) {
			m.Rule = []SourceRule{{100, netip.PrefixFrom(vipA, 32), 7}}
			m.Route = []MemoryRoute{{netip.MustParsePrefix("0.0.0.0/0"), Route{Type: RouteUnicast, Interface: "eth0", Gateway: gateway, Table: 7}}}
		}, NameReplyRoute, "note", "the host's other packets, which leave by eth0"},
		{"through the director", MethodSysctl, func(m *Memory, o *Options) {
			m.Route = []MemoryRoute{{netip.MustParsePrefix("0.0.0.0/0"), Route{Type: RouteUnicast, Interface: "eth0", Gateway: gateway}}}
			m.Defaults = nil
			o.Directors = []netip.Addr{gateway}
		}, NameReplyRoute, "wrong", "ip route replace default via ROUTER"},
		{
			"a client next door", MethodSysctl, func(m *Memory, o *Options) { m.Defaults = nil; o.Clients = []netip.Addr{gateway} },
			NameReplyRoute, "ok", "replies of 192.0.2.10 to 192.0.2.1 leave by eth0",
		},
	})
}

func TestInspectMTU(t *testing.T) {
	inspect(t, []inspected{
		{"too small for IPv6", MethodSysctl, func(m *Memory, _ *Options) { m.Link[1].MTU = 1200 }, NameMTU, "wrong", "ip link set eth0 mtu 1500"},
		{"lo too small for IPv6", MethodSysctl, func(m *Memory, _ *Options) { m.Link[0].MTU = 1000 }, NameMTU, "wrong", "ip link set lo mtu"},
		{"small", MethodSysctl, func(m *Memory, _ *Options) { m.Link[1].MTU = 1400 }, NameMTU, "note", "UDP does not"},
		{"large", MethodSysctl, func(m *Memory, _ *Options) { m.Link[1].MTU = 9000 }, NameMTU, "ok", "9000"},
		{"a route's", MethodSysctl, func(m *Memory, _ *Options) {
			m.Route = []MemoryRoute{{netip.MustParsePrefix("0.0.0.0/0"), Route{Type: RouteUnicast, Interface: "eth0", MTU: 1400}}}
			m.Defaults = nil
		}, NameMTU, "note", "has an MTU of 1400"},
		{"larger on the way back", MethodSysctl, func(m *Memory, _ *Options) {
			m.Link = append(m.Link, Link{Name: "eth1", Up: true, MTU: 9000})
			m.Defaults = []string{"eth1"}
		}, NameMTU, "note", "too large for the way in"},
	})
}

func TestInspectIPv6(t *testing.T) {
	inspect(t, []inspected{
		{
			"disabled", MethodRedirect, func(m *Memory, _ *Options) { m.Sysctl[ipv6Conf("eth0", "disable_ipv6")] = "1" },
			NameIPv6Disabled, "wrong", "sysctl -w net.ipv6.conf.eth0.disable_ipv6=0",
		},
		{
			"a duplicate is fatal", MethodSysctl, func(m *Memory, _ *Options) { m.Sysctl[ipv6Conf("all", "accept_dad")] = "2" },
			NameAcceptDAD, "note", "net.ipv6.conf.all.accept_dad is 2",
		},
		{"an interface with IPv6 alone", MethodSysctl, func(m *Memory, o *Options) {
			m.Link = append(m.Link, Link{Name: "eth1", Up: true, ARP: true, MTU: 1500})
			m.Address = append(m.Address, Address{Interface: "eth1", Prefix: netip.MustParsePrefix("2001:db8:1::21/64")})
			m.Sysctl[ipv6Conf("eth1", "disable_ipv6")] = "1"
		}, NameIPv6Disabled, "wrong", "disabled on eth1"},
	})
}

func TestInspectListeners(t *testing.T) {
	any4, any6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	listen := func(services bool, sockets ...Listener) func(*Memory, *Options) {
		return func(m *Memory, o *Options) {
			m.Socket, o.VIPs = sockets, []netip.Addr{vipA}
			if services {
				o.Services = []Service{{"tcp", 80, 80}}
			}
		}
	}
	inspect(t, []inspected{
		{"nothing", MethodSysctl, listen(true), NameListener, "wrong", "nothing listens for tcp/80 on 192.0.2.10"},
		{"another port", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: any4, Port: 81}), NameListener, "wrong", "sport >= :80"},
		{"another protocol", MethodSysctl, listen(true, Listener{Protocol: "udp", Address: any4, Port: 80}), NameListener, "wrong", "--tcp"},
		{"any", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: any4, Port: 80}), NameListener, "ok", "by tcp 0.0.0.0:80"},
		{"any of both families", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: any6, Port: 80}), NameListener, "ok", "by tcp [::]:80"},
		{"IPv6 only", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: any6, Port: 80, Only6: true}), NameListener, "wrong", "only tcp [::]:80 (IPv6 only)"},
		{"the VIP", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: vipA, Port: 80}), NameListener, "ok", "by tcp 192.0.2.10:80"},
		{"the server's own", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: own, Port: 80}), NameListener, "wrong", "only tcp 192.0.2.21:80"},
		{"bound to another interface", MethodSysctl, listen(true, Listener{Protocol: "tcp", Address: any4, Port: 80, Interface: "lo"}), NameListener, "wrong", "on lo"},
		{"redirected to the server's own", MethodRedirect, listen(true, Listener{Protocol: "tcp", Address: own, Port: 80}), NameListener, "ok", "by tcp 192.0.2.21:80"},
		{"redirected past the VIP", MethodRedirect, listen(true, Listener{Protocol: "tcp", Address: vipA, Port: 80}), NameListener, "wrong", "0.0.0.0 or the server's own address, not on 192.0.2.10"},
		{
			"not asked", MethodSysctl, listen(false, Listener{Protocol: "tcp", Address: own, Port: 8080}, Listener{Protocol: "tcp", Address: any4, Port: 22}),
			NameListener, "note", "not for 192.0.2.10, if it should be: tcp 192.0.2.21:8080",
		},
		{"not asked, all served", MethodSysctl, listen(false, Listener{Protocol: "tcp", Address: any4, Port: 22}), NameListener, "ok", "192.0.2.10 is served on tcp/22"},
	})
}

func TestInspectFirewall(t *testing.T) {
	web := func(o *Options) { o.VIPs, o.Services = []netip.Addr{vipA}, []Service{{"tcp", 80, 80}} }
	fate := func(f ruleset.Fate, when func(ruleset.Packet) bool) func(ruleset.Packet) ruleset.Passage {
		return func(p ruleset.Packet) ruleset.Passage {
			if when(p) {
				return ruleset.Passage{Fate: f, Where: "inet f c handle 3", Chain: "inet f c", To: p.To}
			}
			return ruleset.Passage{}
		}
	}
	serve := func(m *Memory) { m.Socket = []Listener{{Protocol: "tcp", Address: vipA, Port: 80}} }
	inspect(t, []inspected{
		{"drops the service", MethodSysctl, func(m *Memory, o *Options) {
			web(o)
			serve(m)
			m.Firewall = fate(ruleset.Dropped, func(p ruleset.Packet) bool { return p.Port == 80 && !p.Out })
		}, NameFirewall, "wrong", "nft insert rule inet f c ip daddr 192.0.2.10 tcp dport 80 accept"},
		{"drops its replies", MethodSysctl, func(m *Memory, o *Options) {
			web(o)
			serve(m)
			m.Firewall = fate(ruleset.Dropped, func(p ruleset.Packet) bool { return p.Port == 80 && p.Out })
		}, NameFirewallReply, "wrong", "nft insert rule inet f c ip saddr 192.0.2.10 tcp sport 80 accept"},
		{"drops UDP, nobody asked", MethodSysctl, func(m *Memory, _ *Options) {
			m.Firewall = fate(ruleset.Dropped, func(p ruleset.Packet) bool { return p.Protocol == "udp" })
		}, NameFirewall, "note", "some of packets for 192.0.2.10 on eth0"},
		{"drops all", MethodSysctl, func(m *Memory, _ *Options) {
			m.Firewall = fate(ruleset.Dropped, func(p ruleset.Packet) bool { return p.To == vip6 })
		}, NameFirewall, "wrong", "nft insert rule inet f c ip6 daddr 2001:db8::10 accept"},
		{"may drop", MethodSysctl, func(m *Memory, _ *Options) {
			m.Firewall = fate(ruleset.Unknown, func(p ruleset.Packet) bool { return !p.From.IsValid() })
		}, NameFirewall, "note", "inet f c handle 3; say more with --service and --client"},
		{"not of that client", MethodSysctl, func(m *Memory, o *Options) {
			o.Clients = []netip.Addr{gateway}
			m.Firewall = fate(ruleset.Dropped, func(p ruleset.Packet) bool { return p.From == faraway })
		}, NameFirewall, "ok", ""},
		{"drops ARP", MethodSysctl, func(m *Memory, _ *Options) {
			m.Firewall = fate(ruleset.Dropped, func(p ruleset.Packet) bool { return p.Protocol == "arp" && !p.Out })
		}, NameFirewallARP, "wrong", "nft insert rule inet f c arp daddr ip 192.0.2.21 accept"},
		{"old tables", MethodSysctl, func(m *Memory, _ *Options) { m.Legacy = []string{"ip filter"} }, NameLegacyTables, "note", "ip filter"},
		{"not root", MethodSysctl, func(m *Memory, _ *Options) { m.Unprivileged = true }, NameFirewall, "note", "run it as root"},
		{"no nftables", MethodSysctl, func(m *Memory, _ *Options) { m.NoNFTables = true }, NameFirewall, "note", "not known"},
	})
}

// What is not an address of a client or a director is refused.
func TestCheckRefusesAddresses(t *testing.T) {
	for _, addr := range []string{"0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "fe80::1%eth0"} {
		o := options(t, vipA)
		o.Clients = []netip.Addr{netip.MustParseAddr(addr)}
		if _, err := Check(o, newHost()); err == nil {
			t.Errorf("client %s is taken", addr)
		}
		o.Clients, o.Directors = nil, o.Clients
		if _, err := Check(o, newHost()); err == nil {
			t.Errorf("director %s is taken", addr)
		}
	}
}

// Services are for check with any method, and for apply with one.
func TestServicesOfOtherMethods(t *testing.T) {
	o := options(t, vipA)
	o.Services = []Service{{"tcp", 80, 80}}
	if err := o.Validate(); err != nil {
		t.Errorf("for check: %v", err)
	}
	if err := o.ValidateApply(); err == nil {
		t.Error("for apply it is taken")
	}
	if _, err := Apply(o, newHost()); err == nil || !strings.Contains(err.Error(), "takes all that arrives") {
		t.Errorf("Apply: %v", err)
	}
}

// noSockets is a kernel without sock_diag(7).
type noSockets struct{ *Memory }

func (noSockets) Listeners() ([]Listener, error) { return nil, syscall.ENOENT }

func TestInspectWithoutSockets(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	findings, err := Check(o, noSockets{h})
	if err != nil || !Healthy(findings) {
		t.Fatalf("Check: %v, %+v", err, findings)
	}
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Name == NameListener })
	if i < 0 || findings[i].Verdict() != "note" {
		t.Errorf("nothing is said of it: %+v", findings)
	}
}

// brokenRoutes fails where the kernel cannot be asked.
type brokenRoutes struct{ *Memory }

var errBroken = errors.New("broken")

func (brokenRoutes) FindRoute(RouteQuery) (Route, error) { return Route{}, errBroken }

func TestCheckSaysWhatFails(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	if _, err := Check(o, brokenRoutes{h}); !errors.Is(err, errBroken) {
		t.Errorf("Check: %v", err)
	}
}
