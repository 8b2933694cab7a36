package service

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"lvsdr/frame"
	"lvsdr/scheduler"
)

// web is a TCP service on port 80 of the VIP with that number, with servers of
// weight 1 whose addresses end with the numbers.
func web(name string, vip int, servers ...int) Definition {
	d := Definition{Name: name, Protocol: frame.ProtocolTCP, Scheduler: "rr", Ranges: []Range{{addr4(vip), 80, 80}}}
	for _, n := range servers {
		d.Servers = append(d.Servers, ServerDefinition{Addr: addr4(n), Port: 80, HashPort: 80, Weight: 1})
	}
	return d
}

func mac(n int) frame.MAC { return frame.MAC{2, 0, 0, 0, 0, byte(n)} }

// registry is a Registry in a test.
type registry struct {
	*testing.T
	Registry
	table *Table
}

func (r *registry) build(now time.Time, ds ...Definition) *Table {
	r.Helper()
	t, err := r.Build(ds, nil, now)
	if err != nil {
		r.Fatal(err)
	}
	r.table = t
	return t
}

// up makes all servers usable.
func (r *registry) up() {
	for _, s := range r.table.Services() {
		for _, rs := range s.Servers {
			rs.SetHealth(Up)
			rs.SetMAC(mac(int(rs.ID)))
		}
		s.Refresh()
	}
}

// pick returns the last byte of the address of the next server; 0: none.
func pick(s *Service) int {
	c := s.Schedule(&scheduler.Flow{})
	if c == nil {
		return 0
	}
	return int(c.Addr.AsSlice()[3])
}

func TestServersOutliveARebuild(t *testing.T) {
	r := &registry{T: t}
	first := r.build(t0, web("a", 1, 21, 22), web("b", 2, 21))
	r.up()
	a := first.Services()[0].Servers
	a[1].Opened(true)
	a[1].Stats().Packets.Add(7)
	changed := web("a", 3, 23, 22, 21) // another VIP, a new server first
	changed.Servers[1].Weight = 5
	second := r.build(t0, web("b", 2, 21), changed)
	b := second.Services()[1].Servers
	if b[1] != a[1] || b[2] != a[0] || second.Services()[0].Servers[0] != first.Services()[1].Servers[0] {
		t.Error("a server that stayed is another")
	}
	if b[0].ID == b[1].ID || b[0].ID == b[2].ID {
		t.Error("two servers with one ID")
	}
	if b[1].Active() != 1 || b[1].Stats().Packets.Load() != 7 || b[1].Health() != Up || b[1].BaseWeight() != 5 || b[1].Weight() != 5 {
		t.Errorf("server %+v", b[1])
	}
	if b[0].Health() != Unknown || b[0].Weight() != 0 {
		t.Errorf("new server: %v, weight %d", b[0].Health(), b[0].Weight())
	}
	second.Servers(func(rs *RealServer) {
		if second.Server(rs.ID) != rs {
			t.Errorf("server %d is not found by its ID", rs.ID)
		}
	})
}

// TestIdentity: service, address and port make a server; all else may change.
func TestIdentity(t *testing.T) {
	r := &registry{T: t}
	old := r.build(t0, web("a", 1, 21)).Services()[0].Servers[0]
	for name, change := range map[string]func(*Definition){
		"name":    func(d *Definition) { d.Name = "b" },
		"address": func(d *Definition) { d.Servers[0].Addr = addr4(22) },
		"port":    func(d *Definition) { d.Servers[0].Port = 81 },
	} {
		d := web("a", 1, 21)
		change(&d)
		if r.build(t0, d).Services()[0].Servers[0] == old {
			t.Errorf("the same server with another %s", name)
		}
	}
	marked := func(hashPort uint16) *RealServer {
		d := web("a", 1, 21)
		d.Mark, d.Servers[0].HashPort = 7, hashPort
		return r.build(t0, d).Services()[0].Servers[0]
	}
	if got := marked(0); got != old || got.Port != 80 {
		t.Errorf("given a mark, the server is %+v", got)
	}
	if got := marked(80); got == old || got.Port != 80 {
		t.Errorf("added by another name behind the mark, it is %+v", got)
	}
	d := web("a", 9, 21)
	d.Scheduler, d.Servers[0].Weight, d.Servers[0].MAC = "wlc", 9, mac(1)
	if got := r.build(t0, d).Services()[0].Servers[0]; got != old {
		t.Error("another server")
	} else if m, resolved, _ := got.Route(); m != mac(1) || !resolved {
		t.Errorf("pinned MAC: %v", m)
	}
}

