package processor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Split says which of the machine's processors do what.
type Split struct {
	Load  int  // the first: it sends and receives what is measured
	Peer  int  // the last: it forwards
	Apart bool // they are two

	all unix.CPUSet // that this process may use
}

// Choose splits those processors that this process may use.
func Choose() (Split, error) {
	s := Split{Load: -1}
	if err := unix.SchedGetaffinity(0, &s.all); err != nil {
		return Split{}, fmt.Errorf("find processors: %w", err)
	}
	for i := range len(s.all) * 64 {
		if !s.all.IsSet(i) {
			continue
		}
		if s.Load < 0 {
			s.Load = i
		}
		s.Peer = i
	}
	s.Apart = s.Load != s.Peer
	return s, nil
}

// Loads are all processors but the peer's.
func (s Split) Loads() unix.CPUSet {
	set := s.all
	set.Clear(s.Peer)
	return set
}

// Peers is the peer's processor as a set.
func (s Split) Peers() (set unix.CPUSet) {
	set.Set(s.Peer)
	return set
}
