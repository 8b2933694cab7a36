package conntable

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lvsdr/frame"
)

func template4(i int) Key {
	return NewTemplateKey(frame.AddrFrom4(0x0a000000+uint32(i)), 1, 80, frame.ProtocolTCP)
}

func template6(i int) Key {
	return NewTemplateKey(frame.Addr{Hi: 0x20010db8 << 32, Lo: uint64(i)}, 1, 80, frame.ProtocolTCP)
}

func TestTemplateKeysAreNoConnections(t *testing.T) {
	client := frame.AddrFrom4(0x0a000001)
	template, conn := NewTemplateKey(client, 1, 80, frame.ProtocolTCP), NewKey(client, 0, 1, 80, frame.ProtocolTCP)
	if template == conn || !template.IsTemplate() || conn.IsTemplate() {
		t.Errorf("%+v and %+v", template, conn)
	}
	marked := NewTemplateKey(client, 0, 0xdeadbeef, 0)
	if marked.Number() != 0xdeadbeef || marked.ClientPort() != 0 || marked.Client() != client {
		t.Errorf("number %x, port %d, client %v", marked.Number(), marked.ClientPort(), marked.Client())
	}
	table := newTable(t, Options{})
	insert(table, template, 1, StateTemplate)
	if _, ok := lookup(table, conn); ok {
		t.Error("the template was found as a connection")
	}
}

// clocked is a table whose clock the test moves.
func clocked(t *testing.T) (table *Table, now *time.Duration) {
	now = new(time.Duration)
	return newTable(t, Options{Now: func() time.Duration { return *now }}), now
}

// A template outlives its time by minutes for as long as it controls a
// connection, and no longer.
func TestTemplateLivesWithItsConnections(t *testing.T) {
	for name, key := range map[string]Key{"IPv4": template4(1), "IPv6": template6(1)} {
		t.Run(name, func(t *testing.T) {
			table, now := clocked(t)
			timeouts := NewTimeouts(0, 0, 0).Persist(3 * time.Second)
			h := table.Home(&key)
			c, _ := table.Insert(&key, h, 7, StateTemplate, timeouts[StateTemplate], table.Now())
			if !table.Hold(&c, timeouts, table.Now()) || table.Controlled(&c) != 1 {
				t.Fatalf("%d connections", table.Controlled(&c))
			}
			*now = 4 * time.Second
			if n := table.Sweep(table.Now()); n != 0 {
				t.Fatal("the template went before its connection")
			}
			found, ok := table.LookupTemplate(&key, h, table.Now())
			if left := found.life.remaining(table.Now()); !ok || left != int32(Ticks(time.Minute)) {
				t.Fatalf("found %v, %d ticks left", ok, left)
			}
			*now = 62 * time.Second
			table.Hold(&found, timeouts, table.Now())
			if left := found.life.remaining(table.Now()); left != int32(Ticks(time.Minute)) {
				t.Errorf("a new connection gives it %d ticks more, want those of a minute", left)
			}
			table.Release(&key, 7)
			table.Release(&key, 8) // a connection to another server is not this template's
			if table.Controlled(&found) != 1 {
				t.Errorf("%d connections after one of two has ended", table.Controlled(&found))
			}
			table.Release(&key, 7)
			*now = 200 * time.Second
			if n := table.Sweep(table.Now()); n != 1 {
				t.Errorf("%d removed; the last connection was gone", n)
			}
			assertEmpty(t, table)
		})
	}
}

// A lookup between the end of a template's time and the sweep gives it its
// minute.
func TestLookupRearmsTemplate(t *testing.T) {
	table, now := clocked(t)
	key := template4(1)
	c, _ := table.Insert(&key, table.Home(&key), 7, StateTemplate, ipvs[StateTemplate], table.Now())
	free := template4(2)
	table.Insert(&free, table.Home(&free), 7, StateTemplate, ipvs[StateTemplate], table.Now())
	table.Hold(&c, ipvs, table.Now())
	*now = 10 * time.Minute
	if _, ok := table.LookupTemplate(&key, table.Home(&key), table.Now()); !ok {
		t.Error("a template with a connection was not found")
	}
	if _, ok := table.LookupTemplate(&free, table.Home(&free), table.Now()); ok {
		t.Error("a template without a connection was found")
	}
}

// A template that is used between the two passes of a sweep keeps the time that
// the use gave it, also if another took its place, and its shard is looked at
// again soon.
func TestSweepSeesUseOfTemplate(t *testing.T) {
	table, now := clocked(t)
	key := template4(1)
	h := table.Home(&key)
	c, _ := table.Insert(&key, h, 7, StateTemplate, ipvs[StateTemplate], table.Now())
	*now = 10 * time.Minute
	sh := table.shardOf(c.place)
	table.sweepShard(h.first/table.perShard, table.Now())
	if len(table.overdue) != 1 || Time(sh.due.Load()).until(table.Now()) > sweepPause {
		t.Fatalf("%d overdue, the next sweep in %d ticks", len(table.overdue), Time(sh.due.Load()).until(table.Now()))
	}
	again, _ := table.Insert(&key, h, 7, StateTemplate, ipvs[StateTemplate], table.Now()) // in the place of the one that has expired
	table.Hold(&again, ipvs, table.Now())
	table.sweepTemplates(table.Now())
	found, ok := lookup(table, key)
	if left := found.life.remaining(table.Now()); !ok || found.State() != StateTemplate || left != int32(Ticks(5*time.Minute)) {
		t.Errorf("found %v: %v, %d ticks left", ok, found.State(), left)
	}
}

