package scheduler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// chances returns with which probability each server is picked, by the twin's
// lots; fair leaves out the lot that the first server has too many.
func chances(list []*Candidate, fair bool) map[*Candidate]float64 {
	lots := (&twosTwin{list: list}).lots()
	if fair && len(lots) > 0 {
		lots = lots[1:]
	}
	p := map[*Candidate]float64{}
	for _, one := range lots {
		for _, two := range lots {
			p[first([]*Candidate{one, two}, overhead)] += 1 / float64(len(lots)*len(lots))
		}
	}
	return p
}

// tally compares what was picked with the chances of it.
type tally struct {
	seen, mean, variance map[string]float64
}

func newTally() tally {
	return tally{map[string]float64{}, map[string]float64{}, map[string]float64{}}
}

func (a tally) add(p map[*Candidate]float64, picked *Candidate) {
	for c, chance := range p {
		a.mean[c.Addr.String()] += chance
		a.variance[c.Addr.String()] += chance * (1 - chance)
	}
	a.seen[picked.Addr.String()]++
}

// check fails if a server is further from its mean than chance explains.
func (a tally) check(t *testing.T) {
	t.Helper()
	for name, mean := range a.mean {
		if off := a.seen[name] - mean; math.Abs(off) > 4*math.Sqrt(a.variance[name])+1e-9 {
			t.Errorf("server %s: picked %v times, the mean is %.1f", name, a.seen[name], mean)
		}
	}
}

// TestTwosReplay: the recorded kernel refuses exactly when twos does, and its
// picks are distributed as those of twos, the first server's greater share
// included.
func TestTwosReplay(t *testing.T) {
	advantage := 0.0 // log of the likelihoods' quotient: as twos, against a fair draw
	for _, rec := range recordings(t) {
		if rec.Scheduler != "twos" {
			continue
		}
		for _, sc := range rec.Scenarios {
			t.Run(sc.Name, func(t *testing.T) {
				r, sum := replay{t: t}, newTally()
				r.check = func(i int, got *Candidate, to *netip.AddrPort) {
					if (got == nil) != (to == nil) {
						t.Fatalf("step %d: got %d, the kernel %v", i, idOf(got), to)
					}
					if to == nil {
						return
					}
					p, fair := chances(r.candidates(), false), chances(r.candidates(), true)
					picked := r.at(to.Addr())
					if p[picked] == 0 {
						t.Fatalf("step %d: the kernel took %v, which cannot be drawn", i, to)
					}
					sum.add(p, picked)
					advantage += math.Log(p[picked] / fair[picked])
				}
				for i, st := range sc.Steps {
					r.step(i, st)
				}
				sum.check(t)
			})
		}
	}
	if advantage < 5 {
		t.Errorf("the recordings do not tell the first server's greater share from a fair draw: log likelihood %+.1f", advantage)
	}
}

// TestTwosDistribution: many picks in one state come as often as their chances
// say, with the dice that the director uses.
func TestTwosDistribution(t *testing.T) {
	for _, weights := range [][]int{{1, 1, 1}, {1, 2, 3}, {1, 0, 3}, {7}, {100, 1, 50, 2}} {
		t.Run(fmt.Sprint(weights), func(t *testing.T) {
			list := newServers(len(weights))
			for i, c := range list {
				c.SetWeight(weights[i])
				c.AddActive(i * i % 4)
			}
			s := newTWOS(nil).(*twos)
			s.below = rand.New(rand.NewPCG(5, 6)).Int64N
			s.Update(clone(list))
			p, sum := chances(list, false), newTally()
			for range 20_000 {
				sum.add(p, s.Pick(nil))
			}
			sum.check(t)
		})
	}
}

// TestTwosDice: every pair of numbers that may be drawn gives what the twin
// gives.
func TestTwosDice(t *testing.T) {
	list := newServers(5)
	for i, w := range []int{3, 0, 1, 4, 2} {
		list[i].SetWeight(w)
		list[i].AddInactive(i * 7 % 5)
	}
	list[4].SetOverloaded(true)
	const lots = 3 + 1 + 4 + 1
	for pair := range int64(lots * lots) {
		dice := func() func(int64) int64 {
			rest := pair
			return func(n int64) int64 {
				if n != lots {
					t.Fatalf("drawn from %d lots, want %d", n, lots)
				}
				drawn := rest % lots
				rest /= lots
				return drawn
			}
		}
		s, twin := &twos{below: dice()}, &twosTwin{below: dice()}
		s.Update(clone(list))
		twin.Update(clone(list))
		if got, want := s.Pick(nil), twin.Pick(nil); got != want {
			t.Errorf("numbers %d, %d: got %d, the twin %d", pair%lots, pair/lots, idOf(got), idOf(want))
		}
	}
}

// TestTwosWeightsFall: weights that change between counting and drawing never
// cost a pick.
func TestTwosWeightsFall(t *testing.T) {
	list := newServers(3)
	s := newTWOS(nil).(*twos)
	for _, c := range list {
		c.SetWeight(100)
	}
	s.below = func(n int64) int64 {
		for _, c := range list {
			c.SetWeight(1)
		}
		return n - 1
	}
	s.Update(clone(list))
	if c := s.Pick(nil); c != list[2] {
		t.Errorf("picked %d, want the last one counted", idOf(c))
	}
}
