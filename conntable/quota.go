package conntable

import (
	"sync/atomic"

	"lvsdr/frame"
)

// class is what quotas are for: a flood of connections of one class leaves the
// rest of the table to all others.
type class uint8

const (
	classOther class = iota
	classHalfOpen
	classUDP
	classCount
)

// classes gives the class of each state. A state that only a flood keeps many
// connections in counts as half open, also where IPVS calls it another name; so
// does a template of which no connection was established.
var classes = [32]class{
	StateNone: classHalfOpen, StateSynSent: classHalfOpen, StateSynRecv: classHalfOpen,
	StateClose: classHalfOpen, StateListen: classHalfOpen, StateSynAck: classHalfOpen,
	StateSCTPNone: classHalfOpen, StateSCTPInit1: classHalfOpen, StateSCTPInit: classHalfOpen,
	StateSCTPCookieSent: classHalfOpen, StateSCTPCookieReplied: classHalfOpen, StateSCTPCookieWait: classHalfOpen,
	StateSCTPCookie: classHalfOpen, StateSCTPCookieEchoed: classHalfOpen, StateSCTPClosed: classHalfOpen,
	StateSCTPRejected: classHalfOpen,
	StateTemplate:     classHalfOpen, StateTemplateAgain: classHalfOpen,
	StateUDP: classUDP,
}

// classOf returns the class of a key in s. A template of UDP is never assured, and
// goes by what it was made for.
func (k *Key) classOf(s State) class {
	c := classes[s]
	if c == classHalfOpen && k.IsTemplate() && k.Protocol() == frame.ProtocolUDP {
		return classUDP
	}
	return c
}

// HalfOpen reports whether a connection in s is not established yet, or never
// will be.
func (s State) HalfOpen() bool { return classes[s&31] == classHalfOpen }

// counts are how many connections of each kind the table has.
type counts struct {
	classes   [classCount]atomic.Int64
	places    [classCount]atomic.Int64 // that those take
	v6        atomic.Int64
	templates atomic.Int64
	inserted  atomic.Uint64
}

// size returns how many places the key takes.
func (k *Key) size() int64 {
	if k.isWide() {
		return 2
	}
	return 1
}

func (t *Table) countIn(k *Key) {
	if k.IsTemplate() {
		t.counts.templates.Add(1)
		return
	}
	t.counts.inserted.Add(1)
	if k.is6() {
		t.counts.v6.Add(1)
	}
}

func (t *Table) countOut(k *Key, last State) {
	t.reclass(k.classOf(last), classOther, k.size())
	switch {
	case k.IsTemplate():
		t.counts.templates.Add(-1)
	case k.is6():
		t.counts.v6.Add(-1)
	}
}

// SetQuotas says how many percent of the places may have connections that are
// half open, with the templates that they made, and how many UDP ones. Those that
// are there stay.
func (t *Table) SetQuotas(halfOpen, udp int) {
	t.quotas[classHalfOpen].Store(t.capacity * int64(halfOpen) / 100)
	t.quotas[classUDP].Store(t.capacity * int64(udp) / 100)
}

// admit counts a connection of class c that takes so many places, unless its
// quota is used up.
func (t *Table) admit(c class, size int64) bool {
	if c == classOther {
		return true
	}
	if t.counts.places[c].Add(size) <= t.quotas[c].Load() {
		t.counts.classes[c].Add(1)
		return true
	}
	t.counts.places[c].Add(-size)
	return false
}

// reclass counts a connection that moved from one class to another, and takes so
// many places.
func (t *Table) reclass(from, to class, size int64) {
	if from != classOther {
		t.counts.classes[from].Add(-1)
		t.counts.places[from].Add(-size)
	}
	if to != classOther {
		t.counts.classes[to].Add(1)
		t.counts.places[to].Add(size)
	}
}
