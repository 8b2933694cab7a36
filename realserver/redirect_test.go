package realserver

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func redirectOptions(t *testing.T, vips ...netip.Addr) Options {
	t.Helper()
	return recipe{method: MethodRedirect}.options(t, vips...)
}

func mustParseServices(t *testing.T, texts ...string) []Service {
	t.Helper()
	services := make([]Service, len(texts))
	for i, text := range texts {
		s, err := ParseService(text)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != text {
			t.Errorf("%s is written %v", text, s)
		}
		services[i] = s
	}
	return services
}

func TestParseServiceRefuses(t *testing.T) {
	for _, text := range []string{"", "http", "icmp", "tcp/", "tcp/0", "tcp/http", "tcp/65536", "tcp/90-80", "tcp/80-", "tcp/-80", "/80"} {
		if s, err := ParseService(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
}

func TestServicesUnion(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", "any"},
		{"udp/53 tcp/80 tcp/80", "tcp/80 udp/53"},
		{"tcp/80 tcp/1-100 tcp/90-110", "tcp/1-100 tcp/90-110"},
		{"tcp/80 tcp udp/53", "tcp udp/53"},
	} {
		var got []string
		for _, s := range union(mustParseServices(t, strings.Fields(test.in)...)) {
			got = append(got, s.String())
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", test.in, got, test.want)
		}
	}
}

func TestRedirectPlan(t *testing.T) {
	o := redirectOptions(t, vip6, vipA)
	o.Services = mustParseServices(t, "udp", "tcp/443", "tcp/8000-8099")
	p, err := NewPlan(o, newHost())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"nft 'table ip lvsdr_realserver_192.0.2.10 { chain prerouting { type nat hook prerouting priority -100; policy accept; " +
			"ip daddr 192.0.2.10 tcp dport 443 redirect; ip daddr 192.0.2.10 tcp dport 8000-8099 redirect; " +
			"ip daddr 192.0.2.10 meta l4proto udp redirect; }; }'",
		"nft 'table ip6 lvsdr_realserver_2001_db8__10 { chain prerouting { type nat hook prerouting priority -100; policy accept; " +
			"ip6 daddr 2001:db8::10 tcp dport 443 redirect; ip6 daddr 2001:db8::10 tcp dport 8000-8099 redirect; " +
			"ip6 daddr 2001:db8::10 meta l4proto udp redirect; }; }'",
	}
	if !slices.Equal(p.Commands(), want) {
		t.Errorf("commands:\n%s\nwant:\n%s", strings.Join(p.Commands(), "\n"), strings.Join(want, "\n"))
	}
}

// Services that are applied later come to those that are there, and undo removes
// all of them.
func TestRedirectServicesOneByOne(t *testing.T) {
	h, o := newHost(), redirectOptions(t, vipA)
	before := h.Snapshot()
	for _, step := range []struct{ service, command string }{
		{"tcp/80", "nft 'table ip "},
		{"udp/53", "nft 'delete table ip lvsdr_realserver_192.0.2.10; table ip "},
		{"tcp/80", ""},
	} {
		o.Services = mustParseServices(t, step.service)
		p := mustApply(t, o, h)
		if step.command == "" {
			if len(p.Steps) > 0 {
				t.Errorf("%s again: %v", step.service, p)
			}
		} else if !strings.HasPrefix(p.Commands()[0], step.command) {
			t.Errorf("%s: %s", step.service, p.Commands()[0])
		}
	}
	if got := h.Table[0].services(); !slices.Equal(got, mustParseServices(t, "tcp/80", "udp/53")) {
		t.Errorf("services: %v", got)
	}
	o.Services = nil
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
	mustApply(t, o, h)
	if got := h.Table[0].services(); !slices.Equal(got, []Service{{}}) {
		t.Errorf("the whole VIP: %v", got)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
}

// A second apply that fails leaves what the first has made.
func TestRedirectRollsBackToServices(t *testing.T) {
	h, o := newHost(), redirectOptions(t, vipA)
	o.Services = mustParseServices(t, "tcp/80")
	mustApply(t, o, h)
	first := h.Snapshot()
	o.VIPs = []netip.Addr{vipA, vipB}
	o.Services = mustParseServices(t, "tcp/443")
	h.Hook = func(change string) error {
		if strings.HasPrefix(change, "before put") && strings.HasSuffix(change, vipB.String()) {
			return syscall.ENOMEM
		}
		return nil
	}
	if _, err := Apply(o, h); !errors.Is(err, syscall.ENOMEM) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Fatalf("Apply: %v", err)
	}
	h.Hook = nil
	wantSame(t, "after the rollback", h.Snapshot(), first)
	o.VIPs, o.Services = nil, nil
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), newHost().Snapshot())
}

func TestRedirectRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		mangle func(*Memory, *Options)
		want   string
		is     error
	}{
		{"VIP on lo", func(m *Memory, _ *Options) {
			m.Address = append(m.Address, Address{Interface: "lo", Prefix: netip.PrefixFrom(vipA, 32), Scope: ScopeHost})
		}, "ip addr del 192.0.2.10/32 dev lo", nil},
		{"another's table", func(m *Memory, _ *Options) {
			m.Table = []Table{{Family: FamilyIP, Name: tableName(vipA)}}
		}, "nft delete table ip lvsdr_realserver_192.0.2.10", nil},
		{"no nftables", func(m *Memory, _ *Options) { m.NoNFTables = true }, "or use --method sysctl", syscall.EPROTONOSUPPORT},
		{"not root", func(m *Memory, _ *Options) { m.Unprivileged = true }, "run it as root", fs.ErrPermission},
		{"unknown interface", func(_ *Memory, o *Options) { o.Interfaces = []string{"eth7"} }, "not found", nil},
		{"a bad service", func(_ *Memory, o *Options) { o.Services = []Service{{Protocol: "icmp"}} }, "tcp, udp or sctp", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, o := newHost(), redirectOptions(t, vipA)
			test.mangle(h, &o)
			before := h.Snapshot()
			_, err := Apply(o, h)
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("Apply: %v, want %q and %v", err, test.want, test.is)
			}
			wantSame(t, "after the refusal", h.Snapshot(), before)
			wantNoRecord(t, o)
		})
	}
}

// Two methods for one VIP would be in each other's way.
func TestOtherMethodIsRefused(t *testing.T) {
	h, o := newHost(), redirectOptions(t, vipA)
	mustApply(t, o, h)
	applied := h.Snapshot()
	o.Method = ""
	_, err := Apply(o, h)
	if err == nil || !strings.Contains(err.Error(), "undo --vip 192.0.2.10, or go on with --method redirect") {
		t.Errorf("Apply of sysctl: %v", err)
	}
	wantSame(t, "after the refusal", h.Snapshot(), applied)
	if _, err := Undo(o, h); err != nil {
		t.Fatal(err)
	}
	mustApply(t, o, h)
}

// Check without a method judges each VIP by its own.
func TestCheckByAppliedMethod(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	o.VIPs, o.Method = []netip.Addr{vipB}, MethodRedirect
	mustApply(t, o, h)
	o.VIPs, o.Method = nil, ""
	findings, err := Check(o, h)
	if err != nil || !Healthy(findings) {
		t.Fatalf("Check: %v, %+v", err, findings)
	}
	for _, what := range []string{
		"192.0.2.10/32 is on lo", "nftables has table ip lvsdr_realserver_192.0.2.11", "proxy_arp on eth0 is off",
	} {
		n := 0
		for _, f := range findings {
			if strings.HasPrefix(f.What, what) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q is said %d times: %+v", what, n, findings)
		}
	}
}

