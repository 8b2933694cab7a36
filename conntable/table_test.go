package conntable

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"lvsdr/frame"
)

var ipvs = NewTimeouts(0, 0, 0)

func newTable(tb testing.TB, o Options) *Table {
	tb.Helper()
	if o.Capacity == 0 {
		o.Capacity = MinCapacity
	}
	o.Heap = true
	table, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { table.Close() })
	return table
}

func key4(i int) Key {
	return NewKey(frame.AddrFrom4(0x0a000000+uint32(i>>14)), uint16(i&0x3fff)+1024, 1, 80, frame.ProtocolTCP)
}

func key6(i int) Key {
	return NewKey(frame.Addr{Hi: 0x20010db8 << 32, Lo: uint64(i)}, 1024, 2, 443, frame.ProtocolTCP)
}

func insert(t *Table, k Key, server uint32, s State) (Conn, Outcome) {
	return t.Insert(&k, t.Home(&k), server, s, ipvs[s], t.Now())
}

func lookup(t *Table, k Key) (Conn, bool) { return t.Lookup(&k, t.Home(&k), t.Now()) }

func TestKeyKeepsItsParts(t *testing.T) {
	for _, client := range []string{"192.0.2.7", "2001:db8::7", "::", "255.255.255.255"} {
		addr := frame.AddrFrom(netip.MustParseAddr(client))
		k := NewKey(addr, 40000, 65535, 8080, frame.ProtocolSCTP)
		got := []any{k.Client(), k.ClientPort(), k.VIP(), k.Port(), k.Protocol()}
		want := []any{addr, uint16(40000), uint16(65535), uint16(8080), uint8(frame.ProtocolSCTP)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", client, diff)
		}
	}
}

func TestHashIsXXH64(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		a, b := rng.Uint64(), rng.Uint64()
		buf := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
		if got, want := xxh64of16(a, b), xxhash.Sum64(buf); got != want {
			t.Fatalf("of %x: %x, want %x", buf, got, want)
		}
	}
}

func TestCapacityIsChecked(t *testing.T) {
	for _, n := range []int{0, MinCapacity - 1, MaxCapacity + 1} {
		if _, err := New(Options{Capacity: n}); err == nil {
			t.Errorf("capacity %d was taken", n)
		}
	}
}

func TestSizeOfOneConnection(t *testing.T) {
	table := newTable(t, Options{Capacity: 1_000_000})
	s := table.Stats()
	// One shard may round up to a bucket.
	if max := s.Capacity*48 + len(table.shards)*64; s.Bytes > max {
		t.Errorf("%d bytes for %d IPv4 connections, more than 48 each", s.Bytes, s.Capacity)
	}
	for i := range s.Capacity / 2 {
		if _, o := insert(table, key6(i), 1, StateEstablished); o != Inserted {
			t.Fatalf("IPv6 connection %d of %d: outcome %d", i, s.Capacity/2, o)
		}
	}
	if got := table.Stats(); got.IPv6 != s.Capacity/2 || got.Used != s.Capacity {
		t.Errorf("after %d IPv6 connections: %+v", s.Capacity/2, got)
	}
}

func TestFullTableRefuses(t *testing.T) {
	table := newTable(t, Options{})
	for i := range MinCapacity {
		if _, o := insert(table, key4(i), 1, StateNone); o != Inserted {
			t.Fatalf("connection %d: outcome %d", i, o)
		}
	}
	before := table.Stats()
	if _, o := insert(table, key4(MinCapacity), 1, StateNone); o != Full {
		t.Fatalf("a connection beyond the capacity: outcome %d", o)
	}
	after := table.Stats()
	before.Refused++
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a refused connection changed the table: %s", diff)
	}
	if c, o := insert(table, key4(0), 2, StateNone); o != Existed || c.Server() != 1 {
		t.Errorf("a known key in a full table: outcome %d, server %d", o, c.Server())
	}
}

// model is the slow twin: a map with the same rules.
type model map[Key]*modelConn

type modelConn struct {
	server  uint32
	state   State
	expires Time
}

