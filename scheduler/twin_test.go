package scheduler

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// twins are the slow, obvious forms of the algorithms.
var twins = map[string]func(flags []string) Scheduler{
	"rr":  func([]string) Scheduler { return &rrTwin{} },
	"wrr": func([]string) Scheduler { return &wrrTwin{} },
	"wlc": func([]string) Scheduler { return &wlcTwin{} },
	"sh":  func(f []string) Scheduler { return &shTwin{flags: f} },
	"mh":  func(f []string) Scheduler { return &mhTwin{flags: f, last: map[*Candidate]int{}} },
}

// TestTwins compares every scheduler with its twin while servers come, go,
// change weight and overload.
func TestTwins(t *testing.T) {
	for _, name := range Names() {
		twin, ok := twins[name]
		if !ok {
			t.Errorf("scheduler %s has no twin", name)
			continue
		}
		for _, flags := range subsets(Flags(name)) {
			t.Run(name+"/"+join(flags), func(t *testing.T) {
				for seed := range uint64(8) {
					s, err := New(name, flags)
					if err != nil {
						t.Fatal(err)
					}
					compare(t, seed, s, twin(flags))
				}
			})
		}
	}
}

func compare(t *testing.T, seed uint64, s, twin Scheduler) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	pool := newServers(9)
	pool[2].Addr, pool[3].Addr = netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2001:db8:1:2::3")
	var list []*Candidate
	for round := range 12 {
		// One kind of change at a time: several at once are the schedulers'
		// own affair, and TestWholeList's.
		shake(r, list)
		s.Update(clone(list))
		twin.Update(clone(list))
		if c := pool[r.IntN(len(pool))]; r.IntN(3) > 0 || len(list) == 0 {
			list = withFirst(list, c)
		} else {
			list = without(list, list[r.IntN(len(list))])
		}
		s.Update(clone(list))
		twin.Update(clone(list))
		for i := range 40 {
			if len(list) > 0 && r.IntN(4) == 0 {
				list[r.IntN(len(list))].SetOverloaded(r.IntN(2) == 0)
			}
			f := newFlow(r.Int())
			if i%5 == 0 {
				f.Src = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.Int()), 9: byte(r.Int())})
			}
			if got, want := idOf(s.Pick(f)), idOf(twin.Pick(f)); got != want {
				t.Fatalf("seed %d, round %d, pick %d: got server %d, the twin %d", seed, round, i, got, want)
			}
		}
	}
}

type rrTwin struct{ before, after []*Candidate } // used last comes last in before

func (s *rrTwin) Update(list []*Candidate) {
	var before, after []*Candidate
	last := -1
	for _, c := range s.before {
		for i, l := range list {
			if l == c {
				last = i
			}
		}
	}
	before, after = list[:last+1], list[last+1:]
	s.before, s.after = before, after
}

func (s *rrTwin) Pick(*Flow) *Candidate {
	all := append(clone(s.before), s.after...)
	for i := range all {
		at := (len(s.before) + i) % len(all)
		if c := all[at]; c.Weight() > 0 && !c.Overloaded() {
			s.before, s.after = all[:at+1], all[at+1:]
			return c
		}
	}
	return nil
}

// wrrTwin tries every level in turn.
type wrrTwin struct {
	list                   []*Candidate
	last, level, top, step int
}

func (s *wrrTwin) Update(list []*Candidate) {
	var divisor, greatest int
	for _, c := range list {
		if c.Weight() > 0 {
			divisor = euclid(divisor, c.Weight())
			greatest = max(greatest, c.Weight())
		}
	}
	s.step = max(divisor, 1)
	s.top = greatest - s.step + 1
	if s.level > s.top || s.level == 0 {
		s.level = s.top
	} else if s.step > 1 {
		s.level = s.level/s.step*s.step + 1
	}
	s.list, s.last = list, -1
}

func (s *wrrTwin) Pick(*Flow) *Candidate {
	if s.top == 0 {
		return nil
	}
	before := *s
	for range 2*s.top/s.step + 2 {
		for i := s.last + 1; i < len(s.list); i++ {
			if c := s.list[i]; c.Weight() >= s.level && !c.Overloaded() {
				s.last = i
				return c
			}
		}
		s.last = -1
		if s.level -= s.step; s.level <= 0 {
			s.level = s.top
		}
	}
	if before.last >= 0 && before.level <= before.step {
		*s = before
	} else {
		s.last, s.level = -1, s.top
	}
	return nil
}

