package service

import (
	"sync/atomic"

	"lvsdr/frame"
	"lvsdr/scheduler"
)

// Health is what a real server is good for. Why is another's knowledge.
type Health uint8

// The healths.
const (
	Unknown Health = iota // nothing is known yet: neither used nor counted as dead
	Up                    // takes new connections
	Down                  // takes none, also of persistent clients; those that it has go on
	Gone                  // takes none, and those that it has expire at once
)

var healthNames = [...]string{"unknown", "up", "down", "gone"}

// String returns the name as status prints it.
func (h Health) String() string { return healthNames[h] }

// RealServer is one real server of one service. Its Candidate part is what the
// schedulers see, with the effective weight; ID is its number in connection
// table entries.
type RealServer struct {
	scheduler.Candidate

	// route is what a worker needs for each frame, in one word: the MAC in the
	// low 48 bits, and the flags below.
	route atomic.Uint64
	mtu   atomic.Int32 // see SetMTU
	stats Stats

	health atomic.Uint32 // Health
	lacks  atomic.Int32  // percent of its weight; see SetShare
	absent atomic.Bool   // see SetAbsent
	weight atomic.Int32  // as configured or set by an operator
	upper  atomic.Int32
	lower  atomic.Int32

	service    string // name
	port       uint16
	sorry      bool
	owner      atomic.Pointer[Service]
	persistent atomic.Int32 // templates
}

const (
	routeResolved = 1 << 48 // the MAC is known
	routeGone     = 1 << 49 // removed, or Gone
	routeRemoved  = 1 << 50 // not in the definitions any more
)

// Stats counts what went to a server. Workers add once a batch.
type Stats struct {
	Connections atomic.Uint64 // opened
	Packets     atomic.Uint64
	Bytes       atomic.Uint64 // of IP packets
}

// Stats returns the live counters.
func (s *RealServer) Stats() *Stats { return &s.stats }

// Service returns the name of the service to which the server belongs.
func (s *RealServer) Service() string { return s.service }

// ServicePort returns the port of the server's definition.
func (s *RealServer) ServicePort() uint16 { return s.port }

// Owner returns the service to which the server belongs, or belonged last.
func (s *RealServer) Owner() *Service { return s.owner.Load() }

// Persistent returns how many templates lead to the server (IPVS:
// persistconns).
func (s *RealServer) Persistent() int { return int(s.persistent.Load()) }

// AddPersistent adds n to the templates that lead to the server.
func (s *RealServer) AddPersistent(n int) { s.persistent.Add(int32(n)) }

// Route returns what a frame needs to reach the server: the MAC, whether it is
// known, and whether the server is gone, so that its connections must not be
// used any more. Any goroutine; one load.
func (s *RealServer) Route() (mac frame.MAC, resolved, gone bool) {
	r := s.route.Load()
	return frame.MACFromUint64(r), r&routeResolved != 0, r&routeGone != 0
}

// IsSorry reports whether the server is the sorry server of its service.
func (s *RealServer) IsSorry() bool { return s.sorry }

// begin makes the server one of which nothing is known. A sorry server is not
// asked: it waits for its turn.
func (s *RealServer) begin() {
	s.SetShare(whole)
	s.SetHealth(Unknown)
	if s.sorry {
		s.SetHealth(Down)
	}
}

// Removed reports whether the server is not in the definitions any more: a
// server that is gone for this reason may come back to its connections.
func (s *RealServer) Removed() bool { return s.route.Load()&routeRemoved != 0 }

// SetMAC sets the server's MAC; the zero MAC means that it is not known.
// Call Service.Refresh after it.
func (s *RealServer) SetMAC(mac frame.MAC) {
	word := mac.Uint64()
	if mac.IsUnicast() {
		word |= routeResolved
	}
	s.swapRoute(routeGone|routeRemoved, word)
}

func (s *RealServer) setGone(gone bool)       { s.setRoute(routeGone, gone) }
func (s *RealServer) setRemoved(removed bool) { s.setRoute(routeRemoved, removed) }

func (s *RealServer) setRoute(bit uint64, on bool) {
	word := uint64(0)
	if on {
		word = bit
	}
	s.swapRoute(^bit, word)
}

