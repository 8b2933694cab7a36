package scheduler

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
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
