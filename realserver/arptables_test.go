package realserver

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func arptablesOptions(t *testing.T, vips ...netip.Addr) Options {
	t.Helper()
	return recipe{method: MethodARPTables}.options(t, vips...)
}

func TestARPTablesPlan(t *testing.T) {
	o := arptablesOptions(t, vip6, vipA)
	p, err := NewPlan(o, newHost())
	if err != nil {
		t.Fatal(err)
	}
	table := "nft 'table arp lvsdr_realserver_192.0.2.10 { " +
		"chain input { type filter hook input priority 0; policy accept; arp daddr ip 192.0.2.10 drop; }; " +
		"chain output { type filter hook output priority 0; policy accept; " +
		"oifname \"eth0\" arp saddr ip 192.0.2.10 arp saddr ip set 192.0.2.21; }; }'"
	want := []string{
		table,
		"ip addr add 192.0.2.10/32 dev lo scope host label lo:0",
		"ip -6 addr add 2001:db8::10/128 dev lo nodad preferred_lft 0",
	}
	if !slices.Equal(p.Commands(), want) {
		t.Errorf("commands:\n%s\nwant:\n%s", strings.Join(p.Commands(), "\n"), strings.Join(want, "\n"))
	}
	o.VIPs, o.AddressOn = []netip.Addr{vipA}, "eth0"
	if p, err = NewPlan(o, newHost()); err != nil {
		t.Fatal(err)
	}
	if want := []string{table, "ip addr add 192.0.2.10/32 dev eth0 scope host label eth0:0"}; !slices.Equal(p.Commands(), want) {
		t.Errorf("on eth0:\n%s\nwant:\n%s", strings.Join(p.Commands(), "\n"), strings.Join(want, "\n"))
	}
}

// An interface's name may leave no room for a label.
func TestARPTablesLongName(t *testing.T) {
	h, o := newHost("enp0s20f0u1u2c2"), arptablesOptions(t, vipA)
	o.AddressOn = "enp0s20f0u1u2c2"
	p := mustApply(t, o, h)
	if got := p.Commands()[1]; got != "ip addr add 192.0.2.10/32 dev enp0s20f0u1u2c2 scope host" {
		t.Error(got)
	}
}

// Each LAN interface asks with its own address, never with a VIP, even where
// that stands first.
func TestARPTablesOwnAddresses(t *testing.T) {
	h, o := newHost("eth1"), arptablesOptions(t, vipA)
	h.Address = append([]Address{{Interface: "eth1", Prefix: netip.PrefixFrom(vipA, 32)}}, h.Address...)
	h.Address = append(h.Address, Address{Interface: "eth1", Prefix: netip.MustParsePrefix("198.51.100.21/24")})
	p := mustApply(t, o, h)
	if len(p.Steps) != 1 {
		t.Errorf("the VIP is there, yet: %v", p)
	}
	var senders []string
	for _, r := range h.Table[0].Chains[1].Rules {
		senders = append(senders, r.Out+" "+r.Sender.String())
	}
	if want := []string{"eth0 192.0.2.21", "eth1 198.51.100.21"}; !slices.Equal(senders, want) {
		t.Errorf("senders %v, want %v", senders, want)
	}
}

