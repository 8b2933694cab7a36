package via

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// Server is a real server that is asked by its VIPs.
type Server struct {
	Addr     netip.Addr
	VIPs     []netip.Addr // that are asked there, of Addr's family
	MAC      MAC          // pinned; zero: the kernel resolves Addr
	Programs bool         // checks are programs too, and need a control group
}

// plan is what the kernel is to have.
type plan struct {
	priority uint32 // the first of all
	numbers  map[netip.Addr]int
	servers  map[netip.Addr]Server
}

// merge returns the servers by address, as one each.
func merge(servers []Server) map[netip.Addr]Server {
	out := make(map[netip.Addr]Server, len(servers))
	for _, s := range servers {
		known := out[s.Addr]
		s.VIPs = append(slices.Clone(known.VIPs), s.VIPs...)
		slices.SortFunc(s.VIPs, netip.Addr.Compare)
		s.VIPs = slices.Compact(s.VIPs)
		s.Programs = s.Programs || known.Programs
		if s.MAC == (MAC{}) {
			s.MAC = known.MAC
		}
		out[s.Addr] = s
	}
	return out
}

// entries are some of the kernel's, each with the real server that it is for; the
// zero address: all of them, or nobody knows.
type entries map[entry]netip.Addr

func (s entries) put(e entry) { s[e] = netip.Addr{} }

// snapshot is what the kernel has.
type snapshot struct {
	ours  entries
	rules []foreign
}

// place is where a neighbour is.
type place struct {
	addr  netip.Addr
	index int // of the interface
}

// block returns the priority of the rules of number n's block.
func (p *plan) block(n int) uint32 { return p.priority + 2 + mark(n)>>blockShift }

// end returns the priority of the rule behind all others.
func (p *plan) end() uint32 { return p.priority + priorities - 1 }

// entries returns what the plan puts into the kernel on an interface; index 0: on
// none, so that there are rules alone.
func (p *plan) entries(index int) entries {
	out := make(entries)
	for addr, s := range p.servers {
		n, v6 := p.numbers[addr], addr.Is6()
		block := p.block(n)
		out.put(rule{v6: v6, priority: p.priority, action: jump, mask: markMask, to: p.end()})
		// Marks of the first block come to its rules without a jump, and the kernel
		// could not tell a rule for mark 0 from the others when it is removed.
		if first := mark(n) & blockMask; first != 0 {
			out.put(rule{v6: v6, priority: p.priority + 1, action: jump, mark: first, mask: blockMask, to: block})
		}
		out[rule{v6: v6, priority: block, action: lookup, mark: mark(n), mask: markMask, to: table(n)}] = addr
		out.put(rule{v6: v6, priority: p.end(), action: nop})
		if index == 0 {
			continue
		}
		for _, vip := range s.VIPs {
			out[route{table(n), vip, addr.WithZone(""), index}] = addr
		}
		if s.MAC != (MAC{}) {
			out[neighbor{addr.WithZone(""), s.MAC, index}] = addr
		}
	}
	return out
}

// inOrder returns entries as they are added; backwards, as they are removed.
func (s entries) inOrder() []entry {
	return slices.SortedFunc(maps.Keys(s), func(a, b entry) int { return cmp.Compare(a.order(), b.order()) })
}

// without returns those that others lacks.
func (s entries) without(others entries) entries {
	out := make(entries)
	for e, server := range s {
		if _, both := others[e]; !both {
			out[e] = server
		}
	}
	return out
}

// foreign is a rule that is not of this package.
type foreign struct {
	priority   uint32
	mark, mask uint32
	table      uint32
}

// freePriority returns the first of the priorities in a row that no other rule has.
func freePriority(others []foreign) (uint32, error) {
	for p := uint32(firstPriority); p <= lastPriority; p += priorityStep {
		if !slices.ContainsFunc(others, func(f foreign) bool { return p <= f.priority && f.priority < p+priorities }) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("no %d priorities in a row are free from %d to %d: give other rules (ip rule) higher ones, or set via: real",
		priorities, firstPriority, lastPriority+priorities-1)
}

// takes reports whether another rule uses the table of number n, or selects marks
// that the rule of number n would select as well.
func (f foreign) takes(n int) bool {
	ours := f.mask & markMask
	return f.table == table(n) || f.mark&ours != 0 && (f.mark^mark(n))&ours == 0
}
