package via

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	other := netip.MustParseAddr("192.0.2.11")
	got := merge([]Server{
		{Addr: rip(21), VIPs: []netip.Addr{other}, Programs: true},
		{Addr: rip(22), VIPs: []netip.Addr{vip}},
		{Addr: rip(21), VIPs: []netip.Addr{vip}, MAC: MAC{2}},
		{Addr: rip(21), VIPs: []netip.Addr{vip}},
	})
	if s := got[rip(21)]; len(got) != 2 || !slices.Equal(s.VIPs, []netip.Addr{vip, other}) || !s.Programs || s.MAC != (MAC{2}) {
		t.Errorf("got %+v", got)
	}
}

func TestEntries(t *testing.T) {
	p := plan{
		priority: 100,
		numbers:  map[netip.Addr]int{rip(21): 1, rip6(21): 4095},
		servers:  merge(slices.Concat(both(21), []Server{{Addr: rip(21), MAC: MAC{2, 0, 0, 0, 0, 21}}})),
	}
	var got []string
	for _, e := range p.entries(3).inOrder() {
		got = append(got, e.String())
	}
	want := []string{
		"ip neigh 192.0.2.21 lladdr 02:00:00:00:00:15 nud permanent",
		"ip route 192.0.2.10 via 192.0.2.21 onlink table 530001",
		"ip route 2001:db8::10 via 2001:db8::21 onlink table 534095",
		"ip rule priority 166 nop", "ip rule priority 166 nop",
		"ip rule priority 100 fwmark 0x0/0xfff00000 goto 166", "ip rule priority 100 fwmark 0x0/0xfff00000 goto 166",
		"ip rule priority 102 fwmark 0x100000/0xfff00000 lookup 530001",
		"ip rule priority 165 fwmark 0xfff00000/0xfff00000 lookup 534095",
		"ip rule priority 101 fwmark 0xfc000000/0xfc000000 goto 165",
	}
	// What leads somewhere comes after what it leads to; otherwise any order will do.
	kind := func(text string) string { return text[:strings.LastIndexByte(text[:14], ' ')] }
	for i := range min(len(got), len(want)) {
		if kind(got[i]) != kind(want[i]) {
			t.Errorf("number %d is %q", i, got[i])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for e := range p.entries(0) {
		if _, ok := e.(rule); !ok {
			t.Errorf("without an interface: %v", e)
		}
	}
}

func TestFreePriority(t *testing.T) {
	for _, tt := range []struct {
		others []uint32
		want   uint32
	}{
		{nil, 90},
		{[]uint32{0, 89, 157, 32766}, 90},
		{[]uint32{92}, 100},
		{[]uint32{156}, 160},
		{[]uint32{90, 157, 220, 227}, 230},
	} {
		var others []foreign
		for _, p := range tt.others {
			others = append(others, foreign{priority: p})
		}
		if got, err := freePriority(others); err != nil || got != tt.want {
			t.Errorf("%v: %d, %v; want %d", tt.others, got, err, tt.want)
		}
	}
	var all []foreign
	for p := range uint32(1000) {
		all = append(all, foreign{priority: p})
	}
	if _, err := freePriority(all); err == nil || !strings.Contains(err.Error(), "via: real") {
		t.Errorf("all are taken: %v", err)
	}
}

func TestTakes(t *testing.T) {
	const all = 0xffffffff
	for _, tt := range []struct {
		rule foreign
		n    int
		want bool
	}{
		{foreign{mark: 0x00100000, mask: all}, 1, true},
		{foreign{mark: 0x00100001, mask: all}, 1, true}, // our rule would take it along
		{foreign{mark: 0x00200000, mask: all}, 1, false},
		{foreign{mark: 0x00300000, mask: 0x00100000}, 5, true}, // the bit is all that it looks at
		{foreign{mark: 0x00100000, mask: 0x00100000}, 2, false},
		{foreign{mark: 0x80000, mask: 0xff0000}, 8, false}, // tailscale
		{foreign{mark: 0x4000, mask: 0x4000}, 1, false},    // Kubernetes
		{foreign{mark: 51820, mask: all}, 1, false},        // wg-quick
		{foreign{mark: 0, mask: 0xff}, 1, false},           // what is not marked
		{foreign{table: 530_001}, 1, true},
		{foreign{table: 254}, 1, false},
	} {
		if got := tt.rule.takes(tt.n); got != tt.want {
			t.Errorf("%+v takes number %d: %v", tt.rule, tt.n, got)
		}
	}
}