// TestSchedulerStateIsKept: rr goes on where it was, as long as scheduler and
// flags are the same and the list is.
func TestSchedulerStateIsKept(t *testing.T) {
	r := &registry{T: t}
	d := web("a", 1, 21, 22, 23)
	r.build(t0, d)
	r.up()
	if got := pick(r.table.Services()[0]); got != 23 {
		t.Fatalf("first pick %d", got)
	}
	moved := d
	moved.Ranges = []Range{{addr4(7), 80, 90}}
	r.build(t0, moved)
	if got := pick(r.table.Services()[0]); got != 22 {
		t.Errorf("after a reload: %d", got)
	}
	other := moved
	other.Scheduler = "wrr"
	r.build(t0, other)
	r.build(t0, moved)
	if got := pick(r.table.Services()[0]); got != 23 {
		t.Errorf("a new scheduler begins with %d", got)
	}
	mh := d
	mh.Scheduler = "mh"
	r.build(t0, mh)
	before := r.table.Services()[0].balancer
	r.build(t0, mh)
	if r.table.Services()[0].balancer != before {
		t.Error("mh was made anew")
	}
	mh.Flags = []string{"mh-port"}
	r.build(t0, mh)
	if r.table.Services()[0].balancer == before {
		t.Error("mh was kept though its flags changed")
	}
}

// TestSchedulerHearsOnlyOfChanges: an Update begins a round of wrr anew.
func TestSchedulerHearsOnlyOfChanges(t *testing.T) {
	r := &registry{T: t}
	d := web("a", 1, 21, 22)
	d.Scheduler, d.Servers[0].Weight, d.Servers[1].Weight = "wrr", 2, 4
	r.build(t0, d)
	r.up()
	reference := &registry{T: t}
	reference.build(t0, d)
	reference.up()
	for i := range 30 {
		s := r.table.Services()[0]
		switch i % 3 {
		case 0:
			r.build(t0, d)
		case 1:
			s.Servers[0].SetMAC(mac(100 + i))
			s.Refresh()
		}
		if got, want := pick(r.table.Services()[0]), pick(reference.table.Services()[0]); got != want {
			t.Fatalf("pick %d: %d, without reloads %d", i, got, want)
		}
	}
}

// TestIDsComeBackLate: the number of a removed server is used again only when it
// was seen without a connection for more than 10 s.
func TestIDsComeBackLate(t *testing.T) {
	r := &registry{T: t}
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	r.build(at(0), web("a", 1, 21, 22))
	r.up()
	gone := r.table.Services()[0].Servers[1]
	gone.Opened(true)
	isThere := func(now float64, want bool) {
		t.Helper()
		r.build(at(now), web("a", 1, 21))
		if got := r.table.Server(gone.ID) == gone; got != want {
			t.Fatalf("at %v s: kept %v, want %v", now, got, want)
		}
	}
	isThere(0, true)
	if _, _, isGone := gone.Route(); !isGone {
		t.Error("a removed server is not gone")
	}
	isThere(60, true)
	gone.Closed(true) // at some time before 100
	isThere(100, true)
	isThere(110, true)
	isThere(110.5, false)
	r.build(at(111), web("a", 1, 21, 23))
	if n := r.table.Services()[0].Servers[1]; n.ID != gone.ID || n == gone {
		t.Errorf("new server has ID %d, want %d", n.ID, gone.ID)
	}
}

// TestIDsHaveNoHoles: the lowest free number is the next, wherever it is.
func TestIDsHaveNoHoles(t *testing.T) {
	r := &registry{T: t}
	r.build(t0, web("a", 1, 21, 22, 23, 24))
	for _, now := range []time.Time{t0, t0.Add(time.Minute)} {
		r.build(now, web("a", 1, 22, 24))
	}
	r.build(t0.Add(time.Minute), web("a", 1, 22, 24, 31, 32, 33))
	for i, want := range []uint32{1, 3, 0, 2, 4} {
		if got := r.table.Services()[0].Servers[i].ID; got != want {
			t.Errorf("server %d has ID %d, want %d", i, got, want)
		}
	}
}

