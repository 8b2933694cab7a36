package scheduler

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// destinationAt returns the i-th of many addresses.
func destinationAt(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a000000+uint32(i))
	return netip.AddrFrom4(b)
}

// count walks all chains and checks that each entry is where it belongs, once.
func (d *destinations[V]) count(t *testing.T) int {
	t.Helper()
	seen := map[netip.Addr]bool{}
	for i := range d.buckets {
		for e := d.buckets[i].first; e != nil; e = e.next {
			if seen[e.addr] || d.bucket(e.addr) != &d.buckets[i] {
				t.Fatalf("%v is in bucket %d, once more or by mistake", e.addr, i)
			}
			seen[e.addr] = true
		}
	}
	if n := int(d.entries.Load()); n != len(seen) {
		t.Fatalf("%d entries are counted, %d are there", n, len(seen))
	}
	return len(seen)
}

func set(value int) func(*int, time.Duration) {
	return func(v *int, _ time.Duration) { *v = value }
}

// TestDestinationsBound: the cache fills to its limit and no further; what is
// asked for stays, what is not goes.
func TestDestinationsBound(t *testing.T) {
	var clock time.Duration
	d := newDestinations[int]()
	d.now = func() time.Duration { clock++; return clock }
	const hot = 64
	for i := range 3 * destinationMax {
		d.update(destinationAt(i), set(i))
		if i >= hot {
			d.get(destinationAt(i % hot))
		}
	}
	if n := d.count(t); n != destinationMax {
		t.Errorf("%d entries, want %d", n, destinationMax)
	}
	for i := range hot {
		if v, _, ok := d.get(destinationAt(i)); !ok || v != i {
			t.Errorf("address %d: got %d, %v", i, v, ok)
		}
	}
	old := 0
	for i := hot; i < destinationMax; i++ {
		if _, _, ok := d.get(destinationAt(i)); ok {
			old++
		}
	}
	if old > destinationMax/20 {
		t.Errorf("%d entries outlived twice as many newer ones as there is room for", old)
	}
}

// TestDestinationsCrowded: addresses that fill few buckets leave room for
// others all the same.
func TestDestinationsCrowded(t *testing.T) {
	d := newDestinations[int]()
	home := d.bucket(destinationAt(0))
	for i, n := 0, 0; n < destinationMax; i++ {
		if d.bucket(destinationAt(i)) == home {
			// Not by update, which would walk the chain each time.
			home.first = &destination[int]{addr: destinationAt(i), next: home.first}
			d.entries.Add(1)
			n++
		}
	}
	other := netip.MustParseAddr("2001:db8::1")
	d.update(other, set(7))
	if v, _, ok := d.get(other); !ok || v != 7 {
		t.Errorf("got %d, %v", v, ok)
	}
	if n := d.count(t); n != destinationMax {
		t.Errorf("%d entries, want %d", n, destinationMax)
	}
}

func TestDestinationsExpire(t *testing.T) {
	var clock time.Duration
	d := newDestinations[int]()
	d.now = func() time.Duration { return clock }
	for i := range 4000 {
		d.update(destinationAt(i), set(i))
	}
	clock = destinationExpiry - 1
	d.get(destinationAt(5))
	clock = destinationExpiry
	for i := range 4000 {
		if _, _, ok := d.get(destinationAt(i)); ok != (i == 5) {
			t.Errorf("address %d: remembered: %v", i, ok)
		}
	}
	if n := d.count(t); n != 1 {
		t.Errorf("%d entries are left, want 1", n)
	}
	clock += destinationExpiry - 1
	if v, _, ok := d.get(destinationAt(5)); !ok || v != 5 {
		t.Errorf("asked for at the last moment: got %d, %v", v, ok)
	}
}

// TestCachers: lblc and lblcr, and no others, can be told how long to remember.
func TestCachers(t *testing.T) {
	for _, name := range Names() {
		s, err := New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.(Cacher); ok != (name == "lblc" || name == "lblcr") {
			t.Errorf("%s is a Cacher: %v", name, ok)
		}
	}
}

