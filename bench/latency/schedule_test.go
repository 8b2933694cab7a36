package latency

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// TestScheduleOneByOne: the next datagram goes when the one before was answered, or
// has been waited for long enough.
func TestScheduleOneByOne(t *testing.T) {
	s := newSchedule(0, 100*ms, 10*ms)
	if n, ok := s.next(1 * ms); n != 0 || !ok {
		t.Fatalf("the first: %d, %v", n, ok)
	}
	if _, ok := s.next(2 * ms); ok {
		t.Error("a second one before the first was answered")
	}
	if took, ok := s.answered(0, 4*ms); took != 3*ms || !ok {
		t.Errorf("took %v, %v", took, ok)
	}
	if n, ok := s.next(4 * ms); n != 1 || !ok {
		t.Errorf("the second: %d, %v", n, ok)
	}
	if wake := s.wake(); wake != 14*ms {
		t.Errorf("waits until %v", wake)
	}
	if n, ok := s.next(14 * ms); n != 2 || !ok || s.lost != 1 {
		t.Errorf("after one that was lost: %d, %v, lost %d", n, ok, s.lost)
	}
	if _, ok := s.answered(1, 15*ms); ok {
		t.Error("an answer to what was given up counts")
	}
	if s.over(99 * ms) {
		t.Error("over while there is time")
	}
	if !s.over(100*ms) || s.lost != 2 {
		t.Errorf("over %v, lost %d", s.over(100*ms), s.lost)
	}
	if _, ok := s.next(100 * ms); ok {
		t.Error("a datagram after the end")
	}
}

// TestScheduleTicks: datagrams go at their ticks, whatever became of those before,
// and what a late client sends counts from the tick.
func TestScheduleTicks(t *testing.T) {
	s := newSchedule(1*ms, 5*ms, 20*ms)
	if n, ok := s.next(0); n != 0 || !ok {
		t.Fatalf("the first: %d, %v", n, ok)
	}
	if _, ok := s.next(999 * time.Microsecond); ok {
		t.Error("before the tick")
	}
	if wake := s.wake(); wake != 1*ms {
		t.Errorf("waits until %v", wake)
	}
	// The client was away for three ticks.
	for want := uint64(1); want <= 3; want++ {
		if n, ok := s.next(3500 * time.Microsecond); n != want || !ok {
			t.Errorf("late: %d, %v; want %d", n, ok, want)
		}
	}
	if _, ok := s.next(3600 * time.Microsecond); ok {
		t.Error("ahead of its tick")
	}
	for number, want := range map[uint64]time.Duration{1: 3 * ms, 3: 1 * ms} {
		if took, ok := s.answered(number, 4*ms); took != want || !ok {
			t.Errorf("%d took %v, %v; want %v", number, took, ok, want)
		}
	}
	if n, ok := s.next(4 * ms); n != 4 || !ok {
		t.Errorf("the last: %d, %v", n, ok)
	}
	if _, ok := s.next(5 * ms); ok || s.over(5*ms) {
		t.Error("a tick at the end, or over while two are waited for")
	}
	if wake := s.wake(); wake != 20*ms {
		t.Errorf("waits until %v", wake)
	}
	if _, ok := s.answered(4, 6*ms); !ok {
		t.Error("the last was not waited for")
	}
	if !s.over(23500*time.Microsecond) || s.lost != 2 || s.sent != 5 {
		t.Errorf("over %v, sent %d, lost %d", s.over(23500*time.Microsecond), s.sent, s.lost)
	}
}

// TestScheduleUnknown: an answer counts once, and only one to a question.
func TestScheduleUnknown(t *testing.T) {
	s := newSchedule(1*ms, 5*ms, 20*ms)
	s.next(0)
	s.answered(0, 1*ms)
	for _, number := range []uint64{0, 1, 1 << 63} {
		if _, ok := s.answered(number, 1*ms); ok {
			t.Errorf("answer %d counts", number)
		}
	}
}