func TestRedirectAfterDrift(t *testing.T) {
	h, o := newHost(), redirectOptions(t, vipA)
	before := h.Snapshot()
	mustApply(t, o, h)
	applied := h.Snapshot()
	for _, drift := range []func(){
		func() { h.Table = nil },
		func() { h.Table[0].Chains = nil },
	} {
		drift()
		if findings, err := Check(o, h); err != nil || Healthy(findings) {
			t.Errorf("Check: %v, %+v", err, findings)
		}
		mustApply(t, o, h)
		wantSame(t, "applied again", h.Snapshot(), applied)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
}

// TestRedirectCheckFindsEach makes each mistake once on a healthy real server.
func TestRedirectCheckFindsEach(t *testing.T) {
	checkFindsEach(t, recipe{method: MethodRedirect}, []mistake{
		{
			"VIP on lo", NameVIPAddress, func(m *Memory) {
				m.Address = append(m.Address, Address{Interface: "lo", Prefix: netip.PrefixFrom(vipA, 32), Scope: ScopeHost})
			},
			"192.0.2.10 is on lo as 192.0.2.10/32", "ip addr del 192.0.2.10/32 dev lo",
		},
		{
			"no table", NameTable, func(m *Memory) { m.Table = m.Table[1:] },
			"no table ip lvsdr_realserver_192.0.2.10", "director realserver apply --method redirect --vip 192.0.2.10",
		},
		{
			"another rule", NameTable, func(m *Memory) { m.Table[1].Chains[0].Rules[0].Service = Service{Protocol: "tcp"} },
			"a table ip6 lvsdr_realserver_2001_db8__10, and it is not",
			"nft delete table ip6 lvsdr_realserver_2001_db8__10 && director realserver apply --method redirect --vip 2001:db8::10",
		},
		{
			"no IPv6 address", NameRedirectAddress, func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] },
			"eth0 has no IPv6 address", "ip addr add ADDRESS/PREFIX dev eth0",
		},
		{
			"no LAN interface", NameRedirectAddress, func(m *Memory) { m.Link[1].Up = false },
			"no LAN interface is up", "ip link set INTERFACE up",
		},
		{
			"proxy_arp", NameProxyARP, func(m *Memory) { m.Sysctl[ipv4Conf("eth0", "proxy_arp")] = "1" },
			"proxy_arp on eth0 is on", "sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
		},
	})
}

// Rules that were typed by hand are as good.
func TestRedirectCheckTypedByHand(t *testing.T) {
	h, o := newHost(), redirectOptions(t, vipA)
	h.ByHand = true
	findings, err := Check(o, h)
	if err != nil || !Healthy(findings) || !strings.HasPrefix(findings[1].What, "other nftables rules do for 192.0.2.10") {
		t.Errorf("Check: %v, %+v", err, findings)
	}
}

// The remedy for a table that is lost names its services.
func TestRedirectCheckNamesServices(t *testing.T) {
	h, o := newHost(), redirectOptions(t, vipA)
	o.Services = mustParseServices(t, "tcp/80", "udp/53")
	mustApply(t, o, h)
	h.Table, o.Services = nil, nil
	findings, err := Check(o, h)
	if err != nil {
		t.Fatal(err)
	}
	want := "director realserver apply --method redirect --vip 192.0.2.10 --service tcp/80 --service udp/53"
	if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Remedy == want }) {
		t.Errorf("no remedy %s: %+v", want, findings)
	}
}

// TestDocsHaveTheCommands: what the page tells to type is what --print prints.
func TestDocsHaveTheCommands(t *testing.T) {
	page, err := os.ReadFile("../docs/real-servers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recipes {
		if r.method == MethodSysctl {
			continue // there the page sets two keys with one command
		}
		p, err := NewPlan(r.options(t, vipA), r.host())
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range p.Commands() {
			if !strings.Contains(string(page), "\n"+command+"\n") {
				t.Errorf("%s: docs/real-servers.md lacks %s", r.method, command)
			}
		}
	}
}
