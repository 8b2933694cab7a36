package healthcheck

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeafIsAFailure: a check that fails long after its time, while the process runs
// as ever, counts like any other. TestStopped has the process that does not run.
func TestDeafIsAFailure(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		s := sub("a", 1)
		s.Spec.Fall = 1
		mustSet(t, m, s)
		time.Sleep(firstWithin)
		expect(t, r, "a:up")
		const late = 2 * standstill
		lan.set(1, func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(late)
			return syscall.ECONNRESET
		})
		time.Sleep(DefaultEvery + DefaultTimeout + late)
		expect(t, r, "a:down")
	})
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