func TestAssureKeepsTheTime(t *testing.T) {
	table, now := clocked(t)
	key := template4(1)
	table.Insert(&key, table.Home(&key), 7, StateTemplate, ipvs[StateTemplate], table.Now())
	*now = time.Minute
	table.Assure(&key, 8)
	if c, _ := lookup(table, key); c.State() != StateTemplate {
		t.Errorf("assured by a connection to another server: %v", c.State())
	}
	table.Assure(&key, 7)
	c, ok := lookup(table, key)
	if left := c.life.remaining(table.Now()); !ok || c.State() != StateTemplateAssured || left != int32(Ticks(4*time.Minute)) {
		t.Errorf("found %v: %v, %d ticks left", ok, c.State(), left)
	}
}

func TestRetireMovesTemplate(t *testing.T) {
	table, _ := clocked(t)
	key, dead := template4(1), NewTemplateKey(frame.AddrFrom4(0x0a000001), 1, 0xffff, frame.ProtocolTCP)
	c, _ := table.Insert(&key, table.Home(&key), 7, StateTemplate, ipvs[StateTemplate], table.Now())
	table.Hold(&c, ipvs, table.Now())
	if !table.Retire(&key, &dead, &c, table.Now()) {
		t.Fatal("not retired")
	}
	if _, ok := lookup(table, key); ok {
		t.Error("still found by its key")
	}
	d, ok := lookup(table, dead)
	if !ok || d.Server() != 7 || table.Controlled(&d) != 0 {
		t.Errorf("found %v to server %d, %d connections", ok, d.Server(), table.Controlled(&d))
	}
	if table.Hold(&c, ipvs, table.Now()) {
		t.Error("a template that has left holds a connection")
	}
	if s := table.Stats(); s.Templates != 1 || s.Connections != 0 || s.Used != 2 {
		t.Errorf("%+v", s)
	}
}

func TestRemoveTemplatesOfAServer(t *testing.T) {
	table, _ := clocked(t)
	for i := range 100 {
		key := template4(i)
		c, _ := table.Insert(&key, table.Home(&key), uint32(i%2), StateTemplate, ipvs[StateTemplate], table.Now())
		table.Hold(&c, ipvs, table.Now())
		insert(table, key4(i), uint32(i%2)|Controlled, StateEstablished)
	}
	if n := table.RemoveTemplates(func(s uint32) bool { return s == 1 }); n != 50 {
		t.Errorf("%d removed", n)
	}
	if s := table.Stats(); s.Templates != 50 || s.Connections != 100 {
		t.Errorf("%+v", s)
	}
	if n := table.RemoveServers(func(s uint32) bool { return s == 0 }); n != 100 {
		t.Errorf("%d removed with their server", n)
	}
}

// The controlled bit is not part of the server's number.
func TestControlledConnection(t *testing.T) {
	table, _ := clocked(t)
	insert(table, key4(1), 5|Controlled, StateSynRecv)
	c, ok := lookup(table, key4(1))
	if !ok || c.Server() != 5 || !c.Controlled() {
		t.Errorf("found %v, server %d, controlled %v", ok, c.Server(), c.Controlled())
	}
	table.Each(func(c Connection) bool {
		if c.Server != 5 || !c.Controlled {
			t.Errorf("%+v", c)
		}
		return true
	})
}

// Workers hold and release the same templates while a sweeper removes those
// that control nothing: in the end none controls anything, and all go.
func TestTemplatesConcurrently(t *testing.T) {
	var clock atomic.Int64
	table := newTable(t, Options{Now: func() time.Duration { return time.Duration(clock.Load()) }})
	timeouts := NewTimeouts(0, 0, 0).Persist(Tick)
	var workers, sweeper sync.WaitGroup
	stop := make(chan struct{})
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				clock.Add(int64(Tick))
				table.Sweep(table.Now())
			}
		}
	})
	for w := range 4 {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			var held []Key
			for range 20_000 {
				key := template4(rng.IntN(8))
				if rng.IntN(2) == 0 {
					key = template6(rng.IntN(8))
				}
				h, now := table.Home(&key), table.Now()
				c, ok := table.LookupTemplate(&key, h, now)
				if !ok {
					var outcome Outcome
					if c, outcome = table.Insert(&key, h, 1, StateTemplate, timeouts[StateTemplate], now); outcome == Full {
						t.Error("full")
						return
					}
				}
				if table.Hold(&c, timeouts, now) {
					held = append(held, key)
				}
				if len(held) > 10 {
					i := rng.IntN(len(held))
					if !table.Release(&held[i], 1) {
						t.Errorf("a template went while it controlled a connection")
						return
					}
					held = append(held[:i], held[i+1:]...)
				}
			}
			for i := range held {
				table.Release(&held[i], 1)
			}
		})
	}
	workers.Wait()
	close(stop)
	sweeper.Wait()
	for range 4 {
		clock.Add(int64(2 * time.Minute))
		table.Sweep(table.Now())
	}
	if s := table.Stats(); s.Templates != 0 {
		t.Errorf("%d templates that control nothing are left", s.Templates)
	}
	assertEmpty(t, table)
}
