package doctor

import (
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// phase is what the machine is about.
type phase int

const (
	phaseOwners phase = iota // who has which address
	phaseProbes              // what each real server takes
	phaseSizes               // which packets reach those that a full one does not
	phaseDone
)

// Pace of sending: a pause after so many frames.
const (
	burst = 32
	pause = 2 * time.Millisecond
)

// machine asks and listens. It is fed with frames and the time, which does not go
// back, and returns frames to send.
type machine struct {
	o   Options
	seg segment

	phase  phase
	claims *claims
	probes []*probe // number i has the id firstID+i
	asked  map[question]*probe
	paused time.Time // until when nothing is sent
}

// newMachine starts at that time. The options have been checked.
func newMachine(now time.Time, o Options, seg segment) *machine {
	addrs := o.vips()
	for _, s := range o.servers() {
		addrs = append(addrs, s.Addr)
	}
	if o.Director.Addr.IsValid() {
		addrs = append(addrs, o.Director.Addr)
	}
	return &machine{o: o, seg: seg, claims: newClaims(now, addrs), asked: make(map[question]*probe)}
}

// every is the time between two attempts.
func (m *machine) every() time.Duration { return m.o.window() / attempts }

// done reports whether all has been asked and waited for.
func (m *machine) done() bool { return m.phase == phaseDone }

// tick does what is due and returns the frames to send.
func (m *machine) tick(now time.Time) ([][]byte, error) {
	if m.phase == phaseOwners {
		frames, err := m.solicit(now)
		if err != nil || !m.claims.over(now) {
			return frames, err
		}
		m.phase = phaseProbes
		if err := m.askServers(now); err != nil {
			return nil, err
		}
	}
	frames := m.send(now)
	if m.phase == phaseProbes && m.settled(now) {
		m.phase = phaseSizes
		m.askSizes(now)
		frames = append(frames, m.send(now)...)
	}
	if m.phase == phaseSizes && m.settled(now) {
		m.phase = phaseDone
	}
	return frames, nil
}

// solicit returns the questions for owners that are due. In the last round, the real
// servers that nobody has answered for are asked in two ways.
func (m *machine) solicit(now time.Time) (frames [][]byte, err error) {
	last := m.claims.sent == attempts-1
	for _, addr := range m.claims.due(now, m.every()) {
		f, err := m.seg.solicit(addr)
		if err != nil {
			return nil, err
		}
		frames = append(frames, f)
		if !last || !addr.Is4() || len(m.claims.of[addr]) > 0 || !m.isServer(addr) {
			continue
		}
		if f, err = m.seg.solicitElsewhere(addr); err != nil {
			return nil, err
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// send returns the frames that are due, up to a burst.
func (m *machine) send(now time.Time) [][]byte {
	var frames [][]byte
	if now.Before(m.paused) {
		return nil
	}
	for _, p := range m.probes {
		if p.answer != silence || p.sent == attempts || now.Before(p.next) {
			continue
		}
		if len(frames) == burst {
			m.paused = now.Add(pause)
			break
		}
		p.sent++
		p.next = now.Add(m.every())
		frames = append(frames, p.encode(m.seg.mac))
	}
	return frames
}

// settled reports whether nothing is waited for any more.
func (m *machine) settled(now time.Time) bool {
	for _, p := range m.probes {
		if p.open(now) {
			return false
		}
	}
	return true
}

// deadline returns when tick is due next, given that it was just called.
func (m *machine) deadline(now time.Time) time.Time {
	if m.phase == phaseOwners {
		return m.claims.next
	}
	var first time.Time
	for _, p := range m.probes {
		if p.open(now) {
			first = arp.Earlier(first, p.next)
		}
	}
	if first.Before(m.paused) {
		return m.paused
	}
	return first
}

// receive takes a frame and returns those to send because of it.
func (m *machine) receive(now time.Time, b []byte) [][]byte {
	var p frame.Packet
	if frame.Parse(b, &p) != frame.OK {
		return nil
	}
	switch {
	case p.EtherType == frame.EtherTypeARP:
		if a, err := arp.Decode(b); err == nil {
			m.claims.receive(&a)
		}
	case p.Key.Protocol == frame.ProtocolICMPv6 && (p.ICMPType == frame.ICMPv6NeighborSolicitation || p.ICMPType == frame.ICMPv6NeighborAdvertisement):
		m.hearNDP(b, &p)
	case p.Has(frame.IsIPv4), p.Has(frame.IsIPv6):
		return m.hear(now, b, &p)
	}
	return nil
}
