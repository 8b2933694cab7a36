package latency

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/bench/generator"
)

// slowPeer carries less than it is sent: the rest waits in its ring, and arrives
// when no more is sent.
type slowPeer struct {
	begun time.Time
	load  generator.Load
	ring  uint64 // frames
}

// What it carries, of each millisecond.
const (
	slowSent    = 64
	slowCarried = 10
)

func (s *slowPeer) Begin(l generator.Load) error {
	s.begun, s.load = time.Now(), l
	return nil
}

func (s *slowPeer) Step(int) bool {
	time.Sleep(time.Millisecond)
	s.ring += slowSent - slowCarried
	return time.Since(s.begun) < s.load.Time
}

func (s *slowPeer) Close() error { return nil }

// ringEmpty is when the ring's last frame has arrived, after the load's beginning.
func (s *slowPeer) ringEmpty() time.Duration {
	return s.load.Time + time.Duration(s.ring/slowCarried)*time.Millisecond
}

func (s *slowPeer) arrived() (uint64, error) {
	if s.begun.IsZero() {
		return 0, nil
	}
	carried := min(time.Since(s.begun), s.ringEmpty())
	return uint64(carried/time.Millisecond) * slowCarried, nil
}

// TestSaturate: what a peer carries is what arrives while frames are sent; what its
// ring holds then is waited for, and does not count.
func TestSaturate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := new(slowPeer)
		b := &background{trickle: peer, arrived: peer.arrived}
		rate, err := b.saturate(t.Context())
		if want := float64(slowCarried * 1000); err != nil || math.Abs(rate-want) > want/100 {
			t.Errorf("%v frames/s, error %v, want %v", rate, err, want)
		}
		if took, least := time.Since(peer.begun), peer.ringEmpty()+settleStill; took < least || took > least+2*settleLook {
			t.Errorf("it took %v, the ring was empty %v before %v", took, settleStill, least)
		}
	})
}

// TestSaturateInterrupted: it ends with the context.
func TestSaturateInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := new(slowPeer)
		b := &background{trickle: peer, arrived: peer.arrived}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := b.saturate(ctx); err != context.DeadlineExceeded {
			t.Errorf("error %v", err)
		}
		if took := time.Since(peer.begun); took > saturateTime {
			t.Errorf("it took %v", took)
		}
	})
}
