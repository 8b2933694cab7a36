package conntable

import (
	"sync/atomic"
	"time"
)

// rearmed is how long a template lives on when its time is over and it still
// controls connections (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_conn_expire).
var rearmed = Ticks(time.Minute)

// rearmSlack is how late the end of that minute is looked at. The kernel's timers
// are as coarse, so a connection that was used last together with its template
// ends first.
const rearmSlack = int32(2 * time.Second / Tick)

// slack returns how many ticks late a connection in s expires.
func (s State) slack() int32 {
	if s == StateTemplateAgain || s == StateTemplateAssuredAgain {
		return rearmSlack
	}
	return 0
}

// maxControlled is how many connections a template counts. More of them are not
// counted: the template may then go before the last of them.
const maxControlled = 1<<expiryBits - 1

// LookupTemplate finds a template. One whose time is over, but which controls
// connections, begins another minute.
func (t *Table) LookupTemplate(k *Key, h Home, now Time) (Conn, bool) {
	c, ok := t.search(k, h)
	if ok && c.life.remaining(now) <= 0 {
		version := c.life.version()
		ok = t.rearm(c.place, now)
		c.life = life(atomic.LoadUint32(t.word(c.place)))
		ok = ok && c.life.version() == version && c.life.isConnection()
	}
	return c, ok
}

// rearm gives a template whose time is over another minute, if it controls a
// connection. It reports whether it lives on.
func (t *Table) rearm(p place, now Time) bool {
	b, i := &t.buckets[p.bucket()], p.index()
	l := b.lifeOf(i)
	if l.isConnection() && l.remaining(now) > 0 {
		return true // somebody used it
	}
	if !l.state().isTemplate() || i+1 == bucketPlaces || b.lifeOf(i+1).count() == 0 {
		return false
	}
	next := newLife(now+Time(rearmed), l, l.state().again())
	if !atomic.CompareAndSwapUint32(&b.life[i], uint32(l), uint32(next)) {
		return true // somebody else did, or used it
	}
	t.lower(t.shardOf(p), now+Time(rearmed))
	return true
}

// Hold makes a template control one more connection, and starts its time anew.
// false: it has left the table since it was looked up.
func (t *Table) Hold(c *Conn, timeouts *Timeouts, now Time) bool {
	pair := t.pair(c.place)
	if !addControlled(pair, 1) {
		return false
	}
	word := t.word(c.place)
	for {
		l := life(atomic.LoadUint32(word))
		if l.version() != c.life.version() || !l.isConnection() {
			addControlled(pair, -1) // another's place by now, or nobody's
			return false
		}
		next := newLife(now+Time(timeouts[l.state()]), l, l.state())
		if atomic.CompareAndSwapUint32(word, uint32(l), uint32(next)) {
			t.lower(t.shardOf(c.place), now+Time(timeouts[l.state()]))
			c.life = next
			return true
		}
	}
}

// addControlled changes how many connections a template controls by n, which is
// 1 or -1; false if the word is no template's any more.
func addControlled(pair *uint32, n int) bool {
	for {
		l := life(atomic.LoadUint32(pair))
		if l.state() != statePair {
			return false
		}
		count := l.count()
		if n < 0 && count == 0 || n > 0 && count == maxControlled {
			return true
		}
		next := newLife(Time(int(count)+n), l, statePair)
		if atomic.CompareAndSwapUint32(pair, uint32(l), uint32(next)) {
			return true
		}
	}
}

// Release ends the control of a template over one connection to a server;
// false if there is no template of that key to that server. It may be called
// by OnRemove.
func (t *Table) Release(k *Key, server uint32) bool {
	c, ok := t.search(k, t.Home(k))
	if !ok || c.Server() != server {
		return false
	}
	return addControlled(t.pair(c.place), -1)
}

// Assure notes that a connection which the template controls was established.
// It does not touch the template's time.
func (t *Table) Assure(k *Key, server uint32) {
	c, ok := t.search(k, t.Home(k))
	if !ok || c.Server() != server {
		return
	}
	word := t.word(c.place)
	for l := c.life; l.version() == c.life.version() && l.state().isTemplate(); l = life(atomic.LoadUint32(word)) {
		next := l&^stateMask | life(l.state().assured())
		if next == l {
			return
		}
		if atomic.CompareAndSwapUint32(word, uint32(l), uint32(next)) {
			t.reclass(k.classOf(l.state()), k.classOf(next.state()), c.size())
			return
		}
	}
}

// Controlled returns how many connections a looked-up template controls.
func (t *Table) Controlled(c *Conn) int {
	return int(life(atomic.LoadUint32(t.pair(c.place))).count())
}

// Retire gives a looked-up template another key, under which it only waits for
// its time to be over: it controls nothing any more. It reports whether the
// template is there under that key: if the key is taken, it is deleted.
func (t *Table) Retire(k, dead *Key, c *Conn, now Time) bool {
	left := max(c.life.remaining(now), 1)
	if !t.Delete(k, t.Home(k), c) {
		return false
	}
	_, outcome := t.insert(dead, t.Home(dead), c.where, c.life.state(), now+Time(left), now)
	return outcome == Inserted
}