func TestAgainstMap(t *testing.T) {
	var now time.Duration
	twin := model{}
	removed := map[Key]State{}
	table := newTable(t, Options{
		Capacity: 4096,
		Now:      func() time.Duration { return now },
		OnRemove: func(c Connection) { removed[c.Key] = c.State },
	})
	rng := rand.New(rand.NewPCG(1, 2))
	for step := range 300_000 {
		i := rng.IntN(3000)
		k := key4(i)
		if i%4 == 0 {
			k = key6(i)
		}
		h := table.Home(&k)
		at := table.Now()
		want := twin[k]
		alive := want != nil && want.expires.until(at) > 0
		c, ok := table.Lookup(&k, h, at)
		if ok != alive || ok && (c.Server() != want.server || c.State() != want.state) {
			t.Fatalf("step %d: lookup: %v %+v, want %v %+v", step, ok, c, alive, want)
		}
		switch op := rng.IntN(10); {
		case op < 4 && !ok:
			server := rng.Uint32N(8)
			if _, o := table.Insert(&k, h, server, StateSynRecv, ipvs[StateSynRecv], at); o != Inserted {
				t.Fatalf("step %d: insert: outcome %d, %+v", step, o, table.Stats())
			}
			twin[k] = &modelConn{server, StateSynRecv, at + Time(ipvs[StateSynRecv])}
		case op < 7 && ok:
			e := Event(rng.IntN(int(EventNull)))
			from, to, _ := table.Advance(&c, e, ipvs, at)
			if from != want.state || to != want.state.Next(e) {
				t.Fatalf("step %d: advance: %v -> %v from %v by %d", step, from, to, want.state, e)
			}
			want.state, want.expires = to, at+Time(ipvs[to])
		case op == 7 && ok:
			if !table.Delete(&k, h, &c) || removed[k] != want.state {
				t.Fatalf("step %d: delete failed, or told of state %v, want %v", step, removed[k], want.state)
			}
			delete(twin, k)
		case op == 8:
			now += time.Duration(rng.IntN(300)) * time.Millisecond
		case op == 9 && rng.IntN(200) == 0:
			sweepBoth(t, table, twin)
		case op == 9 && rng.IntN(2000) == 0:
			gone := rng.Uint32N(8)
			table.RemoveServers(func(s uint32) bool { return s == gone })
			for k, c := range twin {
				if c.server == gone {
					delete(twin, k)
				}
			}
		}
	}
	compareAll(t, table, twin)
	now += time.Hour
	sweepBoth(t, table, twin)
	assertEmpty(t, table)
}

func sweepBoth(t *testing.T, table *Table, twin model) {
	t.Helper()
	table.Sweep(table.Now())
	for k, c := range twin {
		if c.expires.until(table.Now()) <= 0 {
			delete(twin, k)
		}
	}
	compareAll(t, table, twin)
}

func compareAll(t *testing.T, table *Table, twin model) {
	t.Helper()
	alive, want := map[Key]modelConn{}, map[Key]modelConn{}
	now := table.Now()
	table.Each(func(c Connection) bool {
		if c.Expires.until(now) > 0 {
			alive[c.Key] = modelConn{c.Server, c.State, c.Expires}
		}
		return true
	})
	for k, c := range twin {
		if c.expires.until(now) > 0 {
			want[k] = *c
		}
	}
	if len(alive) != len(want) {
		t.Fatalf("table has %d connections, map %d", len(alive), len(want))
	}
	for k, c := range want {
		if alive[k] != c {
			t.Fatalf("%v: table has %+v, map %+v", k, alive[k], c)
		}
	}
}

// assertEmpty also finds overflow counts that were not taken back.
func assertEmpty(t *testing.T, table *Table) {
	t.Helper()
	if s := table.Stats(); s.Used != 0 || s.Connections != 0 || s.IPv6 != 0 {
		t.Errorf("not empty: %+v", s)
	}
	for b := range table.buckets {
		if n := table.buckets[b].overflow(); n != 0 {
			t.Errorf("bucket %d of an empty table has overflow %d", b, n)
		}
	}
}

