package guard

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/finding"
)

func TestInspect(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, test := range []struct {
		name   string
		facts  Facts
		worst  Severity
		remedy string
	}{
		{"quiet host", Facts{}, OK, ""},
		{"forwards, guarded", Facts{Guarded: true, Forwarding4: []string{"eth0"}, Forwarding6: true}, OK, ""},
		{"forwards IPv4", Facts{Forwarding4: []string{"eth0"}}, Refuse, "sysctl -w net.ipv4.conf.eth0.forwarding=0"},
		{"forwards IPv4 from a VLAN", Facts{Forwarding4: []string{"eth0.10"}}, Refuse, "sysctl -w net/ipv4/conf/eth0.10/forwarding=0"},
		{"forwards IPv6", Facts{Forwarding6: true}, Refuse, "sysctl -w net.ipv6.conf.all.forwarding=0"},
		{
			"VIP is an address",
			Facts{Guarded: true, Local: []Local{{VIP: vip, Prefix: prefix("192.0.2.10/24"), Interface: "eth0"}}},
			Refuse, "ip addr del 192.0.2.10/24 dev eth0",
		},
		{
			"VIP is in a local route",
			Facts{Local: []Local{{VIP: vip, Prefix: prefix("192.0.2.0/28"), Interface: "lo", RouteType: "local"}}},
			Refuse, "ip route del local 192.0.2.0/28 dev lo table local",
		},
		{
			"proxy_arp",
			Facts{Guarded: true, Forwarding4: []string{"eth0"}, ProxyARP: []string{"eth0"}},
			Alarm, "sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
		},
		{"proxy_arp without forwarding", Facts{ProxyARP: []string{"eth0"}}, OK, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.facts.Interface, test.facts.VIPs = "eth0", []netip.Addr{vip, vip6}
			findings := Inspect(test.facts)
			worst := slices.MaxFunc(findings, func(a, b Finding) int { return int(a.Severity - b.Severity) })
			if worst.Severity != test.worst || !strings.Contains(worst.Remedy, test.remedy) {
				t.Errorf("worst is %v %v, want %v with remedy %q", worst.Severity, worst, test.worst, test.remedy)
			}
			if err := Err(findings); (err != nil) != (test.worst == Refuse) {
				t.Errorf("Err: %v", err)
			}
		})
	}
}

// healthy is a host that does as a director's should.
func healthy() Facts {
	return Facts{Interface: "eth0", VIPs: []netip.Addr{vip, vip6}, Redirects: true} // of no effect where nothing is forwarded
}

