package fragment

import (
	"math/bits"
	"sync"
	"time"
)

// maxEvictions is how many datagrams one copy may push out at most.
const maxEvictions = 16

// sweepSteps is how many datagrams are removed before other goroutines get the
// lock.
const sweepSteps = 64

// shard is a part of a table with its own lock. A datagram is known by its
// number, which is its place in all slices but chains; 0 means none.
type shard struct {
	mu        sync.Mutex
	datagrams []datagram
	chains    []int32 // first datagram with that hash; its length is a power of two
	ages      ring    // all, the oldest first
	early     ring    // those whose first fragment has not come, the oldest first
	free      int32   // first of the places that were freed, linked by next
	touched   int32   // places up to here were used at least once
	counts    Stats
	room      *room
	_         [64]byte // keeps the next lock out of this one's cache line
}

type datagram struct {
	key      Key
	decision Decision
	deadline time.Duration
	coverage coverage
	waiting  copies
	chain    uint32 // in which it is
	next     int32  // in its chain, or among the free
	decided  bool   // its first fragment has come
	spoilt   bool   // a fragment overlapped: no other may pass
}

// chainsFor is how many chains n datagrams are spread over.
func chainsFor(n int) int { return 1 << bits.Len(uint(n)) }

// begin is Table.First, with the lock held.
func (s *shard) begin(k *Key, hash uint64, p Piece, d Decision, now, deadline time.Duration) Waiting {
	i := s.find(k, hash, now)
	switch {
	case i == 0:
	case s.joins(i, p):
		s.early.remove(i)
	default:
		s.counts.Replaced++
		s.remove(i)
		i = 0
	}
	if i == 0 {
		s.vacate(now, s.ages)
		i = s.create(k, hash, deadline)
		s.datagrams[i].coverage.add(p, maxRuns)
	}
	g := &s.datagrams[i]
	g.decided, g.decision = true, d
	w := s.release(i)
	s.leave(i)
	return w
}

// joins notes the piece of a first fragment, and reports whether it goes with
// those that wait in datagram i.
func (s *shard) joins(i int32, p Piece) bool {
	g := &s.datagrams[i]
	return !g.decided && !g.spoilt && g.coverage.add(p, maxRuns) == Passes
}

// follow is Table.Follow up to the copy, which takes n cells. Waits: there is a
// place and room for it, and the cells are taken.
func (s *shard) follow(k *Key, hash uint64, p Piece, n uint32, now time.Duration) (Decision, Outcome, copies) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(k, hash, now)
	if i != 0 && s.datagrams[i].decided {
		d, o := s.pass(i, p)
		return d, o, copies{}
	}
	var c copies
	o := s.mayWait(i, p, now)
	if o == Waits {
		var made bool
		if c, made = s.makeRoom(n, i, now); !made {
			o = TooManyBytes
		}
	}
	if o != Waits {
		s.counts.Outcomes[o]++
	}
	return 0, o, c
}

// wait adds a copy, which was filled. Meanwhile the first fragment may
// have come, or other later ones.
func (s *shard) wait(k *Key, hash uint64, p Piece, c copies, now, deadline time.Duration) (Decision, Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(k, hash, now)
	if i != 0 && s.datagrams[i].decided {
		s.room.giveBack(c)
		return s.pass(i, p)
	}
	o := s.mayWait(i, p, now)
	s.counts.Outcomes[o]++
	if o != Waits {
		s.room.giveBack(c)
		return 0, o
	}
	if i == 0 {
		i = s.create(k, hash, deadline)
		s.early.add(i)
	}
	g := &s.datagrams[i]
	g.coverage.add(p, maxRuns-1)
	g.waiting = s.room.join(g.waiting, c)
	s.counts.Waiting++
	return 0, Waits
}

// pass decides about a later fragment of datagram i, whose first one has come.
func (s *shard) pass(i int32, p Piece) (Decision, Outcome) {
	g := &s.datagrams[i]
	d, o := g.decision, Overlap
	if !g.spoilt {
		o = g.coverage.add(p, maxRuns)
	}
	s.counts.Outcomes[o]++
	switch o {
	case Passes:
		s.leave(i)
		return d, Passes
	case Overlap:
		g.spoilt = true
	}
	return 0, o
}

// mayWait says whether a piece of datagram i, whose first fragment has not come,
// may wait. If i is 0, it makes a place for a datagram.
func (s *shard) mayWait(i int32, p Piece, now time.Duration) Outcome {
	var seen coverage
	if i != 0 {
		g := &s.datagrams[i]
		if g.spoilt {
			return Overlap
		}
		if g.waiting.count == maxWaiting {
			return TooManyPieces
		}
		seen = g.coverage
	}
	switch o := seen.add(p, maxRuns-1); {
	case o == Overlap:
		s.spoil(i)
		return Overlap
	case o != Passes:
		return o
	case i == 0 && !s.vacate(now, s.early):
		return TooManyDatagrams
	}
	return Waits
}

// spoil drops what waits in datagram i and lets no other wait. It stays: only a
// first fragment begins anew.
func (s *shard) spoil(i int32) {
	s.datagrams[i].spoilt = true
	s.lose(i)
}

// makeRoom takes n cells for a copy, if need be those of the oldest datagrams
// that wait. keep is not to be among them: it is the copy's own.
func (s *shard) makeRoom(n uint32, keep int32, now time.Duration) (copies, bool) {
	if n > s.room.size() {
		return copies{}, false
	}
	for range maxEvictions {
		if c, ok := s.room.take(n); ok {
			return c, true
		}
		oldest := s.early.first()
		if oldest == 0 || oldest == keep {
			return copies{}, false
		}
		s.evict(oldest, now)
	}
	return s.room.take(n)
}

// vacate makes sure that a place is free. If none is, and no datagram has
// expired, the oldest that waits gives way, or else the first in the ring.
func (s *shard) vacate(now time.Duration, r ring) bool {
	if s.free != 0 || int(s.touched) < len(s.datagrams)-1 {
		return true
	}
	oldest := s.ages.first()
	if s.datagrams[oldest].deadline > now {
		if oldest = s.early.first(); oldest == 0 {
			oldest = r.first()
		}
	}
	if oldest == 0 {
		return false
	}
	s.evict(oldest, now)
	return true
}

// sweep removes what has expired.
func (s *shard) sweep(now time.Duration) (removed int) {
	for {
		n := s.expire(now)
		removed += n
		if n < sweepSteps {
			return removed
		}
	}
}

// expire removes up to sweepSteps datagrams that have expired.
func (s *shard) expire(now time.Duration) (removed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for removed < sweepSteps {
		oldest := s.ages.first()
		if oldest == 0 || s.datagrams[oldest].deadline > now {
			break
		}
		s.evict(oldest, now)
		removed++
	}
	return removed
}