// Eight goroutines insert, look up, advance and delete the same keys while a
// sweeper runs; every connection that came must be told of once when it goes,
// and the counters kept from what the table reports must end at zero.
func TestConcurrentUse(t *testing.T) {
	var active, inactive atomic.Int64
	var clock atomic.Int64
	count := func(s State, n int64) {
		if s.Active() {
			active.Add(n)
		} else {
			inactive.Add(n)
		}
	}
	table := newTable(t, Options{
		Capacity: 2048,
		Now:      func() time.Duration { return time.Duration(clock.Load()) },
		OnRemove: func(c Connection) { count(c.State, -1) },
	})
	var workers, sweeper sync.WaitGroup
	stop := make(chan struct{})
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				clock.Add(int64(50 * time.Millisecond))
				table.Sweep(table.Now())
				table.RemoveServers(func(s uint32) bool { return s == 3 })
				runtime.Gosched()
			}
		}
	})
	for g := range 8 {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 7))
			for range 20_000 {
				i := rng.IntN(1200)
				k := key4(i)
				if i%3 == 0 {
					k = key6(i)
				}
				h, now := table.Home(&k), table.Now()
				c, ok := table.Lookup(&k, h, now)
				if !ok {
					var o Outcome
					if c, o = table.Insert(&k, h, uint32(i%5), StateSynRecv, ipvs[StateSynRecv], now); o == Inserted {
						count(StateSynRecv, 1)
					}
					if o == Full {
						continue
					}
				}
				if c.Server() != uint32(i%5) {
					t.Errorf("key %d has server %d", i, c.Server())
				}
				switch rng.IntN(8) {
				case 0:
					table.Delete(&k, h, &c)
				default:
					if from, to, ok := table.Advance(&c, Event(rng.IntN(4)), ipvs, now); ok && from != to {
						count(from, -1)
						count(to, 1)
					}
				}
			}
		})
	}
	workers.Wait()
	close(stop)
	sweeper.Wait()
	clock.Add(int64(time.Hour))
	table.Sweep(table.Now()) // finds everything: no insertion was passed over
	assertEmpty(t, table)
	if active.Load() != 0 || inactive.Load() != 0 {
		t.Errorf("counters left: %d active, %d inactive", active.Load(), inactive.Load())
	}
}

func TestSweeperRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		removed := make(chan time.Time, 1)
		table := newTable(t, Options{OnRemove: func(Connection) { removed <- time.Now() }})
		ctx, cancel := context.WithCancel(t.Context())
		var sweeper sync.WaitGroup
		sweeper.Go(func() { table.Run(ctx) })
		defer sweeper.Wait()
		defer cancel()

		start := time.Now()
		k := key4(1)
		c, _ := table.Insert(&k, table.Home(&k), 1, StateEstablished, ipvs[StateEstablished], table.Now())
		time.Sleep(time.Second)
		// The expiry moves from 15 minutes ahead to 10 seconds.
		table.Advance(&c, EventRst, ipvs, table.Now())
		if took := (<-removed).Sub(start); took < 11*time.Second || took > 11*time.Second+Tick+SweepEvery {
			t.Errorf("a connection in CLOSE was removed after %v", took)
		}
	})
}

// TestExpiryIsPrompt: each connection goes soon after its time, also when another
// has just gone; where there are many, one pass a second takes all.
func TestExpiryIsPrompt(t *testing.T) {
	for _, others := range []int{0, 100} {
		var now time.Duration
		table := newTable(t, Options{Now: func() time.Duration { return now }})
		for i := range others {
			insert(table, key4(1000+i), 1, StateEstablished)
		}
		gone := make(map[time.Duration]int)
		lifetimes := []time.Duration{2 * time.Second, 2500 * time.Millisecond, 3250 * time.Millisecond}
		for i, d := range lifetimes {
			k := key4(i)
			table.Insert(&k, table.Home(&k), 1, StateSynRecv, Ticks(d), table.Now())
		}
		for ; now < 5*time.Second; now += SweepEvery {
			if n := table.Sweep(table.Now()); n > 0 {
				gone[now] += n
			}
		}
		want := map[time.Duration]int{lifetimes[0]: 1, lifetimes[1]: 1, lifetimes[2]: 1}
		if others > 0 {
			want = map[time.Duration]int{2 * time.Second: 1, 3 * time.Second: 1, 4 * time.Second: 1}
		}
		if diff := cmp.Diff(want, gone); diff != "" {
			t.Errorf("beside %d others (-want +got)\n%s", others, diff)
		}
	}
}