// wlcTwin compares fractions.
type wlcTwin struct{ list []*Candidate }

func (s *wlcTwin) Update(list []*Candidate) { s.list = list }

func (s *wlcTwin) Pick(*Flow) *Candidate {
	var best *Candidate
	var least *big.Rat
	for _, c := range s.list {
		if c.Weight() == 0 || c.Overloaded() {
			continue
		}
		load := big.NewRat(int64(c.Active()*256+c.Inactive()), int64(c.Weight()))
		if best == nil || load.Cmp(least) < 0 {
			best, least = c, load
		}
	}
	return best
}

// shTwin writes the servers down as often as they weigh.
type shTwin struct {
	flags []string
	table []*Candidate
}

func (s *shTwin) Update(list []*Candidate) {
	s.table = nil
	for len(list) > 0 && len(s.table) < 256 {
		for _, c := range list {
			for range min(256, max(1, c.Weight())) {
				s.table = append(s.table, c)
			}
		}
	}
}

func (s *shTwin) Pick(f *Flow) *Candidate {
	if len(s.table) == 0 {
		return nil
	}
	key := twinKey(f, flagSet(s.flags).has("sh-port"))
	at := func(offset int) *Candidate { return s.table[(offset+int(key*0x61C88647>>24))%256] }
	if c := at(0); c.usable() || !flagSet(s.flags).has("sh-fallback") {
		return usableOrNil(c)
	}
	for i := range 256 {
		if c := at((i + int(key*0x61C88647>>24)) % 256); c.usable() {
			return c
		}
	}
	return nil
}

// mhTwin fills the table with a map and forgets nothing of Maglev's paper.
type mhTwin struct {
	flags []string
	last  map[*Candidate]int
	table map[int]*Candidate
}

func (s *mhTwin) Update(list []*Candidate) {
	last := map[*Candidate]int{}
	divisor, greatest := 0, 0
	for _, c := range list {
		last[c] = s.last[c]
		if c.Weight() > 0 {
			last[c] = c.Weight()
		}
		if last[c] > 0 {
			divisor, greatest = euclid(divisor, last[c]), max(greatest, last[c])
		}
	}
	s.last, s.table = last, map[int]*Candidate{}
	if greatest == 0 {
		return
	}
	shift := 0
	for greatest/divisor>>shift >= 64 {
		shift++
	}
	asked := map[*Candidate]int{}
	for len(s.table) < 4093 {
		for _, c := range list {
			s.turn(c, last[c], divisor, shift, asked)
		}
	}
}

func (s *mhTwin) turn(c *Candidate, weight, divisor, shift int, asked map[*Candidate]int) {
	if weight == 0 {
		return
	}
	key := fold(c.Addr) + uint32(c.Port)
	offset, skip := int(hsiphash(key, 2654435761)%4093), int(hsiphash(key, 2654446892)%4092+1)
	for n := max(1, weight/divisor>>shift); n > 0 && len(s.table) < 4093; n-- {
		for {
			place := (offset + asked[c]*skip) % 4093
			if s.table[place] == nil {
				s.table[place] = c
				break
			}
			asked[c]++
		}
	}
}

func (s *mhTwin) Pick(f *Flow) *Candidate {
	if len(s.table) == 0 {
		return nil
	}
	key := twinKey(f, flagSet(s.flags).has("mh-port"))
	home := hsiphash(key, 2654435761) % 4093
	if c := s.table[int(home)]; c.usable() || !flagSet(s.flags).has("mh-fallback") {
		return usableOrNil(c)
	}
	for i := range uint32(4093) {
		at := hsiphash(key+(home+i)%4093, 2654435761) % 4093
		if c := s.table[int(at)]; c.usable() {
			return c
		}
	}
	return nil
}

func twinKey(f *Flow, port bool) uint32 {
	var key uint32
	b := f.Src.AsSlice()
	for i := 0; i < len(b); i += 4 {
		key ^= uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3])
	}
	if port {
		key += uint32(f.SrcPort)
	}
	return key
}

func usableOrNil(c *Candidate) *Candidate {
	if c.usable() {
		return c
	}
	return nil
}

func euclid(a, b int) int {
	return int(new(big.Int).GCD(nil, nil, big.NewInt(int64(a)), big.NewInt(int64(b))).Int64())
}
