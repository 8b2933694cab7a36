package healthcheck

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// overslept fails after the deadline has passed by d, as a probe does over which
// the process was stopped.
func overslept(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		time.Sleep(time.Until(deadline) + d)
		return syscall.ECONNRESET
	}
}

// TestStandstillIsNoFailure: a probe over which the process was stopped is
// repeated at once. If that one fails like it, it counts.
func TestStandstillIsNoFailure(t *testing.T) {
	for _, tt := range []struct {
		name string
		late time.Duration
		then func(context.Context) error
		want []string
	}{
		{"stopped, and well", standstill + 1, alive, nil},
		{"stopped, and dead", standstill + 1, refuse, []string{"a:down"}},
		{"stopped again and again", standstill + 1, overslept(standstill + 1), []string{"a:down"}},
		{"late as can be", standstill, alive, []string{"a:down", "a:up"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
				s := sub("a", 1)
				s.Spec.Rise, s.Spec.Fall = 1, 1
				mustSet(t, m, s)
				time.Sleep(firstWithin)
				expect(t, r, "a:up")
				before := len(lan.startsOf(1))
				lan.set(1, overslept(tt.late))
				time.Sleep(DefaultEvery) // now it runs, or has
				lan.set(1, tt.then)
				time.Sleep(2 * DefaultEvery)
				expect(t, r, tt.want...)
				starts := lan.startsOf(1)[before:]
				gap := starts[1].Sub(starts[0])
				if again := DefaultTimeout + tt.late + firstWithin; tt.late > standstill && gap > again {
					t.Errorf("asked again after %v, want at most %v", gap, again)
				}
			})
		})
	}
}

// TestStandstillSpreads: probes that are all late start as those of a Set do.
func TestStandstillSpreads(t *testing.T) {
	const n = 100
	synctest.Test(t, func(t *testing.T) {
		lan := newLAN(t)
		m := NewMonitor(Options{Way: lan.way})
		defer m.Close()
		var waits []time.Duration
		var subs []Subscription
		for i := range n {
			subs = append(subs, sub(string(rune('A'+i)), uint16(1+i)))
		}
		mustSet(t, m, subs...)
		synctest.Wait()
		for _, p := range m.subs {
			waits = append(waits, m.soon(p))
		}
		evenly(t, "probes after a standstill", waits, firstWithin)
	})
}
