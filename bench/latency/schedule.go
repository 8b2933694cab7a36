package latency

import "time"

// schedule says when which datagram is to be sent, and what became of it. Times are
// since the trial's start. It knows no clock and no socket.
//
// Without a pace a datagram goes as soon as the one before was answered or is given
// up. With a pace each has its moment, whatever became of those before, and its
// round trip counts from that moment: a stall shows in all datagrams that were due
// in it, not in the first alone (coordinated omission).
type schedule struct {
	every    time.Duration // 0: one after the other
	length   time.Duration // none is due from here on
	patience time.Duration // unanswered for so long, a datagram is lost

	sent    uint64          // datagrams; the next one has this number
	waiting map[uint64]trip // sent, and neither answered nor lost
	oldest  uint64          // no waiting one has a number below
	lost    uint64
}

// trip is when a datagram was due, and when it was sent.
type trip struct{ due, sent time.Duration }

func newSchedule(every, length, patience time.Duration) *schedule {
	return &schedule{every: every, length: length, patience: patience, waiting: make(map[uint64]trip)}
}

// next reports whether a datagram is to be sent now, and with which number. The
// caller sends it.
func (s *schedule) next(now time.Duration) (number uint64, ok bool) {
	s.giveUp(now)
	due := now
	if s.every > 0 {
		due = time.Duration(s.sent) * s.every
	}
	if due >= s.length || now < due || s.every == 0 && len(s.waiting) > 0 {
		return 0, false
	}
	number = s.sent
	s.waiting[number] = trip{due: due, sent: now}
	s.sent++
	return number, true
}

// answered returns the round trip of a datagram whose answer came at a moment.
// False: it was answered before, or is given up, or was never sent.
func (s *schedule) answered(number uint64, at time.Duration) (took time.Duration, ok bool) {
	t, ok := s.waiting[number]
	if !ok {
		return 0, false
	}
	delete(s.waiting, number)
	return at - t.due, true
}

// giveUp counts what has waited for too long as lost.
func (s *schedule) giveUp(now time.Duration) {
	for ; s.oldest < s.sent; s.oldest++ {
		t, waits := s.waiting[s.oldest]
		if !waits {
			continue
		}
		if now-t.sent < s.patience {
			return
		}
		delete(s.waiting, s.oldest)
		s.lost++
	}
}

// over reports whether no datagram is to be sent any more and none is waited for.
func (s *schedule) over(now time.Duration) bool {
	s.giveUp(now)
	ended := now >= s.length
	if s.every > 0 {
		ended = time.Duration(s.sent)*s.every >= s.length
	}
	return ended && len(s.waiting) == 0
}

// wake is the moment until which nothing but an answer is to be waited for.
func (s *schedule) wake() time.Duration {
	at := s.length
	if s.every > 0 {
		at = min(at, time.Duration(s.sent)*s.every)
	}
	if t, waits := s.waiting[s.oldest]; waits && (s.every == 0 || at == s.length) {
		at = t.sent + s.patience
	}
	return at
}
