package scheduler

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRegistry(t *testing.T) {
	want := []string{"dh", "fo", "lblc", "lblcr", "lc", "mh", "nq", "ovf", "rr", "sed", "sh", "twos", "wlc", "wrr"}
	if names := Names(); !slices.Equal(names, want) {
		t.Errorf("Names() = %v, want %v", names, want)
	}
	if f := Flags("mh"); !slices.Equal(f, []string{"mh-port", "mh-fallback"}) {
		t.Errorf("Flags(mh) = %v", f)
	}
	if f := Flags("nonesuch"); len(f) != 0 {
		t.Errorf("Flags(nonesuch) = %v", f)
	}
	for _, tt := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"wrong", nil, "one of dh, fo, lblc, lblcr, lc, mh, nq, ovf, rr, sed, sh, twos, wlc, wrr"},
		{"rr", []string{"sh-port"}, "takes no flags"},
		{"sh", []string{"sh-port", "mh-port"}, "one of sh-port, sh-fallback"},
	} {
		if _, err := New(tt.name, tt.flags); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%s, %v) = %v, want an error with %q", tt.name, tt.flags, err, tt.want)
		}
	}
}

// every calls fn for each scheduler with each combination of flags, and for the
// overflow's.
func every(t *testing.T, fn func(t *testing.T, s Scheduler)) {
	for _, name := range Names() {
		for _, flags := range subsets(Flags(name)) {
			t.Run(name+"/"+join(flags), func(t *testing.T) {
				s, err := New(name, flags)
				if err != nil {
					t.Fatal(err)
				}
				fn(t, s)
			})
		}
	}
	t.Run("overflow", func(t *testing.T) { fn(t, NewOverflow()) })
}

func TestNobodyUsable(t *testing.T) {
	every(t, func(t *testing.T, s Scheduler) {
		f := newFlow(1)
		if c := s.Pick(f); c != nil {
			t.Errorf("before Update: picked %d", c.ID)
		}
		s.Update(nil)
		if c := s.Pick(f); c != nil {
			t.Errorf("no servers: picked %d", c.ID)
		}
		list := newServers(4)
		for _, c := range list {
			c.SetWeight(0)
		}
		s.Update(clone(list))
		if c := s.Pick(f); c != nil {
			t.Errorf("weights 0: picked %d", c.ID)
		}
		list[2].SetWeight(65535)
		s.Update(clone(list))
		list[2].SetWeight(0) // between SetWeight and Update
		if c := s.Pick(f); c != nil {
			t.Errorf("weight 0 since the update: picked %d", c.ID)
		}
		list[2].SetWeight(3)
		if c := s.Pick(f); c != list[2] {
			t.Errorf("one usable server: picked %d", idOf(c))
		}
		s.Update(nil)
		if c := s.Pick(f); c != nil {
			t.Errorf("all gone: picked %d", c.ID)
		}
	})
}

func TestOverloadedIsPassedOver(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			s, err := New(name, Flags(name))
			if err != nil {
				t.Fatal(err)
			}
			list := newServers(3)
			s.Update(clone(list))
			list[0].SetOverloaded(true)
			for i := range 200 {
				if c := s.Pick(newFlow(i)); idOf(c) == list[0].ID {
					t.Fatalf("flow %d went to the overloaded server", i)
				}
			}
		})
	}
}

// TestWholeList: servers that come at once, as from a configuration, count as
// added one by one in reverse list order.
func TestWholeList(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	every(t, func(t *testing.T, s Scheduler) {
		name := strings.Split(t.Name(), "/")[1]
		if name == "overflow" {
			return
		}
		var flags []string
		for _, f := range Flags(name) {
			if strings.Contains(t.Name(), f) {
				flags = append(flags, f)
			}
		}
		single, err := New(name, flags)
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := s.(*twos); ok {
			a.below = rand.New(rand.NewPCG(1, 2)).Int64N
			single.(*twos).below = rand.New(rand.NewPCG(1, 2)).Int64N
		}
		list := newServers(7)
		for _, c := range list {
			c.SetWeight(r.IntN(6) * 3)
		}
		s.Update(clone(list))
		for i := len(list) - 1; i >= 0; i-- {
			single.Update(clone(list[i:]))
		}
		for i := range 100 {
			if a, b := s.Pick(newFlow(i)), single.Pick(newFlow(i)); a != b {
				t.Fatalf("pick %d: at once %d, one by one %d", i, idOf(a), idOf(b))
			}
		}
	})
}

