package neighbor

import (
	"net/netip"
	"time"

	"lvsdr/frame"
)

// Entry is one real server as an operator sees it.
type Entry struct {
	Addr          netip.Addr
	MAC           frame.MAC // in use; zero: none
	State         State
	Since         time.Time // of the state
	Failed        bool      // nobody has answered for too long
	LastConfirmed time.Time // the server last answered; zero: never in this run
	Candidate     frame.MAC // another MAC address that is being verified; zero: none
	Conflict      frame.MAC // another host that answers too; zero: none
	ConflictSince time.Time // when it was first seen to
	Spoofed       uint64    // claims that were not believed
	LastSpoofer   frame.MAC // who made the last one
}

// Stats count the received frames by what became of them: Received is the sum
// of the others.
type Stats struct {
	Received    uint64
	Malformed   uint64
	Other       uint64 // not in a real server's name
	Own         uint64 // our own
	Believed    uint64 // answers
	Unsolicited uint64 // said what is known, unasked
	Questioned  uint64 // named another MAC address, which was then verified
	Refused     uint64 // named a MAC address that is not believed
}

// counter is where a verdict is counted.
func (m *Machine) counter(v verdict) *uint64 {
	s := &m.stats
	return [...]*uint64{
		other: &s.Other, own: &s.Own, believed: &s.Believed,
		unsolicited: &s.Unsolicited, questioned: &s.Questioned, refused: &s.Refused,
	}[v]
}

// Stats returns the counters.
func (m *Machine) Stats() Stats { return m.stats }

// Lookup returns the MAC address to send to; ok says whether there is one.
func (m *Machine) Lookup(addr netip.Addr) (mac frame.MAC, ok bool) {
	e := m.entries[addr.Unmap()]
	if e == nil || e.mac.IsZero() {
		return frame.MAC{}, false
	}
	return e.mac, true
}

// Snapshot returns all real servers, by address.
func (m *Machine) Snapshot() []Entry {
	all := make([]Entry, 0, len(m.order))
	for _, e := range m.order {
		all = append(all, Entry{
			Addr: e.addr, MAC: e.mac, State: e.state, Since: e.since, LastConfirmed: e.confirmed,
			Failed: e.failed, Candidate: e.check.candidate, Conflict: e.conflict, ConflictSince: e.conflictSince, Spoofed: e.spoofed, LastSpoofer: e.spoofer,
		})
	}
	return all
}