// TestSetExpiry: a new expiry holds for what is remembered already.
func TestSetExpiry(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{
		{time.Hour, time.Hour},
		{48 * time.Hour, 48 * time.Hour},
		{0, 24 * time.Hour},
		{-1, 24 * time.Hour},
	} {
		for _, s := range []Scheduler{newLBLC(nil), newLBLCR(nil)} {
			var clock time.Duration
			rig(s, 1, func() time.Duration { return clock })
			s.Update(newServers(2))
			f := newFlow(1)
			home := s.Pick(f)
			home.AddActive(1) // wlc takes the other now
			s.(Cacher).SetExpiry(time.Minute)
			s.(Cacher).SetExpiry(tt.set)
			clock = tt.want - 1
			if c := s.Pick(f); c != home {
				t.Errorf("%T, expiry %v: forgotten after %v", s, tt.set, clock)
			}
			clock += tt.want
			if c := s.Pick(f); c == home {
				t.Errorf("%T, expiry %v: remembered for %v", s, tt.set, tt.want)
			}
		}
	}
}

// TestDestinationsConcurrent: workers that all overfill the cache neither lose
// an entry nor count one twice. Run it with -race.
func TestDestinationsConcurrent(t *testing.T) {
	d := newDestinations[int]()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range destinationMax {
				at := i + g*destinationMax/3
				d.update(destinationAt(at), set(at))
				if v, _, ok := d.get(destinationAt(at / 2)); ok && v != at/2 {
					t.Errorf("address %d has the value of %d", at/2, v)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := d.count(t); n > destinationMax {
		t.Errorf("%d entries, the limit is %d", n, destinationMax)
	}
}

// TestFullCacheDoesNotAllocate: nor does one whose destinations come and go.
func TestFullCacheDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		s, _ := New(name, nil)
		s.Update(newServers(32))
		f := newFlow(1)
		next := 0
		pick := func() {
			f.Dst = destinationAt(next)
			next++
			s.Pick(f)
		}
		for range destinationMax {
			pick()
		}
		if n := testing.AllocsPerRun(5000, pick); n != 0 {
			t.Errorf("%s: %v allocations a pick", name, n)
		}
	}
}

// TestReplicasShrink: a set that has not changed for more than a day loses its
// heaviest server, one at a time, and never the last.
func TestReplicasShrink(t *testing.T) {
	s := newLBLCR(nil).(*lblcr)
	var clock time.Duration
	s.cache.now = func() time.Duration { return clock }
	list := newServers(3)
	s.Update(clone(list))
	f := newFlow(1)
	for _, c := range list { // each pick finds the ones before overloaded
		c.SetWeight(4)
		if got := s.Pick(f); got != c {
			t.Fatalf("picked %d, want %d", idOf(got), c.ID)
		}
		c.AddActive(int(4 + c.ID))
	}
	for _, c := range list {
		c.AddActive(-3) // 2, 3, 4: nobody has too many
	}
	size := func() int {
		have, _, _ := s.cache.get(f.Dst)
		return len(have.set)
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{destinationExpiry / 2, 3}, {destinationExpiry / 2, 3}, {1, 2}, {destinationExpiry / 2, 2}, {destinationExpiry/2 + 1, 1}} {
		clock += tt.after
		if c := s.Pick(f); c != list[0] {
			t.Errorf("%v: picked %d, want the lightest", clock, idOf(c))
		}
		if n := size(); n != tt.want {
			t.Errorf("%v: %d servers are in the set, want %d", clock, n, tt.want)
		}
	}
	clock += destinationExpiry / 2
	s.Pick(f)
	clock += destinationExpiry/2 + 1
	s.Pick(f)
	if n := size(); n != 1 {
		t.Errorf("%d servers are left, want 1", n)
	}
}