// TestInspectKinds: each thing about a host is found, by itself, and named right.
func TestInspectKinds(t *testing.T) {
	local := Local{VIP: vip, Prefix: netip.MustParsePrefix("192.0.2.10/24"), Interface: "eth0"}
	routed := func(f *Facts, filter int, by string) {
		f.ReversePath, f.Routes = filter, map[netip.Addr]string{vip: by}
	}
	for name, c := range map[string]struct {
		change func(f *Facts)
		want   string // kinds and remedies
	}{
		"healthy": {func(*Facts) {}, ""},
		"local":   {func(f *Facts) { f.Local = []Local{local} }, "host-kernel: ip addr del 192.0.2.10/24 dev eth0"},
		"local, strict": {func(f *Facts) {
			f.Local = []Local{local}
			routed(f, 1, "lo")
		}, "host-kernel: ip addr del 192.0.2.10/24 dev eth0"},
		"the host's own": {func(f *Facts) {
			own := local
			own.Own = true
			f.Local = []Local{own}
		}, "host-kernel: ip addr show dev eth0  # give the service another VIP; if this address is none that the host needs: ip addr del 192.0.2.10/24 dev eth0"},
		"forwarding on a VLAN, with redirects": {
			func(f *Facts) { f.Interface, f.Forwarding4 = "eth0.10", []string{"eth0.10"} },
			"host-kernel: guard: on, or sysctl -w net.ipv4.ip_forward=0, or sysctl -w net/ipv4/conf/eth0.10/forwarding=0; " +
				"host-redirects: sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/eth0.10/send_redirects=0",
		},
		"forwarding, guarded": {func(f *Facts) { f.Forwarding4, f.Guarded = []string{"eth0"}, true }, ""},
		"proxy_arp": {
			func(f *Facts) { f.Forwarding4, f.Guarded, f.ProxyARP = []string{"eth0"}, true, []string{"eth0"} },
			"host-kernel: sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
		},
		"proxy neighbour": {
			func(f *Facts) { f.Forwarding4, f.Guarded, f.Proxied = []string{"eth0"}, true, []Proxied{{vip, "eth0"}} },
			"host-kernel: ip neigh del proxy 192.0.2.10 dev eth0",
		},
		"proxy neighbour without forwarding": {func(f *Facts) { f.Proxied = []Proxied{{vip, "eth0"}, {vip6, "eth0"}} }, ""},
		"proxy_ndp": {
			func(f *Facts) { f.ProxyNDP, f.Proxied = []string{"eth0"}, []Proxied{{vip6, "eth0"}} },
			"host-kernel: ip neigh del proxy 2001:db8::10 dev eth0",
		},
		"proxy_ndp for nobody":     {func(f *Facts) { f.ProxyNDP = []string{"eth0"} }, ""},
		"strict":                   {func(f *Facts) { routed(f, 1, "eth0") }, ""},
		"strict, another way back": {func(f *Facts) { routed(f, 1, "eth1") }, "host-reverse-path: ip route add 192.0.2.10/32 dev eth0"},
		"loose, another way back":  {func(f *Facts) { routed(f, 2, "eth1") }, ""},
		"loose, no way back":       {func(f *Facts) { f.ReversePath = 2 }, "host-reverse-path: ip route add 192.0.2.10/32 dev eth0"},
		"strict, by the egress": {func(f *Facts) {
			f.Egress = "eth1"
			routed(f, 1, "eth1")
		}, ""},
		"strict, by the ingress": {func(f *Facts) {
			f.Egress = "eth1"
			routed(f, 1, "eth0")
		}, "host-reverse-path: ip route add 192.0.2.10/32 dev eth1"},
		"LRO":                     {func(f *Facts) { f.LRO = true }, "host-offload: ethtool -K eth0 lro off"},
		"bridge":                  {func(f *Facts) { f.Bridges = []string{"br0"} }, ""},
		"filter on other bridges": {func(f *Facts) { f.BridgeCalls = []string{"bridge-nf-call-iptables"} }, ""},
		"filter on the bridge": {
			func(f *Facts) {
				f.Bridges, f.BridgeCalls = []string{"br0"}, []string{"bridge-nf-call-iptables", "bridge-nf-call-ip6tables"}
			},
			"host-bridge: sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0",
		},
		"smaller egress":       {func(f *Facts) { f.Egress, f.MTU, f.EgressMTU = "eth1", 9000, 1500 }, "host-mtu: ip link set dev eth1 mtu 9000"},
		"larger egress":        {func(f *Facts) { f.Egress, f.MTU, f.EgressMTU = "eth1", 1500, 9000 }, ""},
		"egress that is gone":  {func(f *Facts) { f.Egress, f.MTU = "eth1", 1500 }, ""},
		"ingress that is gone": {func(f *Facts) { f.Egress, f.EgressMTU = "eth1", 1500 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.change(&f)
			var got []string
			for _, found := range Inspect(f) {
				r := found.Result()
				if r.Verdict == finding.OK {
					continue
				}
				got = append(got, string(r.Kind)+": "+r.Command)
				if r.Why == "" || r.Host != finding.ThisHost {
					t.Errorf("lacks a reason or the host: %+v", r)
				}
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInspectBystander(t *testing.T) {
	f := healthy()
	f.Forwarding4, f.LRO = []string{"eth0"}, true // none of the director's business
	if got := InspectBystander(f); len(got) != 1 || got[0].Severity != OK {
		t.Errorf("found %v", got)
	}
	f.Local = []Local{{VIP: vip, Prefix: netip.MustParsePrefix("192.0.2.10/24"), Interface: "eth0"}}
	if got := InspectBystander(f); len(got) != 1 || got[0].Severity != Refuse || got[0].Kind != finding.HostKernel {
		t.Errorf("found %v", got)
	}
}

// An IPv4 director does not care whether the host forwards IPv6.
func TestInspectOtherFamily(t *testing.T) {
	for _, f := range Inspect(Facts{Interface: "eth0", VIPs: []netip.Addr{vip}, Forwarding6: true}) {
		if f.Severity != OK {
			t.Errorf("%v", f)
		}
	}
}

// fakeHost is a Host without a kernel.
type fakeHost struct {
	mu    sync.Mutex
	facts Facts
	err   error
}

func (h *fakeHost) Read(Config) (Facts, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.facts, h.err
}

// set changes what the next Read returns.
func (h *fakeHost) set(facts Facts, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts, h.err = facts, err
}

// watched is a Watcher that runs in a synctest bubble.
type watched struct {
	table   *fakeTable
	host    *fakeHost
	reports chan []Finding
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{table: &fakeTable{}, host: &fakeHost{}, reports: make(chan []Finding, 1)}
	g, err := install(Config{Interface: "eth0", VIPs: []netip.Addr{vip}}, w.table)
	if err != nil {
		t.Fatal(err)
	}
	watcher := &Watcher{Interface: "eth0", VIPs: func() []netip.Addr { return []netip.Addr{vip} }, Guard: g, Host: w.host}
	go watcher.Watch(t.Context(), Interval, func(f []Finding) { w.reports <- f })
	return w
}

// look lets all be done that is due, and returns the findings that are not OK;
// "-" if nothing was reported.
func (w *watched) look() string {
	synctest.Wait()
	select {
	case report := <-w.reports:
		var lines []string
		for _, f := range report {
			if f.Severity != OK {
				lines = append(lines, f.Severity.String()+" "+f.What)
			}
		}
		return strings.Join(lines, "\n")
	default:
		return "-"
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		if got := w.look(); got != "" {
			t.Errorf("at start: %q", got)
		}
		forwards := Facts{Forwarding4: []string{"eth0"}}
		broken := errors.New("broken")
		for _, step := range []struct {
			name   string
			before func()
			want   string
		}{
			{"nothing changed", func() {}, "-"},
			{"table gone", func() { w.table.set(false, nil) }, "alarm the guard on eth0 was gone or changed, and was put back"},
			{"table back", func() {}, ""},
			{"forwarding under guard", func() { w.host.set(forwards, nil) }, ""},
			{"guard lost", func() { w.table.set(false, broken) }, "refuse broken\nrefuse the kernel forwards IPv4 from eth0, and the guard is off"},
			{"guard back", func() { w.table.set(true, nil) }, ""},
			{"host unreadable", func() { w.host.set(Facts{}, broken) }, "alarm the host's kernel could not be looked at: broken"},
		} {
			step.before()
			time.Sleep(Interval)
			if got := w.look(); got != step.want {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
		}
		if !w.table.has(vip) {
			t.Error("the table was not put back")
		}
	})
}

func TestWatchWithoutGuard(t *testing.T) {
	w := &Watcher{
		Interface: "eth0",
		VIPs:      func() []netip.Addr { return []netip.Addr{vip} },
		Host:      &fakeHost{facts: Facts{Forwarding4: []string{"eth0"}}},
	}
	if err := Err(w.Look()); err == nil || !strings.Contains(err.Error(), "guard: on") {
		t.Errorf("a host that duplicates: %v", err)
	}
}

// TestRemediesQuoteNames: whatever name an interface has, it is one word of a command.
func TestRemediesQuoteNames(t *testing.T) {
	const odd = "$(reboot)"
	route := Local{VIP: vip, Prefix: netip.MustParsePrefix("192.0.2.0/28"), Interface: odd, RouteType: "local"}
	address := Local{VIP: vip, Prefix: netip.MustParsePrefix("192.0.2.10/24"), Interface: odd}
	own := address
	own.Own = true
	f := Facts{
		Interface: odd, Egress: odd + "2", VIPs: []netip.Addr{vip, vip6}, Redirects: true, LRO: true, MTU: 9000, EgressMTU: 1500,
		Forwarding4: []string{odd}, ProxyARP: []string{odd}, ProxyNDP: []string{odd},
		Proxied: []Proxied{{vip, odd}, {vip6, odd}}, ReversePath: 1,
	}
	findings := append(Inspect(f), (&route).inspect(), (&address).inspect(), (&own).inspect())
	n := 0
	for _, f := range findings {
		// Outside of single quotes, nothing is left of the name.
		words := strings.Split(f.Remedy, "'")
		for i := 0; i < len(words); i += 2 {
			if strings.Contains(words[i], "$") {
				t.Errorf("a shell would run what the name says: %s", f.Remedy)
			}
		}
		if strings.Contains(f.Remedy, "reboot") {
			n++
		}
	}
	if n != 11 {
		t.Errorf("%d remedies name the interface, want 11: %v", n, findings)
	}
}
