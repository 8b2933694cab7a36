package healthcheck

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// anySpec returns times of any kind that Validate accepts.
func anySpec(t *testing.T, rnd *rand.Rand) Spec {
	t.Helper()
	upTo := func(d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d) + 1)) }
	s := Defaults()
	s.Via = ViaReal
	s.Every = 100*time.Millisecond + upTo(3*time.Second)
	s.Timeout = max(1, upTo(s.Every))
	s.Rise, s.Fall = 1+rnd.IntN(4), 1+rnd.IntN(4)
	if rnd.IntN(4) == 0 {
		s.Timeout = s.Every
	}
	if rnd.IntN(2) == 0 {
		s.EveryDown = max(minEvery, s.Timeout) + upTo(2*s.Every)
	}
	if rnd.IntN(2) == 0 {
		s.Jitter = rnd.IntN(MaxJitter + 1)
	}
	if rnd.IntN(2) == 0 {
		s.Retry = rnd.IntN(s.Fall)
	}
	if s.Retry > 0 {
		s.DelayBeforeRetry = upTo(s.Every - 1)
	}
	if errs := s.Validate(); len(errs) > 0 {
		t.Fatalf("%+v: %v", s, errs)
	}
	return s
}

// detection is the longest time from a death until the server is down: all
// intervals are as long as can be, and all answers as late.
func detection(s Spec) time.Duration {
	d := s.Every + s.Timeout
	for failures := 1; failures < s.Fall; failures++ {
		if failures <= s.Retry {
			d += min(s.Every, s.Timeout+s.DelayBeforeRetry)
		} else {
			d += s.Every
		}
	}
	return d
}

// TestDetectionBound: whenever and however a server dies, at most fall × every
// + timeout pass until it is down, and less with retries.
func TestDetectionBound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	deaths := []func(context.Context) error{refuse, silence}
	closest := 0.0
	for i := range 500 {
		s := sub("a", 1)
		s.Spec = anySpec(t, rnd)
		bound := detection(s.Spec)
		if plain := time.Duration(s.Spec.Fall)*s.Spec.Every + s.Spec.Timeout; bound > plain {
			t.Fatalf("%+v: retries make it worse: %v, without %v", s.Spec, bound, plain)
		}
		rtt := time.Duration(rnd.Int64N(int64(s.Spec.Timeout)))
		monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
			lan.set(1, slow(rtt))
			others(t, m, rnd)
			mustSet(t, m, s)
			// The first probe must have had its answer: before it, nothing is known.
			time.Sleep(firstWithin + rtt + time.Duration(rnd.Int64N(int64(5*s.Spec.Every))))
			synctest.Wait()
			if st, _ := m.Status("a"); st.State != Up {
				t.Fatalf("%+v: not up: %+v", s.Spec, st)
			}
			death := time.Now()
			lan.set(1, deaths[i%2])
			r.take()
			time.Sleep(bound)
			synctest.Wait()
			st, _ := m.Status("a")
			if st.State != Down {
				t.Fatalf("run %d: %v after the death: %+v\nspec %+v, rtt %v", i, time.Since(death), st, s.Spec, rtt)
			}
			closest = max(closest, float64(st.Since.Sub(death))/float64(bound))
		})
	}
	if closest < 0.95 { // else the test says nothing
		t.Errorf("no run came closer to the bound than %.2f of it", closest)
	}
}

// TestReturnBound: whenever a server that is down returns, at most every_down,
// rise - 1 of the shorter interval, and timeout pass until it is up.
func TestReturnBound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	closest := 0.0
	for i := range 500 {
		s := sub("a", 1)
		s.Spec = anySpec(t, rnd)
		n := s.Spec.normal()
		bound := n.EveryDown + time.Duration(n.Rise-1)*min(n.Every, n.EveryDown) + n.Timeout
		rtt := time.Duration(rnd.Int64N(int64(n.Timeout)))
		monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, _ *record) {
			lan.set(1, silence)
			others(t, m, rnd)
			mustSet(t, m, s)
			time.Sleep(firstWithin + detection(n) + time.Duration(rnd.Int64N(int64(5*n.EveryDown))))
			synctest.Wait()
			if st, _ := m.Status("a"); st.State != Down {
				t.Fatalf("%+v: not down: %+v", n, st)
			}
			birth := time.Now()
			lan.set(1, slow(rtt))
			time.Sleep(bound)
			synctest.Wait()
			st, _ := m.Status("a")
			if st.State != Up {
				t.Fatalf("run %d: %v after the return: %+v\nspec %+v, rtt %v", i, time.Since(birth), st, n, rtt)
			}
			closest = max(closest, float64(st.Since.Sub(birth))/float64(bound))
		})
	}
	if closest < 0.95 {
		t.Errorf("no run came closer to the bound than %.2f of it", closest)
	}
}

// others makes and ends probes, so that the next one gets another place.
func others(t *testing.T, m *Monitor, rnd *rand.Rand) {
	t.Helper()
	for k := range rnd.Uint64N(20) {
		mustSet(t, m, sub("x", uint16(100+k)))
	}
}
