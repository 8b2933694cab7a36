package fragment

// Stats says what a table holds and what became of what it held.
//
// Outcomes[Waits] = Waiting + Released + Lost, but for calls that are under way.
type Stats struct {
	Capacity  int   // datagrams that have a place
	Datagrams int   // in the table
	Waiting   int   // copies of fragments
	Bytes     int64 // that they take, of the room for them
	Memory    int   // bytes of the whole table, fixed

	Begun     uint64 // datagrams of which a first or a waiting fragment came
	Completed uint64 // of them: all bytes passed
	Replaced  uint64 // of them: a new first fragment had the same key
	Expired   uint64 // of them: after their lifetime
	Evicted   uint64 // of them: for want of a place or of room

	Released uint64 // copies handed out by First
	Lost     uint64 // copies dropped with their datagram

	Outcomes [OutcomeCount]uint64 // later fragments, by what became of them
}

// Stats returns the sums over all shards. Any goroutine.
func (t *Table) Stats() (sum Stats) {
	sum.Bytes, sum.Memory = t.room.used(), t.memory.Bytes()
	for i := range t.shards {
		t.shards[i].addTo(&sum)
	}
	return sum
}

func (s *shard) addTo(sum *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts
	sum.Capacity += len(s.datagrams) - 1
	sum.Datagrams += c.Datagrams
	sum.Waiting += c.Waiting
	sum.Begun += c.Begun
	sum.Completed += c.Completed
	sum.Replaced += c.Replaced
	sum.Expired += c.Expired
	sum.Evicted += c.Evicted
	sum.Released += c.Released
	sum.Lost += c.Lost
	for o, n := range c.Outcomes {
		sum.Outcomes[o] += n
	}
}
