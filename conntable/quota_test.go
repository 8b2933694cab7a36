package conntable

import (
	"testing"
	"time"

	"lvsdr/frame"
)

// A flood of one kind of connections takes its share of the table, and no more.
func TestQuotas(t *testing.T) {
	table := newTable(t, Options{})
	table.SetQuotas(25, 50)
	udp := func(i int) Key {
		return NewKey(frame.AddrFrom4(0x0b000000+uint32(i)), 53, 1, 53, frame.ProtocolUDP)
	}
	halfOpen := fillUp(table, key4, StateSynRecv)
	if halfOpen != MinCapacity/4 {
		t.Errorf("%d half-open connections", halfOpen)
	}
	if n := fillUp(table, udp, StateUDP); n != MinCapacity/2 {
		t.Errorf("%d UDP connections", n)
	}
	// One that is established makes room for the next half-open one.
	c, _ := lookup(table, key4(0))
	table.Advance(&c, EventAck, ipvs, table.Now())
	if n := fillUp(table, func(i int) Key { return key4(100_000 + i) }, StateSynRecv); n != 1 {
		t.Errorf("%d more after one was established", n)
	}
	// One that ends too.
	c, _ = lookup(table, key4(1))
	key := key4(1)
	table.Delete(&key, table.Home(&key), &c)
	if n := fillUp(table, func(i int) Key { return key4(200_000 + i) }, StateSynRecv); n != 1 {
		t.Errorf("%d more after one ended", n)
	}
	established := fillUp(table, func(i int) Key { return key4(300_000 + i) }, StateEstablished)
	if s := table.Stats(); s.Used != MinCapacity || s.HalfOpen != MinCapacity/4 || s.UDP != MinCapacity/2 {
		t.Errorf("%d established: %+v", established, s)
	}
	table.RemoveServers(func(uint32) bool { return true })
	if s := table.Stats(); s.HalfOpen != 0 || s.UDP != 0 {
		t.Errorf("empty: %+v", s)
	}
}

// A template counts as half open until a connection of its client was
// established.
func TestQuotaOfTemplates(t *testing.T) {
	table := newTable(t, Options{})
	table.SetQuotas(25, 100)
	if n := fillUp(table, template4, StateTemplate); n != MinCapacity/4/2 {
		t.Errorf("%d templates, which take two places", n)
	}
	key := template4(0)
	table.Assure(&key, 1)
	if n := fillUp(table, func(i int) Key { return template4(10_000 + i) }, StateTemplate); n != 1 {
		t.Errorf("%d more after one was assured", n)
	}
	table.RemoveServers(func(uint32) bool { return true })
	if s := table.Stats(); s.HalfOpen != 0 || s.Templates != 0 || s.Used != 0 {
		t.Errorf("%+v", s)
	}
}

// A quota is a share of the places: an IPv6 flood, whose connections take two,
// leaves as much to all others as an IPv4 one.
func TestQuotasOfIPv6(t *testing.T) {
	table := newTable(t, Options{})
	table.SetQuotas(25, 50)
	udp := func(i int) Key {
		return NewKey(frame.Addr{Hi: 0x20010db8 << 32, Lo: uint64(i)}, 53, 1, 53, frame.ProtocolUDP)
	}
	halfOpen, flows := fillUp(table, key6, StateSynRecv), fillUp(table, udp, StateUDP)
	s := table.Stats()
	if s.Used != MinCapacity*3/4 || s.HalfOpen != halfOpen || s.UDP != flows || flows != MinCapacity/4 {
		t.Errorf("%d half open, %d UDP: %+v", halfOpen, flows, s)
	}
	c, _ := lookup(table, key6(0))
	table.Advance(&c, EventAck, ipvs, table.Now())
	more := func(i int) Key { return key6(100_000 + i) }
	if n := fillUp(table, more, StateSynRecv); n != 1 {
		t.Errorf("%d more after one was established", n)
	}
	table.RemoveServers(func(uint32) bool { return true })
	if n := fillUp(table, more, StateSynRecv); n != halfOpen {
		t.Errorf("%d half-open connections in the emptied table, %d at first", n, halfOpen)
	}
}

// A template of UDP is never assured: it counts as UDP.
func TestQuotaOfUDPTemplates(t *testing.T) {
	table := newTable(t, Options{})
	table.SetQuotas(25, 50)
	template := func(i int) Key {
		return NewTemplateKey(frame.AddrFrom4(0x0a000000+uint32(i)), 1, 53, frame.ProtocolUDP)
	}
	if n := fillUp(table, template, StateTemplate); n != MinCapacity/4 { // of two places each
		t.Errorf("%d templates", n)
	}
	if s := table.Stats(); s.HalfOpen != 0 || s.UDP != MinCapacity/4 {
		t.Errorf("%+v", s)
	}
	table.RemoveServers(func(uint32) bool { return true })
	if s := table.Stats(); s.UDP != 0 || s.UDPUse != 0 {
		t.Errorf("%+v", s)
	}
}

// fillUp inserts connections until one is refused, and returns how many were
// not.
func fillUp(table *Table, key func(int) Key, s State) (n int) {
	for ; n <= MinCapacity; n++ {
		if _, o := insert(table, key(n), 1, s); o != Inserted {
			return n
		}
	}
	return n
}

// Thin looks at a share of the buckets, so that in the long run it finds all.
func TestThin(t *testing.T) {
	table := newTable(t, Options{Capacity: 8192})
	for i := range 1000 {
		insert(table, key4(i), 1, StateSynRecv)
		insert(table, key4(10_000+i), 1, StateEstablished)
		key := template4(i)
		insert(table, key, 1, StateTemplate)
	}
	first := table.Thin(32, func(c Connection) bool { return c.State.HalfOpen() })
	if first == 0 || first > 200 {
		t.Errorf("%d of 1000 removed at once", first)
	}
	for rounds := 0; table.Stats().Connections > 1000; rounds++ {
		if rounds > 2000 {
			t.Fatalf("%d are left", table.Stats().Connections)
		}
		table.Thin(32, func(c Connection) bool { return c.State.HalfOpen() })
	}
	if s := table.Stats(); s.Connections != 1000 || s.Templates != 1000 {
		t.Errorf("%+v", s)
	}
}

// What RST, FIN and the end of its time do to a connection ends its share of
// the quota as well.
func TestQuotaIsGivenBack(t *testing.T) {
	var now time.Duration
	table := newTable(t, Options{Now: func() time.Duration { return now }})
	for i := range 90 {
		c, _ := insert(table, key4(i), 1, StateSynRecv)
		table.Advance(&c, []Event{EventAck, EventFin, EventRst}[i%3], ipvs, table.Now())
	}
	if s := table.Stats(); s.HalfOpen != 30 { // a RST changes nothing in SYN_RECV
		t.Errorf("%+v", s)
	}
	now = time.Hour
	table.Sweep(table.Now())
	if s := table.Stats(); s.HalfOpen != 0 || s.Used != 0 {
		t.Errorf("%+v", s)
	}
}