func TestRemovedServerReturns(t *testing.T) {
	r := &registry{T: t}
	r.build(t0, web("a", 1, 21, 22))
	r.up()
	rs := r.table.Services()[0].Servers[1]
	r.build(t0, web("a", 1, 21))
	r.build(t0.Add(5*time.Second), web("a", 1, 21, 22))
	got := r.table.Services()[0].Servers[1]
	if _, _, gone := got.Route(); got != rs || gone || got.Health() != Unknown {
		t.Errorf("the same %v, gone %v, %v", got == rs, gone, got.Health())
	}
	r.build(t0.Add(time.Hour), web("a", 1, 21, 22))
	if r.table.Server(rs.ID) != rs {
		t.Error("it lost its ID")
	}
}

// TestErrorChangesNothing compares a registry that saw broken definitions with
// one that did not.
func TestErrorChangesNothing(t *testing.T) {
	good := []Definition{web("a", 1, 21, 22), web("b", 2, 23)}
	r, reference := &registry{T: t}, &registry{T: t}
	for _, x := range []*registry{r, reference} {
		x.build(t0, good...)
		x.up()
		pick(x.table.Services()[0])
	}
	unknown := web("a", 11, 21, 29)
	unknown.Scheduler = "fastest"
	flags := web("b", 12, 23)
	flags.Flags = []string{"mh-port"}
	changed := web("a", 13, 22)
	changed.Scheduler, changed.Servers[0].Weight = "wlc", 77
	var many []Definition
	for i := range MaxVIPs + 1 {
		many = append(many, Definition{Name: fmt.Sprint(i), Scheduler: "rr", Ranges: []Range{{frame.AddrFrom4(uint32(i)), 1, 1}}})
	}
	for name, ds := range map[string][]Definition{
		"scheduler": {web("b", 10, 23), unknown},
		"flag":      {changed, flags},
		"overlap":   {changed, web("c", 14, 24), web("b", 13, 23)},
		"VIPs":      many,
	} {
		if _, err := r.Build(ds, nil, t0); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !maps.Equal(r.vips, reference.vips) || len(r.servers) != len(reference.servers) || len(r.byKey) != len(reference.byKey) {
			t.Errorf("%s: the registry changed", name)
		}
		if rs := r.table.Services()[0].Servers[1]; rs.BaseWeight() != 1 || rs.Weight() != 1 || rs.Health() != Up {
			t.Errorf("%s: a server changed", name)
		}
	}
	for _, x := range []*registry{r, reference} {
		x.build(t0, append(slices.Clone(good), web("c", 5, 25))...)
	}
	for i, s := range r.table.Services() {
		want := reference.table.Services()[i]
		for j, rs := range s.Servers {
			if rs.ID != want.Servers[j].ID {
				t.Errorf("service %s: server %d has ID %d, want %d", s.Name, j, rs.ID, want.Servers[j].ID)
			}
		}
	}
	if a, b := r.table.VIP(addr4(5)), reference.table.VIP(addr4(5)); a.Index != b.Index {
		t.Errorf("a VIP has index %d, want %d", a.Index, b.Index)
	}
	if a, b := pick(r.table.Services()[0]), pick(reference.table.Services()[0]); a != b {
		t.Errorf("picked %d, want %d", a, b)
	}
}

// TestVIPsKeepTheirIndex: connection table entries name a VIP by it.
func TestVIPsKeepTheirIndex(t *testing.T) {
	r := &registry{T: t}
	index := r.build(t0, web("a", 1, 21), web("b", 2, 21)).VIP(addr4(2)).Index
	if table := r.build(t0, web("c", 3, 21)); table.VIP(addr4(2)) != nil || table.VIPByIndex(index) != nil || len(table.VIPs()) != 1 {
		t.Error("a VIP without a service is there")
	}
	if got := r.build(t0, web("z", 4, 21), web("b", 2, 21)).VIP(addr4(2)).Index; got != index {
		t.Errorf("index %d, was %d", got, index)
	}
}