func TestExpiredKeyIsReplaced(t *testing.T) {
	var now time.Duration
	var removed []uint32
	table := newTable(t, Options{
		Now:      func() time.Duration { return now },
		OnRemove: func(c Connection) { removed = append(removed, c.Server) },
	})
	insert(table, key4(1), 7, StateNone)
	now = 3 * time.Second
	if _, ok := lookup(table, key4(1)); ok {
		t.Error("an expired connection was found")
	}
	if _, o := insert(table, key4(1), 8, StateNone); o != Inserted {
		t.Errorf("the key of an expired connection: outcome %d", o)
	}
	if c, ok := lookup(table, key4(1)); !ok || c.Server() != 8 {
		t.Errorf("found %v %+v", ok, c)
	}
	if diff := cmp.Diff([]uint32{7}, removed); diff != "" {
		t.Errorf("removed: %s", diff)
	}
}

func TestStaleReferenceDoesNothing(t *testing.T) {
	table := newTable(t, Options{})
	old, _ := insert(table, key4(1), 1, StateSynRecv)
	k := key4(1)
	table.Delete(&k, table.Home(&k), &old)
	insert(table, key4(1), 2, StateSynRecv)
	if _, _, ok := table.Advance(&old, EventRst, ipvs, table.Now()); ok {
		t.Error("a reference to a deleted connection moved its successor on")
	}
	if table.Delete(&k, table.Home(&k), &old) {
		t.Error("a reference to a deleted connection deleted its successor")
	}
	if c, ok := lookup(table, key4(1)); !ok || c.Server() != 2 || c.State() != StateSynRecv {
		t.Errorf("the successor is %v %+v", ok, c)
	}
}

func TestNoAllocations(t *testing.T) {
	for _, k := range []Key{key4(1), key6(1)} {
		table := newTable(t, Options{})
		now := table.Now()
		cycle := func() {
			h := table.Home(&k)
			table.Prefetch(h)
			c, _ := table.Insert(&k, h, 1, StateSynRecv, ipvs[StateSynRecv], now)
			c, _ = table.Lookup(&k, h, now)
			table.Advance(&c, EventAck, ipvs, now)
			table.Delete(&k, h, &c)
		}
		if n := testing.AllocsPerRun(100, cycle); n != 0 {
			t.Errorf("%v allocations in the life of a connection", n)
		}
	}
}

func TestClockWraps(t *testing.T) {
	now := time.Duration(1<<32-10) * Tick
	table := newTable(t, Options{Now: func() time.Duration { return now }})
	insert(table, key4(1), 1, StateEstablished)
	now += 20 * Tick
	if _, ok := lookup(table, key4(1)); !ok {
		t.Error("a connection was lost when the clock wrapped")
	}
	if n := table.Sweep(table.Now()); n != 0 {
		t.Errorf("%d live connections swept", n)
	}
	now += time.Hour
	if n := table.Sweep(table.Now()); n != 1 {
		t.Errorf("swept %d connections, want 1", n)
	}
}

func ExampleState_Next() {
	s := StateNone
	for _, flags := range []uint8{frame.TCPSyn, frame.TCPAck, frame.TCPFin | frame.TCPAck} {
		s = s.Next(TCPEvent(flags))
		fmt.Println(s)
	}
	// Output:
	// SYN_RECV
	// ESTABLISHED
	// FIN_WAIT
}

// A reload may shorten a timeout: the next packet brings the expiry nearer,
// though the state stays, and the sweeper must not come by the old one.
func TestShorterTimeoutIsSwept(t *testing.T) {
	var now time.Duration
	table := newTable(t, Options{Now: func() time.Duration { return now }})
	c, _ := insert(table, key4(1), 1, StateEstablished)
	table.Sweep(table.Now())
	now = 2 * time.Second
	table.Advance(&c, EventAck, NewTimeouts(10*time.Second, 0, 0), table.Now())
	now = 14 * time.Second
	if n := table.Sweep(table.Now()); n != 1 {
		t.Errorf("swept %d connections 12 s after the last packet, with a timeout of 10 s", n)
	}
}