// swapRoute keeps the bits of keep and sets the others from word.
func (s *RealServer) swapRoute(keep, word uint64) {
	for {
		old := s.route.Load()
		if s.route.CompareAndSwap(old, old&keep|word&^keep) {
			return
		}
	}
}

// MTU returns the length of the longest IP packet on the way to the server; 0:
// the egress interface's. Any goroutine.
func (s *RealServer) MTU() int { return int(s.mtu.Load()) }

// SetMTU sets the length of the longest IP packet on the way to the server; 0: the
// egress interface's.
func (s *RealServer) SetMTU(mtu int) { s.mtu.Store(int32(mtu)) }

// Health returns what the server is good for.
func (s *RealServer) Health() Health { return Health(s.health.Load()) }

// SetHealth sets what the server is good for. Call Service.Refresh after it.
func (s *RealServer) SetHealth(h Health) { s.health.Store(uint32(h)) }

// Share returns which part of its weight the server has while it is up, in percent.
func (s *RealServer) Share() int { return whole - int(s.lacks.Load()) }

// SetShare sets which part of its weight the server has while it is up, in percent,
// 1..100; at first it has all. Call Service.Refresh after it.
func (s *RealServer) SetShare(percent int) { s.lacks.Store(int32(whole - percent)) }

// whole is the share of a server that has all its weight.
const whole = 100

// Absent reports what SetAbsent said.
func (s *RealServer) Absent() bool { return s.absent.Load() }

// SetAbsent says whether nobody answers for the server's address: it is not
// waited for then, and a service with no other server refuses its clients.
// Call Service.Refresh after it.
func (s *RealServer) SetAbsent(absent bool) { s.absent.Store(absent) }

// BaseWeight returns the weight that was configured, or that SetBaseWeight set.
func (s *RealServer) BaseWeight() int { return int(s.weight.Load()) }

// SetBaseWeight sets the weight that the server has when it is up, 0..65535, in
// place of that of its definition, until the next Build. Call Service.Refresh after
// it.
func (s *RealServer) SetBaseWeight(weight int) { s.weight.Store(int32(weight)) }

// EffectiveWeight returns the part of its weight that the server has now. Weight is
// for schedulers: a hundred times that while a server of its service warms.
func (s *RealServer) EffectiveWeight() int {
	if s.Weight() == 0 {
		return 0
	}
	return max(s.BaseWeight()*s.Share()/whole, 1)
}

// Opened counts a new connection, and closes the server to more of them at its
// upper threshold.
func (s *RealServer) Opened(active bool) {
	s.count(active, 1)
	s.stats.Connections.Add(1)
	s.updateOverload()
}

// Closed counts a connection that left the table.
func (s *RealServer) Closed(active bool) {
	s.count(active, -1)
	s.updateOverload()
}

// Moved counts a connection that became active, or inactive.
func (s *RealServer) Moved(active bool) {
	s.count(active, 1)
	s.count(!active, -1)
}

func (s *RealServer) count(active bool, n int) {
	if active {
		s.AddActive(n)
	} else {
		s.AddInactive(n)
	}
}

// setThresholds opens the server to new connections when the upper threshold
// rises, as IPVS does when a server is edited.
func (s *RealServer) setThresholds(upper, lower int) {
	if upper == 0 || upper > int(s.upper.Load()) {
		s.SetOverloaded(false)
	}
	s.upper.Store(int32(upper))
	s.lower.Store(int32(lower))
	s.updateOverload()
}

// updateOverload follows IPVS (ip_vs_dest_update_overload): overloaded from
// the upper threshold on, until below the lower one, or below three quarters
// of the upper one where there is no lower.
func (s *RealServer) updateOverload() {
	upper, lower := int(s.upper.Load()), int(s.lower.Load())
	if upper == 0 {
		if s.Overloaded() {
			s.SetOverloaded(false)
		}
		return
	}
	switch total := s.Active() + s.Inactive(); {
	case total >= upper:
		s.SetOverloaded(true)
	case lower > 0 && total < lower, lower == 0 && total*4 < upper*3:
		s.SetOverloaded(false)
	}
}
