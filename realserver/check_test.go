package realserver

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// mistake is one that check finds: what it says and the remedy, in part.
type mistake struct {
	name         string
	condition    string // the finding's name
	mangle       func(*Memory)
	what, remedy string
}

// checkFindsEach makes each mistake once on a healthy real server: exactly one
// finding, by its name and with its remedy.
func checkFindsEach(t *testing.T, r recipe, mistakes []mistake) {
	t.Helper()
	for _, test := range mistakes {
		t.Run(test.name, func(t *testing.T) {
			h, o := r.host(), r.options(t, vipA, vip6)
			mustApply(t, o, h)
			test.mangle(h)
			findings, err := Check(o, h)
			if err != nil || Healthy(findings) {
				t.Fatalf("Check: %v, %+v", err, findings)
			}
			var wrong []Finding
			for _, f := range findings {
				if !f.OK {
					wrong = append(wrong, f)
				}
			}
			if len(wrong) != 1 {
				t.Fatalf("%d findings: %+v", len(wrong), wrong)
			}
			f := wrong[0]
			if f.Name != test.condition {
				t.Errorf("it is named %q, want %q", f.Name, test.condition)
			}
			if !strings.Contains(f.What, test.what) || !strings.Contains(f.Remedy, test.remedy) || f.Why == "" {
				t.Errorf("found %+v\nwant %q, remedy %q", f, test.what, test.remedy)
			}
		})
	}
}

func TestCheckFindsEach(t *testing.T) {
	set := func(name, leaf, value string) func(*Memory) {
		return func(m *Memory) { m.Sysctl[ipv4Conf(name, leaf)] = value }
	}
	checkFindsEach(t, recipe{method: MethodSysctl}, []mistake{
		{"lo down", NameLoopback, func(m *Memory) { m.Link[0].Up = false }, "lo is down", "ip link set lo up"},
		{
			"VIP missing", NameVIPMissing, func(m *Memory) {
				n := len(m.Address)
				m.Address = slices.Delete(m.Address, n-2, n-1)
			},
			"192.0.2.10/32 is not on lo", "director realserver apply --vip 192.0.2.10",
		},
		{
			"IPv6 VIP missing", NameVIPMissing, func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] },
			"2001:db8::10/128 is not on lo", "director realserver apply --vip 2001:db8::10",
		},
		{
			"VIP on eth0 too", NameVIPInterface, func(m *Memory) {
				m.Address = append(m.Address, Address{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.10/24")})
			},
			"192.0.2.10 is on eth0 as 192.0.2.10/24", "ip addr del 192.0.2.10/24 dev eth0",
		},
		{
			"wide prefix on lo", NameVIPPrefix, func(m *Memory) {
				m.Address = append(m.Address, Address{Interface: "lo", Prefix: netip.MustParsePrefix("192.0.2.10/24")})
			},
			"192.0.2.10 is on lo as 192.0.2.10/24", "ip addr del 192.0.2.10/24 dev lo",
		},
		{
			"scope global", NameVIPScope, func(m *Memory) { m.Address[len(m.Address)-2].Scope = ScopeGlobal },
			"scope global, and arp_ignore on eth0 is 3", "ip addr del 192.0.2.10/32 dev lo",
		},
		{
			"duplicate address", NameVIPTentative, func(m *Memory) { m.Address[len(m.Address)-1].Tentative = true },
			"tentative or a duplicate", "ip -6 addr del 2001:db8::10/128 dev lo",
		},
		{
			"arp_ignore 0", NameARPIgnore, func(m *Memory) { set("all", "arp_ignore", "0")(m); set("eth0", "arp_ignore", "0")(m) },
			"arp_ignore on eth0 is 0", "sysctl -w net.ipv4.conf.all.arp_ignore=3 && sysctl -w net.ipv4.conf.eth0.arp_ignore=3",
		},
		{"arp_ignore 4", NameARPIgnore, set("eth0", "arp_ignore", "4"), "arp_ignore on eth0 is 4", "sysctl -w net.ipv4.conf.eth0.arp_ignore=3"},
		{
			"arp_announce 1", NameARPAnnounce, func(m *Memory) { set("all", "arp_announce", "1")(m); set("eth0", "arp_announce", "0")(m) },
			"arp_announce on eth0 is 1", "sysctl -w net.ipv4.conf.all.arp_announce=2",
		},
		{"proxy_arp", NameProxyARP, set("eth0", "proxy_arp", "1"), "proxy_arp on eth0 is on", "sysctl -w net.ipv4.conf.eth0.proxy_arp=0"},
		{"proxy_arp on all", NameProxyARP, set("all", "proxy_arp", "1"), "proxy_arp on eth0 is on", "sysctl -w net.ipv4.conf.all.proxy_arp=0"},
		{"strict rp_filter", NameReversePath, func(m *Memory) {
			set("all", "rp_filter", "1")(m)
			m.Defaults = []string{"eth1"}
		}, "rp_filter on eth0 is 1 (strict)", "sysctl -w net.ipv4.conf.eth0.rp_filter=2"},
	})
}

// The recipe that people type by hand leaves scope global; arp_ignore=1 hides
// that.
func TestCheckTypedByHand(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	h.Sysctl[ipv4Conf("all", "arp_ignore")] = "1"
	h.Sysctl[ipv4Conf("all", "arp_announce")] = "2"
	h.Address = append(h.Address, Address{Interface: "lo", Prefix: netip.PrefixFrom(vipA, 32), Label: "lo:0"})
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
	if p := mustApply(t, o, h); len(p.Steps) != 0 {
		t.Errorf("Apply changes it: %v", p)
	}
}

func TestCheckWithoutARP(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	h.Sysctl[ipv4Conf("all", "arp_ignore")] = "8"
	findings, err := Check(o, h)
	if err != nil || !Healthy(findings) {
		t.Fatalf("Check: %v, %+v", err, findings)
	}
	for _, f := range findings {
		if strings.HasPrefix(f.What, "arp_ignore") && !strings.Contains(f.Why, "no ARP request at all") {
			t.Errorf("%+v does not say what 8 does", f)
		}
	}
}

func TestCheckRecorded(t *testing.T) {
	h, o := newHost(), options(t)
	if _, err := Check(o, h); !errors.Is(err, ErrNoVIP) {
		t.Errorf("nothing recorded: %v", err)
	}
	o.VIPs = []netip.Addr{vipA}
	mustApply(t, o, h)
	o.VIPs = nil
	if findings, err := Check(o, h); err != nil || !Healthy(findings) || !strings.Contains(findings[1].What, "192.0.2.10/32") {
		t.Errorf("recorded: %v, %+v", err, findings)
	}
}

// TestCheckBeforeInterfaces is a host in early boot: "all" is what counts.
func TestCheckBeforeInterfaces(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	h.Address = h.Address[:2]
	if p := mustApply(t, o, h); len(p.Steps) != 3 {
		t.Errorf("plan: %v", p)
	}
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
}