// TestWrrCost: the level falls past what nobody reaches in one step, so a pick
// is as cheap when the heaviest server cannot be used.
func TestWrrCost(t *testing.T) {
	list := newServers(3)
	list[0].SetWeight(65535)
	list[0].SetOverloaded(true)
	s := newWRR(nil)
	s.Update(clone(list))
	for range 100_000 { // 65535 levels each would take half a minute
		if s.Pick(nil) == nil {
			t.Fatal("no pick")
		}
	}
}

// TestRemovalMovesFew: a server that leaves an mh table takes few of the
// others' clients with it; one that is quiesced takes none.
func TestRemovalMovesFew(t *testing.T) {
	list := newServers(10)
	s := newMH(flagSet{"mh-fallback"})
	s.Update(clone(list))
	const flows = 5000
	home := make([]*Candidate, flows)
	for i := range home {
		home[i] = s.Pick(newFlow(i))
	}
	moved := func() (n int) {
		for i, c := range home {
			if got := s.Pick(newFlow(i)); c != list[4] && got != c {
				n++
			}
		}
		return n
	}
	list[4].SetWeight(0)
	s.Update(clone(list))
	if n := moved(); n != 0 {
		t.Errorf("quiesced: %d clients of others moved", n)
	}
	s.Update(without(list, list[4]))
	if n := moved(); n > flows/20 {
		t.Errorf("removed: %d of %d clients of others moved", n, flows)
	}
}

func TestOverflowSpreadsAndStays(t *testing.T) {
	list := newServers(4)
	s := NewOverflow()
	s.Update(clone(list))
	count := map[*Candidate]int{}
	home := map[int]*Candidate{}
	f := newFlow(7) // one client: the ports alone must spread
	for i := range 8000 {
		f.SrcPort = uint16(i)
		home[i] = s.Pick(f)
		count[home[i]]++
	}
	for _, c := range list {
		if n := count[c]; n < 1700 || n > 2300 {
			t.Errorf("server %d got %d of 8000", c.ID, n)
		}
	}
	list[0].SetOverloaded(true)
	list[1].SetWeight(0)
	s.Update(clone(list))
	for i, c := range home {
		f.SrcPort = uint16(i)
		if got := s.Pick(f); c != list[1] && got != c || got == list[1] {
			t.Fatalf("port %d moved from %d to %d", i, c.ID, idOf(got))
		}
	}
}

// TestConcurrent: picks from several goroutines while the list changes give
// only servers of one list or the other. Run it with -race.
func TestConcurrent(t *testing.T) {
	every(t, func(t *testing.T, s Scheduler) {
		list := newServers(8)
		for _, c := range list {
			c.SetWeight(100)
		}
		s.Update(clone(list))
		var stop atomic.Bool
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := g; !stop.Load(); i++ {
					c, _ := s.Peek(newFlow(i))
					if s.Pick(newFlow(i)) == nil || c == nil {
						t.Error("no pick")
						return
					}
					if i%64 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		for i := range 100 {
			list[i%8].SetWeight(100 + i%5) // ovf takes no server with more connections
			list[i%8].AddActive(1)
			s.Update(without(list, list[i%3]))
		}
		stop.Store(true)
		wg.Wait()
	})
}

// TestRoundRobinShares: the cursor loses no turn under contention.
func TestRoundRobinShares(t *testing.T) {
	for _, name := range []string{"rr", "wrr"} {
		s, err := New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		list := newServers(5)
		s.Update(clone(list))
		var counts [6]atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5000 {
					counts[s.Pick(nil).ID].Add(1)
				}
			})
		}
		wg.Wait()
		for _, c := range list {
			if n := counts[c.ID].Load(); n != 4000 {
				t.Errorf("%s: server %d got %d turns, want 4000", name, c.ID, n)
			}
		}
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	every(t, func(t *testing.T, s Scheduler) {
		list := newServers(32)
		s.Update(clone(list))
		list[3].SetWeight(0)
		f := newFlow(5)
		six := &Flow{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2"), Protocol: protocolUDP}
		if n := testing.AllocsPerRun(200, func() { s.Pick(f); s.Pick(six); f.SrcPort++ }); n != 0 {
			t.Errorf("%v allocations a pick", n)
		}
	})
}

