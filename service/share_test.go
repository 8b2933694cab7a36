package service

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"lvsdr/scheduler"
)

// TestShare: what a part of a weight becomes, for schedulers that weigh, that hash,
// and for those to whom weights mean something else.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		scheduler string
		share     int
		weights   []int // of a server of weight 3 that has the share, and one of weight 1
		effective int
	}{
		{"wlc", 100, []int{3, 1}, 3},
		{"wlc", 50, []int{150, 100}, 1},
		{"wrr", 5, []int{15, 100}, 1},
		{"sed", 95, []int{285, 100}, 2},
		{"nq", 50, []int{150, 100}, 1},
		{"twos", 50, []int{150, 100}, 1},
		{"mh", 5, []int{3, 1}, 1},
		{"sh", 5, []int{3, 1}, 1},
		{"fo", 5, []int{3, 1}, 1},
		{"rr", 5, []int{3, 1}, 1},
	} {
		t.Run(fmt.Sprintf("%s/%d", c.scheduler, c.share), func(t *testing.T) {
			d := web("a", 1, 21, 22, 23)
			d.Scheduler, d.Servers[0].Weight, d.Servers[2].Weight = c.scheduler, 3, 0
			r := &registry{T: t}
			s := r.build(t0, d).Services()[0]
			r.up()
			s.Servers[0].SetShare(c.share)
			s.Refresh()
			if got := []int{s.Servers[0].Weight(), s.Servers[1].Weight()}; !slices.Equal(got, c.weights) {
				t.Errorf("weights %v, want %v", got, c.weights)
			}
			if w := s.Servers[2].Weight(); w != 0 {
				t.Errorf("a weight of 0 became %d", w)
			}
			if got := s.Servers[0].EffectiveWeight(); got != c.effective || s.Servers[1].EffectiveWeight() != 1 {
				t.Errorf("effective weight %d, want %d", got, c.effective)
			}
			s.Servers[0].SetShare(100)
			s.Refresh()
			if got := []int{s.Servers[0].Weight(), s.Servers[1].Weight()}; !slices.Equal(got, []int{3, 1}) {
				t.Errorf("at last the weights are %v", got)
			}
		})
	}
}

// TestSmallestShare: also a small part of the weight 1 is some of the connections.
func TestSmallestShare(t *testing.T) {
	d := web("a", 1, 21, 22)
	d.Scheduler = "wrr"
	r := &registry{T: t}
	s := r.build(t0, d).Services()[0]
	r.up()
	s.Servers[0].SetShare(5)
	s.Refresh()
	got := make(map[int]int)
	for range 2100 {
		got[pick(s)]++
	}
	if got[21] != 100 || got[22] != 2000 {
		t.Errorf("picked %v", got)
	}
}

// flows is where many flows go.
func flows(pick func(*scheduler.Flow) *scheduler.Candidate) (to [1000]int) {
	for i := range to {
		c := pick(&scheduler.Flow{
			Src: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), SrcPort: uint16(i),
			Dst: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), DstPort: 80,
		})
		if c != nil {
			to[i] = int(c.Addr.AsSlice()[3])
		}
	}
	return to
}

// TestHealthMovesNobodyElse: whatever a server goes through, with a hash the flows
// of the others stay, and so do those that the overflow spread.
func TestHealthMovesNobodyElse(t *testing.T) {
	for _, name := range []string{"sh", "mh", "dh", "wlc"} {
		d := web("a", 1, 21, 22, 23)
		d.Scheduler, d.Servers[2].Weight = name, 4
		r := &registry{T: t}
		s := r.build(t0, d).Services()[0]
		r.up()
		pickers := map[string]func(*scheduler.Flow) *scheduler.Candidate{"overflow": s.Overflow}
		if name != "wlc" {
			pickers["schedule"] = s.Schedule
		}
		for what, picker := range pickers {
			before := flows(picker)
			for _, h := range []Health{Gone, Unknown, Down, Up} {
				rs := s.Servers[1]
				rs.SetHealth(h)
				s.Refresh()
				for i, to := range flows(picker) {
					switch {
					case before[i] == 22 && h != Up:
						if to == 0 || to == 22 {
							t.Fatalf("%s, %s, %v: a flow of the server went to %d", name, what, h, to)
						}
					case to != before[i]:
						t.Fatalf("%s, %s, %v: flow %d went to %d, before to %d", name, what, h, i, to, before[i])
					}
				}
			}
		}
	}
}

// TestSorry: a sorry server is unknown to the schedulers until it is up, and its
// coming and going leaves the others where they were.
func TestSorry(t *testing.T) {
	for _, name := range []string{"rr", "mh"} {
		d := web("a", 1, 21, 22)
		d.Scheduler, d.Sorry = name, &ServerDefinition{Addr: addr4(21), Port: 80, HashPort: 80, Weight: 1}
		r := &registry{T: t}
		s := r.build(t0, d).Services()[0]
		r.up()
		if s.Sorry == s.Servers[0] || !s.Sorry.IsSorry() || s.Servers[0].IsSorry() || s.Sorry.Health() != Down {
			t.Fatalf("the sorry server: %v", s.Sorry.Health())
		}
		var each []*RealServer
		s.Each(func(rs *RealServer) { each = append(each, rs) })
		if !slices.Equal(each, append(slices.Clone(s.Servers), s.Sorry)) {
			t.Errorf("each: %v", each)
		}
		s.Sorry.SetMAC(mac(99))
		s.Refresh()
		before := flows(s.Schedule)
		if s.Undecided() || slices.Contains(before[:], 0) {
			t.Error("a sorry server that is not needed is in the way")
		}
		for _, rs := range s.Servers {
			rs.SetHealth(Down)
		}
		s.Sorry.SetHealth(Up)
		s.Refresh()
		for range 4 {
			if c := s.Schedule(&scheduler.Flow{Src: addr4(7).Netip(), Dst: addr4(1).Netip()}); c != &s.Sorry.Candidate {
				t.Fatalf("%s picked %v", name, c)
			}
		}
		s.Sorry.SetHealth(Gone)
		for _, rs := range s.Servers {
			rs.SetHealth(Up)
		}
		s.Refresh()
		if _, _, gone := s.Sorry.Route(); !gone || s.Sorry.Weight() != 0 {
			t.Error("it is not gone")
		}
		if after := flows(s.Schedule); name == "mh" && after != before {
			t.Error("the clients did not come back to where they were")
		}
		again := r.build(t0, d).Services()[0]
		if again.Sorry != s.Sorry {
			t.Error("it does not outlive a rebuild")
		}
	}
}
