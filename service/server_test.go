package service

import (
	"fmt"
	"slices"
	"testing"

	"lvsdr/frame"
	"lvsdr/scheduler"
)

// TestRefresh is the matrix of what is known of a server and what it means.
func TestRefresh(t *testing.T) {
	cases := []struct {
		health   Health
		resolved bool

		weight                  int
		listed, gone, undecided bool
	}{
		{Unknown, false, 0, false, false, true},
		{Unknown, true, 0, false, false, true},
		{Up, false, 0, false, false, true},
		{Up, true, 3, true, false, false},
		{Down, false, 0, false, false, false},
		{Down, true, 0, true, false, false},
		{Gone, false, 0, false, true, false},
		{Gone, true, 0, false, true, false},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%v/resolved=%v", c.health, c.resolved), func(t *testing.T) {
			d := web("a", 1, 21)
			d.Servers[0].Weight = 3
			r := &registry{T: t}
			s := r.build(t0, d).Services()[0]
			probe := &recorder{}
			s.scheduler, s.given = probe, []given{{}} // so that even an empty list is news
			rs := s.Servers[0]
			rs.SetHealth(c.health)
			if c.resolved {
				rs.SetMAC(mac(9))
			}
			s.Refresh()
			m, resolved, gone := rs.Route()
			if rs.Weight() != c.weight || gone != c.gone || s.Undecided() != c.undecided || (len(probe.list) == 1) != c.listed {
				t.Errorf("weight %d, listed %v, gone %v, undecided %v", rs.Weight(), probe.list, gone, s.Undecided())
			}
			if resolved != c.resolved || c.resolved && m != mac(9) {
				t.Errorf("MAC %v, resolved %v", m, resolved)
			}
			picked := s.Overflow(&scheduler.Flow{Src: rs.Addr, Dst: rs.Addr})
			if (picked != nil) != (c.weight > 0) {
				t.Errorf("overflow picked %v", picked)
			}
		})
	}
}

// recorder is a scheduler that notes its last list.
type recorder struct{ list []*scheduler.Candidate }

func (r *recorder) Update(list []*scheduler.Candidate)                { r.list = list }
func (r *recorder) Pick(*scheduler.Flow) *scheduler.Candidate         { return nil }
func (r *recorder) Peek(*scheduler.Flow) (*scheduler.Candidate, bool) { return nil, true }

func TestListIsNewestFirst(t *testing.T) {
	r := &registry{T: t}
	s := r.build(t0, web("a", 1, 21, 22, 23, 24)).Services()[0]
	probe := &recorder{}
	s.scheduler = probe
	r.up()
	s.Servers[2].SetHealth(Gone)
	s.Refresh()
	var got []int
	for _, c := range probe.list {
		got = append(got, int(c.Addr.AsSlice()[3]))
	}
	if !slices.Equal(got, []int{24, 22, 21}) {
		t.Errorf("list %v", got)
	}
}

// TestUndecidedByOneServer: one server of which nothing is known is enough.
func TestUndecidedByOneServer(t *testing.T) {
	r := &registry{T: t}
	s := r.build(t0, web("a", 1, 21, 22)).Services()[0]
	r.up()
	if s.Undecided() {
		t.Error("undecided, though all is known")
	}
	s.Servers[0].SetHealth(Unknown)
	s.Refresh()
	if !s.Undecided() {
		t.Error("decided, though one server is not known")
	}
	s.Servers[0].SetHealth(Up)
	s.Servers[0].SetMAC(frame.MAC{})
	for _, absent := range []bool{false, true} {
		s.Servers[0].SetAbsent(absent)
		if s.Refresh(); s.Undecided() == absent {
			t.Errorf("undecided %v about a server without a MAC, absent %v", s.Undecided(), absent)
		}
	}
	if s := r.build(t0, web("b", 2)).Services()[0]; s.Undecided() {
		t.Error("undecided without a server")
	}
}

func TestMACThatNoInterfaceOwns(t *testing.T) {
	rs := new(RealServer)
	rs.setGone(true)
	for _, m := range []frame.MAC{mac(1), {}, frame.Broadcast, {1, 0, 0x5e, 0, 0, 1}} {
		rs.SetMAC(m)
		got, resolved, gone := rs.Route()
		if got != m || resolved != (m == mac(1)) || !gone {
			t.Errorf("%v: %v, resolved %v, gone %v", m, got, resolved, gone)
		}
	}
}

// TestThresholds follows the kernel's rule: overloaded from upper on, until
// below lower, or without one below three quarters of upper.
func TestThresholds(t *testing.T) {
	for _, c := range []struct{ upper, lower int }{{0, 0}, {1, 0}, {4, 0}, {10, 0}, {10, 3}, {10, 10}, {3, 8}} {
		t.Run(fmt.Sprintf("upper=%d,lower=%d", c.upper, c.lower), func(t *testing.T) {
			rs := new(RealServer)
			rs.setThresholds(c.upper, c.lower)
			want, total := false, 0
			follow := func() {
				t.Helper()
				switch {
				case c.upper == 0:
					want = false
				case total >= c.upper:
					want = true
				case c.lower > 0 && total < c.lower:
					want = false
				case c.lower == 0 && total*4 < c.upper*3:
					want = false
				}
				if rs.Overloaded() != want {
					t.Fatalf("%d connections: overloaded %v", total, rs.Overloaded())
				}
			}
			for round := range 2 {
				for range 15 {
					rs.Opened(round == 0)
					total++
					follow()
					rs.Moved(round != 0)
					follow()
				}
				for range 15 {
					rs.Closed(round != 0)
					total--
					follow()
				}
			}
			if rs.Active() != 0 || rs.Inactive() != 0 || rs.Stats().Connections.Load() != 30 {
				t.Errorf("%d active, %d inactive, %d opened", rs.Active(), rs.Inactive(), rs.Stats().Connections.Load())
			}
		})
	}
}

// TestThresholdsAreEdited: a higher upper threshold lets clients in at once.
func TestThresholdsAreEdited(t *testing.T) {
	r := &registry{T: t}
	d := web("a", 1, 21)
	edit := func(upper, lower int) *RealServer {
		d.Servers = []ServerDefinition{{Addr: addr4(21), Port: 80, HashPort: 80, Weight: 1, Upper: upper, Lower: lower}}
		return r.build(t0, d).Services()[0].Servers[0]
	}
	rs := edit(4, 2)
	for range 4 {
		rs.Opened(true)
	}
	for i, c := range []struct {
		upper, lower int
		want         bool
	}{{4, 2, true}, {6, 2, false}, {6, 5, false}, {4, 2, true}, {5, 0, false}, {3, 1, true}, {0, 0, false}} {
		if edit(c.upper, c.lower); rs.Overloaded() != c.want {
			t.Errorf("edit %d to %d, %d: overloaded %v", i, c.upper, c.lower, rs.Overloaded())
		}
	}
}
