package neighbor

import (
	"net/netip"
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// State is what is known about a real server.
type State string

// The states of an entry. All but Resolving have a usable MAC address.
const (
	Resolving  State = "resolving"  // asked for, no MAC address yet
	Restored   State = "restored"   // the MAC address is from an earlier run; asked for
	Reachable  State = "reachable"  // confirmed
	Refreshing State = "refreshing" // confirmed, asked again, not answered yet
	Stale      State = "stale"      // failed: nobody answers, the last MAC address is kept
	Pinned     State = "pinned"     // given by the operator, never asked for
)

const (
	refreshMin   = 25 * time.Second
	refreshMax   = 35 * time.Second
	refreshAgain = time.Second // between unanswered refreshes
	unicasts     = 3           // unanswered refreshes before broadcasting
	broadcasts   = 3           // after those, before failing
	replyWindow  = 2 * time.Second
	reportEvery  = 10 * time.Second
	promptEvery  = time.Second // between requests provoked by others
)

// backoff has the pauses after each unanswered request for an address without
// a confirmed MAC address; the last one goes on. The first three requests are a
// burst, so that one lost frame does not keep a server out for a second.
var backoff = [...]time.Duration{
	200 * time.Millisecond, 800 * time.Millisecond, // the burst
	time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second,
}

// burst is the number of unanswered requests after which an address without a
// confirmed MAC address has failed.
const burst = 3

// entry is the machine of one real server.
type entry struct {
	addr      netip.Addr
	mac       frame.MAC // zero: unknown
	state     State
	since     time.Time
	confirmed time.Time // last

	next   time.Time // when the next request is due; zero: never
	tries  int       // requests sent since the last answer
	asked  time.Time // when the last request was sent; zero: answered
	failed bool      // and reported

	check verification

	conflict      frame.MAC // last other host that answered as well
	conflictSince time.Time
	spoofed       uint64
	spoofer       frame.MAC
	conflictTold  time.Time
	spoofedTold   time.Time
	promptAllowed time.Time
}

func (e *entry) enter(now time.Time, s State) {
	if e.state != s {
		e.state, e.since = s, now
	}
}

// restart makes the entry ask at once, without forgetting what it knows.
func (e *entry) restart(now time.Time) {
	e.tries, e.next, e.check = 0, now, verification{}
	if e.state == Reachable {
		e.enter(now, Refreshing)
	}
}

// outstanding reports whether a reply is awaited.
func (e *entry) outstanding(now time.Time) bool {
	return !e.asked.IsZero() && now.Sub(e.asked) <= replyWindow
}

// due returns when the entry wants to be stepped; zero: never.
func (e *entry) due() time.Time { return arp.Earlier(e.next, e.check.next) }

// stepEntry sends the request that is due.
func (m *Machine) stepEntry(now time.Time, e *entry) {
	switch e.state {
	case Reachable:
		e.tries = 0
		e.enter(now, Refreshing)
		m.refresh(now, e)
		m.verifyConflict(now, e)
	case Refreshing:
		m.refresh(now, e)
	case Resolving, Restored, Stale:
		if e.tries == burst {
			m.fail(now, e)
		}
		m.ask(now, e, frame.Broadcast)
		e.next = now.Add(backoff[min(e.tries, len(backoff))-1])
	}
}

// refresh asks a known server again.
func (m *Machine) refresh(now time.Time, e *entry) {
	to := e.mac
	if e.tries >= unicasts {
		to = frame.Broadcast
	}
	if e.tries == unicasts+broadcasts {
		m.fail(now, e)
		e.tries = burst - 1 // no burst again: the back-off goes on from there
	}
	m.ask(now, e, to)
	e.next = now.Add(refreshAgain)
}

// fail reports, once, that nobody answers.
func (m *Machine) fail(now time.Time, e *entry) {
	if !e.mac.IsZero() {
		e.enter(now, Stale)
	}
	if !e.failed {
		e.failed = true
		m.event(Event{Time: now, Kind: Failed, Addr: e.addr, MAC: e.mac})
	}
}

// ask sends a request and counts it as unanswered.
func (m *Machine) ask(now time.Time, e *entry, to frame.MAC) {
	e.tries++
	e.asked = now
	m.request(e, to)
}

// confirm notes that e.mac answered.
func (m *Machine) confirm(now time.Time, e *entry) {
	news := e.failed || e.state == Resolving || e.state == Restored
	e.enter(now, Reachable)
	e.confirmed, e.asked, e.tries, e.failed = now, time.Time{}, 0, false
	e.next = now.Add(refreshMin + m.opts.Jitter(refreshMax-refreshMin))
	if news {
		m.event(Event{Time: now, Kind: Resolved, Addr: e.addr, MAC: e.mac})
	}
}

// adopt takes a MAC address into use.
func (m *Machine) adopt(now time.Time, e *entry, mac frame.MAC) {
	old := e.mac
	e.mac = mac
	if e.conflict == mac {
		e.conflict, e.conflictSince = frame.MAC{}, time.Time{}
	}
	if !old.IsZero() {
		// One event says it all.
		e.failed = false
		e.enter(now, Reachable)
		m.event(Event{Time: now, Kind: Changed, Addr: e.addr, MAC: mac, Other: old})
	}
	m.confirm(now, e)
	m.duplicates(now, e)
}

// duplicates reports other servers with the same MAC address.
func (m *Machine) duplicates(now time.Time, e *entry) {
	for _, o := range m.order {
		if o != e && o.mac == e.mac && !e.mac.IsZero() {
			m.event(Event{Time: now, Kind: Duplicate, Addr: e.addr, MAC: e.mac, OtherAddr: o.addr})
		}
	}
}