// A VIP that was on the LAN interface before stays when it is undone.
func TestARPTablesKeepsWhatWasThere(t *testing.T) {
	h, o := newHost(), arptablesOptions(t, vipA, vipB)
	h.Address = append(h.Address, Address{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.10/24"), Label: "eth0:1"})
	before := h.Snapshot()
	mustApply(t, o, h)
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
	o.VIPs = o.VIPs[:1]
	mustUndo(t, o, h)
	o.VIPs = []netip.Addr{vipB}
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("the VIP that stays: %v, %+v", err, findings)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
}

// A new address of the server is written into the rules by the next apply.
func TestARPTablesFollowsAddress(t *testing.T) {
	h, o := newHost(), arptablesOptions(t, vipA)
	mustApply(t, o, h)
	h.Address[2].Prefix = netip.MustParsePrefix("192.0.2.99/24")
	if findings, err := Check(o, h); err != nil || Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
	mustApply(t, o, h)
	if got := h.Table[0].Chains[1].Rules[0].Sender.String(); got != "192.0.2.99" {
		t.Errorf("sender %s", got)
	}
	mustUndo(t, o, h)
	if len(h.Table) > 0 || len(h.Address) != 3 {
		t.Errorf("undone, yet\n%s", h.Snapshot())
	}
}

func TestARPTablesRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		mangle func(*Memory, *Options)
		want   string
		is     error
	}{
		{"wide prefix on lo", func(m *Memory, _ *Options) {
			m.Address = append(m.Address, Address{Interface: "lo", Prefix: netip.MustParsePrefix("192.0.2.10/24")})
		}, "ip addr del 192.0.2.10/24 dev lo", nil},
		{"no address yet", func(m *Memory, _ *Options) { m.Address = m.Address[:2] }, "set the network up first", nil},
		{"no address on the named interface", func(m *Memory, o *Options) {
			m.Address = m.Address[:2]
			o.Interfaces = []string{"eth0"}
		}, "ip addr add ADDRESS/PREFIX dev eth0", nil},
		{"lo down", func(m *Memory, _ *Options) { m.Link[0].Up = false }, "interface lo", nil},
		{"unknown interface for the VIP", func(_ *Memory, o *Options) { o.AddressOn = "eth7" }, "interface eth7", nil},
		{"no nftables", func(m *Memory, _ *Options) { m.NoNFTables = true }, "CONFIG_NF_TABLES_ARP", syscall.EPROTONOSUPPORT},
		{"interface for the VIP with another method", func(_ *Memory, o *Options) { o.Method, o.AddressOn = MethodSysctl, "eth0" }, "only method arptables", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, o := newHost(), arptablesOptions(t, vipA)
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

func TestARPTablesCheckFindsEach(t *testing.T) {
	checkFindsEach(t, recipe{method: MethodARPTables}, []mistake{
		{
			"VIP missing", NameVIPMissing, func(m *Memory) {
				m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.Addr() == vipA })
			},
			"192.0.2.10 is not an address of this host", "director realserver apply --method arptables --vip 192.0.2.10",
		},
		{
			"IPv6 VIP missing", NameVIPMissing, func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] },
			"2001:db8::10/128 is not on lo", "director realserver apply --method arptables --vip 2001:db8::10",
		},
		{
			"IPv6 VIP on eth0", NameVIPInterface, func(m *Memory) {
				m.Address = append(m.Address, Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip6, 128)})
			},
			"2001:db8::10 is on eth0", "ip addr del 2001:db8::10/128 dev eth0",
		},
		{
			"wide prefix on lo", NameVIPPrefix, func(m *Memory) {
				m.Address[len(m.Address)-2].Prefix = netip.MustParsePrefix("192.0.2.10/24")
			},
			"192.0.2.10 is on lo as 192.0.2.10/24", "ip addr del 192.0.2.10/24 dev lo",
		},
		{
			"VIP on an interface that is down", NameVIPInterface, func(m *Memory) {
				m.Link = append(m.Link, Link{Name: "dummy0"})
				m.Address[len(m.Address)-2].Interface = "dummy0"
			},
			"192.0.2.10 is on dummy0, which is down", "ip link set dummy0 up",
		},
		{
			"no table", NameTable, func(m *Memory) { m.Table = nil },
			"no table arp lvsdr_realserver_192.0.2.10", "director realserver apply --method arptables --vip 192.0.2.10",
		},
		{
			"does not drop", NameTable, func(m *Memory) { m.Table[0].Chains[0].Rules = nil },
			"a table arp lvsdr_realserver_192.0.2.10, and it is not", "nft delete table arp lvsdr_realserver_192.0.2.10 && director",
		},
		{
			"the server's address went", NameTable, func(m *Memory) {
				m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.Addr() == netip.MustParseAddr("192.0.2.21") })
			},
			"no LAN interface has an IPv4 address", "ip addr add ADDRESS/PREFIX dev INTERFACE",
		},
		{
			"strict rp_filter", NameReversePath, func(m *Memory) {
				m.Sysctl[ipv4Conf("all", "rp_filter")] = "1"
				m.Defaults = []string{"eth1"}
			},
			"rp_filter on eth0 is 1 (strict)", "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
		},
	})
}
