package scheduler

import (
	"math/big"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// twins are the slow, obvious forms of the algorithms.
var twins = map[string]func(flags []string) picker{
	"dh":    func([]string) picker { return &dhTwin{} },
	"fo":    func([]string) picker { return &foTwin{} },
	"lblc":  func([]string) picker { return &lblcTwin{cache: map[netip.Addr]*lblcTwinEntry{}} },
	"lblcr": func([]string) picker { return &lblcTwin{cache: map[netip.Addr]*lblcTwinEntry{}, replicate: true} },
	"lc":    func([]string) picker { return &leastTwin{less: connections} },
	"mh":    func(f []string) picker { return &mhTwin{flags: f, last: map[*Candidate]int{}} },
	"nq":    func([]string) picker { return &nqTwin{leastTwin{less: delay}} },
	"ovf":   func([]string) picker { return &foTwin{spill: true} },
	"rr":    func([]string) picker { return &rrTwin{} },
	"sed":   func([]string) picker { return &leastTwin{less: delay} },
	"sh":    func(f []string) picker { return &shTwin{flags: f} },
	"twos":  func([]string) picker { return &twosTwin{} },
	"wlc":   func([]string) picker { return &leastTwin{less: overhead} },
	"wrr":   func([]string) picker { return &wrrTwin{} },
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

// compare fails if a scheduler and its twin pick different servers.
func compare(t *testing.T, seed uint64, s, twin picker) {
	t.Helper()
	history(seed, []picker{s, twin}, func(at string, f *Flow) *Candidate {
		picked, want := s.Pick(f), twin.Pick(f)
		if picked != want {
			t.Fatalf("seed %d, %s: got server %d, the twin %d", seed, at, idOf(picked), idOf(want))
		}
		return picked
	})
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

// leastTwin sorts the usable servers by a fraction.
type leastTwin struct {
	list []*Candidate
	less func(c *Candidate) *big.Rat
}

func (s *leastTwin) Update(list []*Candidate) { s.list = list }

func (s *leastTwin) Pick(*Flow) *Candidate { return first(usableOf(s.list), s.less) }

// What the algorithms compare.
func connections(c *Candidate) *big.Rat {
	return big.NewRat(int64(256*c.Active()+c.Inactive()), 1)
}

func overhead(c *Candidate) *big.Rat {
	return big.NewRat(int64(256*c.Active()+c.Inactive()), int64(c.Weight()))
}

func delay(c *Candidate) *big.Rat { return big.NewRat(int64(c.Active()+1), int64(c.Weight())) }

// first returns the first of those with the least number; nil of none.
func first(list []*Candidate, number func(*Candidate) *big.Rat) *Candidate {
	if len(list) == 0 {
		return nil
	}
	sorted := clone(list)
	slices.SortStableFunc(sorted, func(a, b *Candidate) int { return number(a).Cmp(number(b)) })
	return sorted[0]
}

func usableOf(list []*Candidate) []*Candidate {
	return slices.DeleteFunc(clone(list), func(c *Candidate) bool { return c.Weight() == 0 || c.Overloaded() })
}

type nqTwin struct{ leastTwin }

func (s *nqTwin) Pick(f *Flow) *Candidate {
	for _, c := range usableOf(s.list) {
		if c.Active() == 0 {
			return c
		}
	}
	return s.leastTwin.Pick(f)
}

// foTwin looks for a server of each weight, from the greatest on; with spill
// it is ovf's.
type foTwin struct {
	list  []*Candidate
	spill bool
}

func (s *foTwin) Update(list []*Candidate) { s.list = list }

func (s *foTwin) Pick(*Flow) *Candidate {
	for weight := 2000; weight > 0; weight-- { // shake gives no more
		for _, c := range s.list {
			if c.Weight() == weight && !c.Overloaded() && (!s.spill || c.Active() <= weight) {
				return c
			}
		}
	}
	return nil
}

// dhTwin deals the places out like cards.
type dhTwin struct{ places [256][]*Candidate }

func (s *dhTwin) Update(list []*Candidate) {
	s.places = [256][]*Candidate{}
	for i := 0; i < 256 && len(list) > 0; {
		for _, c := range list {
			if i < 256 {
				s.places[i] = []*Candidate{c}
			}
			i++
		}
	}
}

func (s *dhTwin) Pick(f *Flow) *Candidate {
	for _, c := range s.places[twinFold(f.Dst)*0x61C88647>>24] {
		return usableOrNil(c)
	}
	return nil
}

// lblcTwin keeps the sets in a map, the server that joined last first; without
// replicate a set is one server, and another one takes its place.
type lblcTwin struct {
	list      []*Candidate
	now       func() time.Duration
	expiry    time.Duration
	cache     map[netip.Addr]*lblcTwinEntry
	replicate bool
}

type lblcTwinEntry struct {
	set            []*Candidate
	asked, changed time.Duration
}

func (s *lblcTwin) Update(list []*Candidate) { s.list = list }

func (s *lblcTwin) Pick(f *Flow) *Candidate {
	e := s.cache[f.Dst]
	if e != nil && s.now() >= e.asked+s.expiry {
		delete(s.cache, f.Dst)
		e = nil
	}
	if e == nil {
		e = &lblcTwinEntry{}
	}
	e.asked = s.now()
	var c *Candidate
	if s.replicate {
		c = first(s.present(usableOf(e.set)), overhead)
		s.shrink(e)
	} else if len(e.set) == 1 && e.set[0].Weight() > 0 {
		c = first(s.present(e.set), overhead)
	}
	if c != nil && !s.tooMuch(c) {
		return c
	}
	if c = first(usableOf(s.list), overhead); c == nil {
		return nil
	}
	switch {
	case !s.replicate:
		e.set = []*Candidate{c}
	case !slices.Contains(e.set, c):
		e.set = append([]*Candidate{c}, e.set...)
		e.changed = s.now()
	}
	s.cache[f.Dst] = e
	return c
}

func (s *lblcTwin) present(set []*Candidate) []*Candidate {
	return slices.DeleteFunc(clone(set), func(c *Candidate) bool { return !slices.Contains(s.list, c) })
}

func (s *lblcTwin) tooMuch(c *Candidate) bool {
	return c.Active() > c.Weight() &&
		slices.ContainsFunc(s.list, func(o *Candidate) bool { return 2*o.Active() < o.Weight() })
}

func (s *lblcTwin) shrink(e *lblcTwinEntry) {
	weighty := slices.DeleteFunc(clone(e.set), func(c *Candidate) bool { return c.Weight() == 0 })
	if len(e.set) < 2 || s.now() <= e.changed+s.expiry || len(weighty) == 0 {
		return
	}
	most := first(weighty, func(c *Candidate) *big.Rat { return new(big.Rat).Neg(overhead(c)) })
	e.set, e.changed = without(e.set, most), s.now()
}

// twosTwin writes each server down as often as it weighs, and the first once
// more.
type twosTwin struct {
	list  []*Candidate
	below func(int64) int64
}

func (s *twosTwin) Update(list []*Candidate) { s.list = list }

func (s *twosTwin) lots() []*Candidate {
	var lots []*Candidate
	for i, c := range usableOf(s.list) {
		if i == 0 {
			lots = append(lots, c)
		}
		lots = append(lots, slices.Repeat([]*Candidate{c}, c.Weight())...)
	}
	return lots
}

func (s *twosTwin) Pick(*Flow) *Candidate {
	lots := s.lots()
	if len(lots) == 0 {
		return nil
	}
	one := lots[s.below(int64(len(lots)))]
	two := lots[s.below(int64(len(lots)))]
	return first([]*Candidate{one, two}, overhead)
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
	key := twinFold(f.Src)
	if port {
		key += uint32(f.SrcPort)
	}
	return key
}

func twinFold(a netip.Addr) (key uint32) {
	b := a.AsSlice()
	for i := 0; i < len(b); i += 4 {
		key ^= uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3])
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
