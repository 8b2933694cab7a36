package service

import (
	"sync/atomic"
	"time"

	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/scheduler"
)

// Reject says what a client gets that no real server can take.
type Reject uint8

// The rejections.
const (
	RejectRST  Reject = iota // TCP: a segment with RST; others: as RejectICMP
	RejectICMP               // ICMP port unreachable
	RejectDrop               // nothing
)

// Range is a VIP with the ports of a service, First..Last; 0..0 is every port
// that no other service has.
type Range struct {
	VIP         frame.Addr
	First, Last uint16
}

func (r Range) anyPort() bool { return r.First == 0 && r.Last == 0 }

// Definition says what a service shall be. It is plain data.
type Definition struct {
	Name        string
	Ranges      []Range
	Protocol    uint8  // IP protocol number
	Mark        uint32 // 0: none
	Scheduler   string
	Flags       []string      // of the scheduler
	CacheExpiry time.Duration // of lblc and lblcr; 0: a day
	Timeouts    *conntable.Timeouts
	Persistence Persistence
	OnePacket   bool // each datagram is scheduled by itself (UDP only)
	Reject      Reject
	Servers     []ServerDefinition // in the order in which they were added
	Sorry       *ServerDefinition  // who serves while Servers are too few; nil: nobody
}

// Persistence keeps a client with its server.
type Persistence struct {
	Timeout time.Duration // 0: none
	Prefix  int           // bits of the client's address that make a client; 0: all
}

// ServerDefinition says what a real server shall be.
type ServerDefinition struct {
	Addr         frame.Addr
	Port         uint16 // part of its identity
	HashPort     uint16 // as the schedulers know it; kept for as long as the server lives, and behind a mark part of its identity
	Weight       int
	Upper, Lower int       // thresholds; 0: none
	MAC          frame.MAC // pinned; zero: none
}

// Service is one virtual service. Workers call Schedule and Overflow and read
// the fields; the rest belongs to the director's goroutine.
type Service struct {
	Definition
	// Servers are the real servers, in the order of the definition.
	Servers []*RealServer
	// Sorry is the sorry server; nil: none. No scheduler knows it unless it is Up,
	// and it is Down at first.
	Sorry *RealServer

	*balancer
	template template
}

// balancer is what outlives a reload as long as the scheduler stays the same.
type balancer struct {
	scheduler scheduler.Scheduler
	overflow  *scheduler.Overflow
	algorithm string // name and flags
	undecided atomic.Bool
	given     []given // to the scheduler by the last Update
	spilled   []given // to the overflow
}

// given is a candidate and its weights, as a scheduler was last told of it.
type given struct {
	server *scheduler.Candidate
	weight int
	whole  int
}

// Schedule picks the server for a new connection; nil if none is usable.
func (s *Service) Schedule(f *scheduler.Flow) *scheduler.Candidate { return s.scheduler.Pick(f) }

// Peek returns what Schedule would, and changes nothing; sure is false if
// Schedule may pick another.
func (s *Service) Peek(f *scheduler.Flow) (c *scheduler.Candidate, sure bool) {
	return s.scheduler.Peek(f)
}

// Overflow picks the server for a segment of a connection that found no place
// in the table: the same one for all its segments.
func (s *Service) Overflow(f *scheduler.Flow) *scheduler.Candidate { return s.overflow.Pick(f) }

// Undecided reports whether too little is known to refuse a client: some
// server is not yet resolved or checked.
func (s *Service) Undecided() bool { return s.undecided.Load() }

// FindsAgain reports whether the scheduler picks the same server for the same
// client again without a connection table, as it must after a restart.
func (s *Service) FindsAgain() bool { return scheduler.Hashes(s.Scheduler) }

// Each calls fn for the real servers and then for the sorry server, if there is
// one.
func (s *Service) Each(fn func(*RealServer)) {
	for _, rs := range s.Servers {
		fn(rs)
	}
	if s.Sorry != nil {
		fn(s.Sorry)
	}
}
