package scheduler

import (
	"net/netip"
	"testing"
)

// partFlows is how many flows a placement looks at.
const partFlows = 5000

// placement is where each of many flows goes, one of another client and to another
// VIP each.
func placement(s picker) (places [partFlows]*Candidate) {
	for i := range places {
		places[i] = s.Pick(&Flow{
			Src: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), SrcPort: uint16(30000 + i),
			Dst: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), DstPort: 80, Protocol: 6,
		})
	}
	return places
}

// hashes are the algorithms that lay out a table, with and without their flags.
func hashes(t *testing.T) map[string]picker {
	all := map[string]picker{"overflow": NewOverflow()}
	for _, name := range []string{"sh", "mh", "dh"} {
		for _, flags := range subsets(Flags(name)) {
			s, err := New(name, flags)
			if err != nil {
				t.Fatal(err)
			}
			all[name+" "+join(flags)] = s
		}
	}
	return all
}

// someServers have unequal weights.
func someServers() (list []*Candidate) {
	for i, w := range []int{3, 1, 2, 5, 2} {
		c := &Candidate{ID: uint32(i), Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(21 + i)}), Port: 80}
		c.SetWeight(w)
		list = append(list, c)
	}
	return list
}

// TestPartMovesNobodyElse: a server fails, returns and warms. The flows of the
// others stay where they are all the time; its own are served by others, and come
// back one after the other, each once.
func TestPartMovesNobodyElse(t *testing.T) {
	for name, s := range hashes(t) {
		t.Run(name, func(t *testing.T) {
			list := someServers()
			s.Update(list)
			before := placement(s)
			victim := list[3]
			back := 0
			for _, percent := range []int{0, 5, 25, 50, 95, 100} {
				victim.SetWeight(min(percent, 1) * 5)
				victim.SetPart(5, percent)
				s.Update(list)
				now, own := placement(s), 0
				for i, c := range now {
					switch {
					case c == nil:
						t.Fatalf("%d %%: flow %d is refused", percent, i)
					case before[i] != victim && c != before[i]:
						t.Fatalf("%d %%: flow %d of server %d went to %d", percent, i, before[i].ID, c.ID)
					case c == victim:
						own++
					}
				}
				if own < back || percent == 0 && own > 0 {
					t.Errorf("%d %%: the server has %d flows, after %d", percent, own, back)
				}
				back = own
				if name == "overflow" {
					continue // its connections cannot wait: all of them are back at once
				}
				whole := 0
				for _, c := range before {
					if c == victim {
						whole++
					}
				}
				if got := 100 * own / whole; got < percent-4 || got > percent+4 {
					t.Errorf("%d %%: the server has %d %% of its flows", percent, got)
				}
			}
			if after := placement(s); after != before {
				t.Error("all is over, and not as it was")
			}
		})
	}
}

// TestPartOfAll: servers that all warm refuse nobody, nor do those that warm beside
// one that failed.
func TestPartOfAll(t *testing.T) {
	for name, s := range hashes(t) {
		list := someServers()
		for _, failed := range []int{0, 4} {
			for i, c := range list {
				percent := 5
				if i < failed {
					percent = 0
				}
				c.SetPart(c.Weight(), percent)
			}
			for _, c := range list[:failed] {
				c.SetWeight(0)
			}
			s.Update(list)
			for i, c := range placement(s) {
				if c == nil || c.Weight() == 0 {
					t.Fatalf("%s, %d failed: flow %d went to %v", name, failed, i, c)
				}
			}
		}
	}
}

// TestWeightZeroOfAnOperator is as in IPVS, whatever part a server had.
func TestWeightZeroOfAnOperator(t *testing.T) {
	for _, name := range []string{"sh", "mh", "dh"} {
		s, err := New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		list := someServers()
		s.Update(list)
		before := placement(s)
		list[3].SetPart(5, 0)
		list[3].SetPart(0, 100)
		list[3].SetWeight(0)
		s.Update(list)
		refused := 0
		for i, c := range placement(s) {
			if c == nil {
				refused++
			}
			if name != "sh" && (c == nil) != (before[i] == list[3]) {
				t.Fatalf("%s: flow %d of server %d went to %v", name, i, before[i].ID, c)
			}
		}
		if refused == 0 {
			t.Errorf("%s: nobody is refused", name)
		}
	}
}

// TestRampInTheTable measures what is spared: were the weights in the table those
// of the moment, each step of a slow start would move flows between servers that
// have nothing to do with it.
func TestRampInTheTable(t *testing.T) {
	for _, name := range []string{"sh", "mh"} {
		moved := func(set func(c *Candidate, step int)) (n int) {
			s, err := New(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			list := someServers()
			for _, c := range list {
				c.SetWeight(20 * c.Weight())
			}
			s.Update(list)
			last := placement(s)
			for step := range 20 {
				set(list[3], step+1)
				s.Update(list)
				now := placement(s)
				for i := range now {
					if now[i] != last[i] && now[i] != list[3] && last[i] != list[3] {
						n++
					}
				}
				last = now
			}
			return n
		}
		inTable := moved(func(c *Candidate, step int) { c.SetWeight(5 * step) })
		ours := moved(func(c *Candidate, step int) { c.SetWeight(100); c.SetPart(100, 5*step) })
		t.Logf("%s: %d of %d flows moved between others in 20 steps of weights, %d by parts", name, inTable, partFlows, ours)
		if inTable == 0 || ours != 0 {
			t.Errorf("%s: %d and %d flows moved", name, inTable, ours)
		}
	}
}

// TestPartAllocates nothing.
func TestPartAllocates(t *testing.T) {
	for name, s := range hashes(t) {
		list := someServers()
		for _, c := range list {
			c.SetPart(c.Weight(), 10)
		}
		s.Update(list)
		f := &Flow{Src: list[0].Addr, Dst: list[1].Addr, DstPort: 80, Protocol: 6}
		if n := testing.AllocsPerRun(200, func() { s.Pick(f); f.SrcPort++ }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
