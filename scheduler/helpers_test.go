package scheduler

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// newServers returns n servers of weight 1, numbered from 1, in list order.
func newServers(n int) []*Candidate {
	list := make([]*Candidate, n)
	for i := range list {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 0x0a000001+uint32(i))
		list[i] = &Candidate{ID: uint32(i + 1), Addr: netip.AddrFrom4(b), Port: 80}
		list[i].SetWeight(1)
	}
	return list
}

// newFlow returns the i-th of many different flows.
func newFlow(i int) *Flow {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i)*2654435761)
	return &Flow{
		Src: netip.AddrFrom4(b), Dst: netip.AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: uint16(i * 13), DstPort: 80, Protocol: protocolTCP,
	}
}

// shake changes weights, marks and counters as a busy service would; every
// third time it leaves servers that are all alike, so that ties decide.
func shake(r *rand.Rand, list []*Candidate) {
	alike := r.IntN(3) == 0
	for _, c := range list {
		if alike {
			c.SetWeight(2 * r.IntN(3))
			c.SetOverloaded(r.IntN(6) == 0)
			c.AddActive(r.IntN(3) - c.Active())
			c.AddInactive(-c.Inactive())
			continue
		}
		switch r.IntN(8) {
		case 0:
			c.SetWeight(0)
		case 1:
			c.SetWeight(r.IntN(12) * 5)
		case 2:
			c.SetWeight(1 + r.IntN(4))
		case 3:
			c.SetWeight(1500 + r.IntN(2)*500)
		case 4, 5:
			c.SetOverloaded(r.IntN(3) == 0)
		}
		c.AddActive(r.IntN(40) - c.Active())
		c.AddInactive(r.IntN(3000) - c.Inactive())
	}
}

// picker is a Scheduler or its twin.
type picker interface {
	Update(candidates []*Candidate)
	Pick(f *Flow) *Candidate
}

// history leads schedulers through one random history: servers come, go, change
// weight and overload, time passes, and the caches' expiry is set. All get the
// same clock and the same dice, and share the servers' counters. pick is called
// for each new connection, with its place in the history, and returns its server.
func history(seed uint64, all []picker, pick func(at string, f *Flow) *Candidate) {
	var clock time.Duration
	for _, s := range all {
		rig(s, seed, func() time.Duration { return clock })
	}
	r := rand.New(rand.NewPCG(seed, 1))
	pool := newServers(9)
	pool[2].Addr, pool[3].Addr = netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2001:db8:1:2::3")
	var list []*Candidate
	update := func() {
		for _, s := range all {
			s.Update(clone(list))
		}
	}
	for round := range 12 {
		// One kind of change at a time: several at once are the schedulers'
		// own affair, and TestWholeList's.
		shake(r, list)
		update()
		if c := pool[r.IntN(len(pool))]; r.IntN(3) > 0 || len(list) == 0 {
			list = withFirst(list, c)
		} else {
			list = without(list, list[r.IntN(len(list))])
		}
		update()
		if expiry := time.Duration(r.IntN(4)) * 12 * time.Hour; round%3 == 2 {
			for _, s := range all {
				setExpiry(s, expiry)
			}
		}
		for i := range 40 {
			if len(list) > 0 && r.IntN(4) == 0 {
				list[r.IntN(len(list))].SetOverloaded(r.IntN(2) == 0)
			}
			f := newFlow(r.Int())
			f.Dst = netip.AddrFrom4([4]byte{198, 51, 100, byte(r.IntN(4))})
			if i%5 == 0 {
				f.Src = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.Int()), 9: byte(r.Int())})
				f.Dst = netip.AddrFrom16([16]byte{0x20, 1, 7: 3, 15: byte(r.IntN(2))})
			}
			picked := pick(fmt.Sprintf("round %d, pick %d", round, i), f)
			if picked != nil && r.IntN(2) == 0 {
				picked.AddActive(1)
			}
			if r.IntN(4) == 0 { // whole hours: some add up to an expiry exactly
				clock += time.Duration(r.IntN(13)) * time.Hour
			}
		}
	}
}

// rig gives a scheduler, or its twin, a clock and dice.
func rig(s picker, seed uint64, now func() time.Duration) {
	dice := rand.New(rand.NewPCG(seed, 2)).Int64N
	switch s := s.(type) {
	case *lblc:
		s.cache.now = now
	case *lblcr:
		s.cache.now = now
	case *lblcTwin:
		s.now, s.expiry = now, 24*time.Hour
	case *twos:
		s.below = dice
	case *twosTwin:
		s.below = dice
	}
}

func setExpiry(s picker, after time.Duration) {
	switch s := s.(type) {
	case Cacher:
		s.SetExpiry(after)
	case *lblcTwin:
		if s.expiry = after; after == 0 {
			s.expiry = 24 * time.Hour
		}
	}
}

func idOf(c *Candidate) uint32 {
	if c == nil {
		return 0
	}
	return c.ID
}

func clone(list []*Candidate) []*Candidate { return slices.Clone(list) }

func without(list []*Candidate, c *Candidate) []*Candidate {
	return slices.DeleteFunc(clone(list), func(l *Candidate) bool { return l == c })
}

// withFirst adds a server as the kernel does, or returns the list that has it.
func withFirst(list []*Candidate, c *Candidate) []*Candidate {
	if slices.Contains(list, c) {
		return list
	}
	return slices.Insert(clone(list), 0, c)
}

// subsets returns every combination of the flags.
func subsets(flags []string) [][]string {
	all := [][]string{nil}
	for _, f := range flags {
		for _, s := range all {
			all = append(all, append(slices.Clone(s), f))
		}
	}
	return all
}

func join(flags []string) string { return strings.Join(append(flags, "."), "+") }