var sizes = []int{3, 32, 1000}

func BenchmarkPick(b *testing.B) {
	for _, name := range append(Names(), "overflow") {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				var s Scheduler = NewOverflow()
				if name != "overflow" {
					s, _ = New(name, nil)
				}
				s.Update(newServers(n))
				f := newFlow(1)
				b.ReportAllocs()
				for b.Loop() {
					f.SrcPort++
					s.Pick(f)
				}
			})
		}
	}
}

// BenchmarkPickMixed has weights from 1 to 100 and a fifth of the servers
// overloaded.
func BenchmarkPickMixed(b *testing.B) {
	for _, name := range Names() {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				s, _ := New(name, Flags(name))
				list := newServers(n)
				for i, c := range list {
					c.SetWeight(1 + i*37%100)
					c.SetOverloaded(i%5 == 1)
				}
				s.Update(list)
				f := newFlow(1)
				b.ReportAllocs()
				for b.Loop() {
					f.SrcPort++
					s.Pick(f)
				}
			})
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, name := range Names() {
		b.Run(name+"/1000", func(b *testing.B) {
			s, _ := New(name, nil)
			list := newServers(1000)
			b.ReportAllocs()
			for b.Loop() {
				s.Update(list)
			}
		})
	}
}

// BenchmarkPickDuringUpdate picks while another goroutine makes the scheduler
// anew of 1,000 servers, over and over. A pick that waited for that would cost
// what BenchmarkUpdate says.
func BenchmarkPickDuringUpdate(b *testing.B) {
	for _, name := range append(Names(), "overflow") {
		b.Run(name+"/1000", func(b *testing.B) {
			var s Scheduler = NewOverflow()
			if name != "overflow" {
				s, _ = New(name, nil)
			}
			list := newServers(1000)
			s.Update(clone(list))
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					default:
						s.Update(clone(list))
					}
				}
			}()
			f := newFlow(1)
			for b.Loop() {
				f.SrcPort++
				s.Pick(f)
			}
			close(stop)
			<-stopped
		})
	}
}

// TestActiveOutweighs: one active connection counts as 256 inactive ones, and
// of equals the earlier in the list is kept.
func TestActiveOutweighs(t *testing.T) {
	for _, tt := range []struct {
		weights, active, inactive [2]int
		want                      int
	}{
		{[2]int{1, 1}, [2]int{1, 0}, [2]int{0, 256}, 0},
		{[2]int{1, 1}, [2]int{1, 0}, [2]int{0, 255}, 1},
		{[2]int{1, 1}, [2]int{1, 0}, [2]int{0, 257}, 0},
		{[2]int{1, 2}, [2]int{1, 2}, [2]int{0, 0}, 0},
		{[2]int{1, 2}, [2]int{1, 1}, [2]int{0, 255}, 1},
		{[2]int{65535, 1}, [2]int{1 << 30, 16384}, [2]int{0, 0}, 1},
	} {
		list := newServers(2)
		for i, c := range list {
			c.SetWeight(tt.weights[i])
			c.AddActive(tt.active[i])
			c.AddInactive(tt.inactive[i])
		}
		s := newWLC(nil)
		s.Update(list)
		if got := s.Pick(nil); got != list[tt.want] {
			t.Errorf("%+v: picked index %d", tt, got.ID-1)
		}
	}
}
