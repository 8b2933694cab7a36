package path

import (
	"context"
	"fmt"
	"time"

	"lvsdr/bench"
	"lvsdr/conntable"
	"lvsdr/dataplane"
	"lvsdr/frame"
)

// tableUnderTest is a connection table by itself, with the connections of a
// world.
type tableUnderTest struct {
	*conntable.Table
	blueprint
	timeouts *conntable.Timeouts
	dice     dice
	keys     [dataplane.BatchSize]conntable.Key
	homes    [dataplane.BatchSize]conntable.Home
}

func newTable(ctx context.Context, b blueprint) (*tableUnderTest, error) {
	table, err := conntable.New(conntable.Options{Capacity: b.capacity()})
	if err != nil {
		return nil, err
	}
	t := &tableUnderTest{Table: table, blueprint: b, dice: 1, timeouts: conntable.NewTimeouts(conntable.MaxTimeout, 0, 0)}
	if err := t.fill(ctx); err != nil {
		table.Close()
		return nil, err
	}
	return t, nil
}

func (t *tableUnderTest) fill(ctx context.Context) error {
	for i := range t.connections {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !t.insert(i, t.Now()) {
			return fmt.Errorf("no place for connection %d of %d", i, t.connections)
		}
	}
	return nil
}

func (t *tableUnderTest) key(i int) conntable.Key {
	src, port := t.family.client(i)
	return conntable.NewKey(src, port, 0, firstPort, frame.ProtocolTCP)
}

func (t *tableUnderTest) insert(i int, now conntable.Time) bool {
	k := t.key(i)
	_, o := t.Insert(&k, t.Home(&k), 0, conntable.StateEstablished, t.timeouts[conntable.StateEstablished], now)
	return o == conntable.Inserted
}

// choose makes keys of random flows from the first on.
func (t *tableUnderTest) choose(first int) {
	for i := range t.keys {
		t.keys[i] = t.key(first + t.dice.below(t.connections))
	}
}

// lookup looks a batch up as a worker does: hash and prefetch all, then look. It
// returns how many were found.
func (t *tableUnderTest) lookup(first int) (found int) {
	now := t.Now()
	for range opsPerBatch / dataplane.BatchSize {
		t.choose(first)
		for i := range t.keys {
			t.homes[i] = t.Home(&t.keys[i])
			t.Prefetch(t.homes[i])
		}
		for i := range t.keys {
			if _, ok := t.Lookup(&t.keys[i], t.homes[i], now); ok {
				found++
			}
		}
	}
	return found
}

// lookupAlone looks one key up after the other.
func (t *tableUnderTest) lookupAlone() (found int) {
	now := t.Now()
	for range opsPerBatch {
		k := t.key(t.dice.below(t.connections))
		if _, ok := t.Lookup(&k, t.Home(&k), now); ok {
			found++
		}
	}
	return found
}

// insertAll inserts what there is room for, and takes it away again, untimed.
func (t *tableUnderTest) insertAll(s *stopwatch) (err error) {
	now := t.Now()
	s.during(0, func() int {
		for i := range t.room() {
			if !t.insert(t.connections+i, now) {
				err = fmt.Errorf("no place for connection %d of %d", i, t.room())
			}
		}
		return t.room()
	})
	for i := range t.room() {
		k := t.key(t.connections + i)
		h := t.Home(&k)
		if c, ok := t.Lookup(&k, h, now); ok {
			t.Delete(&k, h, &c)
		}
	}
	return err
}

// cases measure the table.
func (t *tableUnderTest) cases(params []bench.Param, sample time.Duration) []bench.Case {
	return []bench.Case{
		checkedCase(variantHit, params, sample, 1, func() int { return t.lookup(0) }),
		checkedCase("table: hit, one by one", params, sample, 1, t.lookupAlone),
		checkedCase("table: miss", params, sample, 0, func() int { return t.lookup(t.connections) }),
		newCase("table: insert", params, func(ctx context.Context) (s stopwatch, err error) {
			for err == nil && (s.ops == 0 || s.took < sample && ctx.Err() == nil) {
				err = t.insertAll(&s)
			}
			return s, err
		}),
	}
}
