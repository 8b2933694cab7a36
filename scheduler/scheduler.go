package scheduler

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Candidate is a real server as the schedulers see it. The service that owns
// the server keeps the counters live; schedulers only read them. All methods
// may be called from any goroutine. It must not be copied.
type Candidate struct {
	// ID names the server to the caller of Pick. Never changes.
	ID uint32
	// Addr and Port are the real server's; Port 0: the client's is kept.
	// Never change.
	Addr netip.Addr
	Port uint16

	weight     atomic.Int32
	whole      atomic.Int32 // see SetPart
	withheld   atomic.Int32 // see SetPart
	active     atomic.Int32
	inactive   atomic.Int32
	overloaded atomic.Bool
}

// Weight returns the effective weight, 0..65535. 0: no new connections.
func (c *Candidate) Weight() int { return int(c.weight.Load()) }

// SetWeight sets the effective weight; call Update of the scheduler after it.
func (c *Candidate) SetWeight(w int) { c.weight.Store(int32(w)) }

// Active returns the number of active connections (IPVS: activeconns).
func (c *Candidate) Active() int { return int(c.active.Load()) }

// Inactive returns the number of inactive connections (IPVS: inactconns).
func (c *Candidate) Inactive() int { return int(c.inactive.Load()) }

// AddActive adds n to the active connections.
func (c *Candidate) AddActive(n int) { c.active.Add(int32(n)) }

// AddInactive adds n to the inactive connections.
func (c *Candidate) AddInactive(n int) { c.inactive.Add(int32(n)) }

// Overloaded reports whether the server's upper threshold keeps new
// connections away (IPVS: IP_VS_DEST_F_OVERLOAD).
func (c *Candidate) Overloaded() bool { return c.overloaded.Load() }

// SetOverloaded sets what Overloaded reports.
func (c *Candidate) SetOverloaded(on bool) { c.overloaded.Store(on) }

// Flow is the connection for which a server is picked: what the client sent.
type Flow struct {
	Src, Dst         netip.Addr // client and VIP; IPv4 as 4-byte addresses
	SrcPort, DstPort uint16
	Protocol         uint8 // IP protocol number
}

// Scheduler is one running algorithm of one virtual service.
type Scheduler interface {
	// Update gives the candidates in the kernel's list order: the server
	// added last comes first. It is called before the first Pick and after
	// every change of the list or of a weight, and only then: a round of wrr
	// starts anew at each. The slice belongs to the scheduler from then on.
	// Never concurrent with itself; concurrent with Pick, which sees the old
	// list or the new one, whole.
	Update(candidates []*Candidate)
	// Pick returns the server for a new connection, or nil if none is usable.
	// It does not allocate, but for what lblc and lblcr newly remember, and may
	// be called from any goroutine.
	Pick(f *Flow) *Candidate
	// Peek returns what Pick would return for the flow now, and changes
	// nothing: no turn is taken, nothing remembered. sure is false where Pick
	// draws lots among several; then c is one of them. From any goroutine.
	Peek(f *Flow) (c *Candidate, sure bool)
}

// Cacher is a Scheduler that remembers what it chose for a destination: lblc and
// lblcr.
type Cacher interface {
	Scheduler
	// SetExpiry sets how long a destination is remembered that nobody asks
	// for, and with lblcr how long a set of servers stays as it is before it
	// loses one (IPVS: lblc_expiration, lblcr_expiration). 0 or less: a day,
	// as it is from New. What is remembered already is judged by the new
	// expiry too. From any goroutine, also while others pick.
	SetExpiry(after time.Duration)
}
