package fragment

import "time"

// The methods of this file are called with the shard's lock held.

// find returns the datagram with that key; 0: none, or it has expired.
func (s *shard) find(k *Key, hash uint64, now time.Duration) int32 {
	i := s.chains[s.chain(hash)]
	for i != 0 && s.datagrams[i].key != *k {
		i = s.datagrams[i].next
	}
	if i != 0 && s.datagrams[i].deadline <= now {
		s.evict(i, now)
		return 0
	}
	return i
}

func (s *shard) chain(hash uint64) uint32 { return uint32(hash) & uint32(len(s.chains)-1) }

// create takes a place, of which vacate said that there is one.
func (s *shard) create(k *Key, hash uint64, deadline time.Duration) int32 {
	i := s.free
	if i != 0 {
		s.free = s.datagrams[i].next
	} else {
		s.touched++
		i = s.touched
	}
	chain := s.chain(hash)
	g := &s.datagrams[i]
	g.key, g.chain, g.next, g.deadline = *k, chain, s.chains[chain], deadline
	g.coverage.n, g.coverage.last = 0, false
	g.waiting = copies{}
	g.decided, g.spoilt = false, false
	s.chains[chain] = i
	s.ages.add(i)
	s.counts.Datagrams++
	s.counts.Begun++
	return i
}

// remove frees the place of datagram i, and drops what waits in it.
func (s *shard) remove(i int32) {
	g := &s.datagrams[i]
	if !g.decided {
		s.lose(i)
		s.early.remove(i)
	}
	s.ages.remove(i)
	at := &s.chains[g.chain]
	for *at != i {
		at = &s.datagrams[*at].next
	}
	*at = g.next
	g.next, s.free = s.free, i
	s.counts.Datagrams--
}

// leave removes datagram i if no byte of it is missing.
func (s *shard) leave(i int32) {
	if s.datagrams[i].coverage.complete() {
		s.counts.Completed++
		s.remove(i)
	}
}

// evict removes datagram i before its time, or because it has expired.
func (s *shard) evict(i int32, now time.Duration) {
	if s.datagrams[i].deadline <= now {
		s.counts.Expired++
	} else {
		s.counts.Evicted++
	}
	s.remove(i)
}

// release takes what waits in datagram i out.
func (s *shard) release(i int32) Waiting {
	c := s.forget(i)
	s.counts.Released += uint64(c.count)
	return Waiting{copies: c, room: s.room}
}

// lose drops what waits in datagram i.
func (s *shard) lose(i int32) {
	c := s.forget(i)
	s.counts.Lost += uint64(c.count)
	s.room.giveBack(c)
}

func (s *shard) forget(i int32) copies {
	c := s.datagrams[i].waiting
	s.datagrams[i].waiting = copies{}
	s.counts.Waiting -= int(c.count)
	return c
}
