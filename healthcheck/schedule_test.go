package healthcheck

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// starts returns n starts of a target whose probes all end well, the first at
// the given time.
func starts(s schedule, first time.Time, n int) []time.Time {
	at := []time.Time{first}
	for len(at) < n {
		last := at[len(at)-1]
		at = append(at, s.next(&Status{State: Up, Successes: 1}, last, last))
	}
	return at
}

// TestIntervals: none is longer than every, and none shorter than jitter allows.
func TestIntervals(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	epoch := time.Now()
	for range 500 {
		spec := anySpec(t, rnd).normal()
		s := newSchedule(spec, epoch, rnd.Uint64())
		first := epoch.Add(time.Duration(rnd.Int64N(int64(time.Hour))))
		all := starts(s, first, 50)
		shortest := spec.Every * time.Duration(100-spec.Jitter) / 100
		different := map[time.Duration]bool{}
		for i := 1; i < len(all); i++ {
			gap := all[i].Sub(all[i-1])
			different[gap] = true
			if gap > spec.Every || gap <= 0 || i > 1 && gap < shortest {
				t.Fatalf("%v between starts %d and %d, want %v to %v: %+v", gap, i-1, i, shortest, spec.Every, spec)
			}
		}
		if spec.Jitter == 0 && len(different) > 2 || spec.Jitter > 5 && len(different) < 5 {
			t.Errorf("jitter %d: %d different intervals", spec.Jitter, len(different))
		}
	}
}

// TestIntervalsUseTheirRange: jitter that does little would not be noticed above.
func TestIntervalsUseTheirRange(t *testing.T) {
	spec := Defaults().normal()
	spec.Jitter = 40
	all := starts(newSchedule(spec, time.Now(), 1), time.Now(), 10000)
	var gaps []time.Duration
	for i := 2; i < len(all); i++ {
		gaps = append(gaps, all[i].Sub(all[i-1]))
	}
	lo, hi := slices.Min(gaps), slices.Max(gaps)
	mean := all[len(all)-1].Sub(all[1]) / time.Duration(len(gaps))
	if lo > 63*spec.Every/100 || hi < 97*spec.Every/100 || (mean-80*spec.Every/100).Abs() > spec.Every/100 {
		t.Errorf("intervals from %v to %v, mean %v; every %v less up to 40 %%", lo, hi, mean, spec.Every)
	}
}

// TestNoHerd: 2,000 servers at one probe a second make 40 in each tick, give or
// take few, whatever the jitter and however long they run.
func TestNoHerd(t *testing.T) {
	const n, slice = 2000, maxTick
	for _, jitter := range []int{0, 20, MaxJitter} {
		spec := Defaults().normal()
		spec.Every, spec.EveryDown, spec.Jitter = time.Second, time.Second, jitter
		epoch := time.Now()
		count := map[time.Duration]int{}
		for i := range uint64(n) {
			s := newSchedule(spec, epoch, 1+i)
			for _, at := range starts(s, epoch.Add(s.soon(n)), 30)[1:] {
				count[at.Sub(epoch)/slice]++
			}
		}
		most := 0
		for at, c := range count {
			if at >= 2*time.Second/slice {
				most = max(most, c)
			}
		}
		limit := 44
		if jitter > 0 {
			limit = 100 // chance: up to 53 are expected, 100 is beyond five standard deviations
		}
		if most > limit {
			t.Errorf("jitter %d: %d starts in %v", jitter, most, slice)
		}
	}
}

func TestSoon(t *testing.T) {
	spec := Defaults().normal()
	for _, tt := range []struct {
		n      int
		within time.Duration
	}{{1, firstWithin}, {200, firstWithin}, {2000, time.Second}, {100000, DefaultEvery}} {
		var waits []time.Duration
		for i := range uint64(200) {
			s := newSchedule(spec, time.Now(), 1+i)
			waits = append(waits, s.soon(tt.n))
		}
		evenly(t, "first probes", waits, tt.within)
	}
}

func TestNext(t *testing.T) {
	const ms = time.Millisecond
	spec := Defaults().normal()
	spec.Every, spec.EveryDown, spec.Timeout = 1000*ms, 10000*ms, 500*ms
	spec.Rise, spec.Fall, spec.Retry, spec.DelayBeforeRetry = 3, 4, 2, 200*ms
	quick := spec
	quick.EveryDown = 500 * ms
	epoch := time.Now()
	for _, tt := range []struct {
		name  string
		spec  Spec
		known Status
		took  time.Duration
		want  time.Duration // after a start on a slot
	}{
		{"up", spec, Status{State: Up, Successes: 5}, ms, 1000 * ms},
		{"unknown", spec, Status{}, ms, 1000 * ms},
		{"first failure", spec, Status{State: Up, Failures: 1}, 500 * ms, 700 * ms},
		{"first failure, before anything is known", spec, Status{Failures: 1}, ms, 201 * ms},
		{"last retry", spec, Status{State: Up, Failures: 2}, 100 * ms, 300 * ms},
		{"no more retries", spec, Status{State: Up, Failures: 3}, 100 * ms, 1000 * ms},
		{"a retry after the slot", spec, Status{State: Up, Failures: 1}, 900 * ms, 1000 * ms},
		{"down", spec, Status{State: Down, Failures: 4}, ms, 10000 * ms},
		{"down, believed", spec, Status{State: Down, Failures: 1}, ms, 10000 * ms},
		{"about to be up", spec, Status{State: Down, Successes: 1}, ms, 1000 * ms},
		{"not yet", spec, Status{State: Down, Failures: 1}, ms, 10000 * ms},
		{"down, asked more often", quick, Status{State: Down, Failures: 9}, ms, 500 * ms},
		{"about to be up, asked more often", quick, Status{State: Down, Successes: 2}, ms, 500 * ms},
	} {
		s := newSchedule(tt.spec, epoch, 0) // slots at multiples of each interval
		started := epoch.Add(20 * time.Second)
		if got := s.next(&tt.known, started, started.Add(tt.took)).Sub(started); got != tt.want {
			t.Errorf("%s: after %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestMonotonic: a wall clock that jumps moves no probe.
func TestMonotonic(t *testing.T) {
	m := NewMonitor(Options{})
	defer m.Close()
	s := newSchedule(Defaults().normal(), m.epoch, 1)
	at := s.next(&Status{State: Up, Failures: 1}, time.Now(), time.Now())
	if text := at.String(); !strings.Contains(text, " m=") {
		t.Errorf("%s has no monotonic reading", text)
	}
}