// TestReplicasDepart: servers that come and go do not pile up in a set.
func TestReplicasDepart(t *testing.T) {
	s := newLBLCR(nil).(*lblcr)
	stays := newServers(1)
	stays[0].AddActive(1000)
	f := newFlow(1)
	for i := range 200 {
		s.Update(withFirst(stays, newServers(1)[0]))
		for _, c := range s.servers.Load().list {
			c.SetWeight(4)
		}
		c := s.Pick(f)
		if c == nil || c == stays[0] {
			t.Fatalf("round %d: picked %d", i, idOf(c))
		}
	}
	have, _, _ := s.cache.get(f.Dst)
	if n := len(have.set); n > 2+departedMax {
		t.Errorf("%d servers are in the set", n)
	}
}

// TestReplicasReturn: a server that left and comes back finds its destination.
func TestReplicasReturn(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		s, _ := New(name, nil)
		list := newServers(3)
		s.Update(clone(list))
		f := newFlow(1)
		home := s.Pick(f)
		s.Update(without(list, home))
		s.Update(clone(list))
		home.AddActive(1) // wlc would take another
		if c := s.Pick(f); c != home {
			t.Errorf("%s: picked %d, want %d again", name, idOf(c), home.ID)
		}
	}
}

// TestReplicasConcurrent: workers whose picks let one destination's set grow
// and shrink, while servers leave and return, get servers only. Run it with
// -race.
func TestReplicasConcurrent(t *testing.T) {
	s := newLBLCR(nil).(*lblcr)
	var clock atomic.Int64
	s.cache.now = func() time.Duration { return time.Duration(clock.Add(int64(time.Hour))) }
	list := newServers(16)
	for _, c := range list {
		c.SetWeight(8)
	}
	s.Update(clone(list))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 3000 {
				f := newFlow(i)
				f.Dst = destinationAt(i % 2)
				c := s.Pick(f)
				if c == nil {
					t.Error("no pick")
					return
				}
				c.AddActive(1)
				if c.Active() > 12 {
					c.AddActive(-12)
				}
			}
		})
	}
	for i := range 200 {
		s.Update(without(list, list[i%16]))
		s.SetExpiry(time.Duration(i%3) * 12 * time.Hour)
	}
	s.SetExpiry(0)
	wg.Wait()
	for i := range 2 {
		have, _, ok := s.cache.get(destinationAt(i))
		sorted := clone(have.set)
		slices.SortFunc(sorted, func(a, b *Candidate) int { return int(a.ID) - int(b.ID) })
		if !ok || len(slices.Compact(sorted)) != len(have.set) {
			t.Errorf("destination %d: a server is twice in a set of %d", i, len(have.set))
		}
	}
}

// BenchmarkDestinations picks among many destinations: few that are all
// remembered, and ever new ones in a full cache, each at the cost of wlc too.
func BenchmarkDestinations(b *testing.B) {
	for _, name := range []string{"lblc", "lblcr"} {
		for _, tt := range []struct {
			what  string
			count int
		}{{"hit", 10_000}, {"full", 1 << 24}} {
			for _, n := range sizes {
				b.Run(fmt.Sprintf("%s/%s/%d", name, tt.what, n), func(b *testing.B) {
					s, _ := New(name, nil)
					s.Update(newServers(n))
					f := newFlow(1)
					at := 0
					pick := func() {
						f.Dst = destinationAt(at)
						at = (at + 1) % tt.count
						s.Pick(f)
					}
					for range 2 * destinationMax {
						pick()
					}
					b.ReportAllocs()
					for b.Loop() {
						pick()
					}
				})
			}
		}
	}
}

// BenchmarkReplicas picks for a destination whose set is all servers, each
// with more connections than its weight.
func BenchmarkReplicas(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newLBLCR(nil)
			list := newServers(n)
			s.Update(list)
			f := newFlow(1)
			for _, c := range list {
				s.Pick(f)
				c.AddActive(2)
			}
			for range list {
				s.Pick(f).AddActive(1)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Pick(f)
			}
		})
	}
}
