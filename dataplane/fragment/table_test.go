package fragment

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/dataplane/link"
)

func newTable(tb testing.TB, o Options) *Table {
	tb.Helper()
	table, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := table.Close(); err != nil {
			tb.Error(err)
		}
	})
	return table
}

// rig is a table with a clock, and pieces of datagrams by number.
type rig struct {
	testing.TB
	*Table
	now time.Duration
}

func newRig(tb testing.TB, o Options) *rig {
	return &rig{TB: tb, Table: newTable(tb, o), now: time.Hour}
}

func key(id int) Key { return Key{src: client4, dst: vip4, id: uint64(id)<<8 | 17} }

// The pieces of a datagram of three fragments.
var (
	head   = Piece{0, 80, true}
	middle = Piece{80, 160, true}
	tail   = Piece{160, 170, false}
)

// copyOf is a frame of size bytes with its headroom, all of them b.
func copyOf(b byte, size int) *link.Frame {
	return &link.Frame{Raw: bytes.Repeat([]byte{b}, size), WireLen: size - link.Headroom}
}

// taken takes all that waits.
func taken(w Waiting) (frames []link.Frame) {
	for w.Len() > 0 {
		frames = append(frames, w.Next(make([]byte, w.Size())))
	}
	return frames
}

// first notes the first fragment and returns what had waited, by their bytes.
func (r *rig) first(id int, p Piece, d Decision) (waited string) {
	k := key(id)
	for _, f := range taken(r.First(&k, p, d, r.now)) {
		waited += string(f.Raw[:1])
	}
	return waited
}

// follow checks what becomes of a later fragment, a copy of which takes one
// cell.
func (r *rig) follow(id int, p Piece, b byte, want Outcome) Decision {
	r.Helper()
	k := key(id)
	d, o := r.Follow(&k, p, copyOf(b, 64), r.now)
	if o != want {
		r.Errorf("piece %v of datagram %d: %v, want %v", p, id, o, want)
	}
	return d
}

// want checks fields of the statistics.
func (r *rig) want(change func(s *Stats)) {
	r.Helper()
	got := r.Stats()
	want := got
	change(&want)
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestLaterFollowFirst(t *testing.T) {
	r := newRig(t, Options{})
	if got := r.first(1, head, 42); got != "" {
		t.Errorf("%q waited", got)
	}
	r.first(2, head, 43)
	for _, p := range []Piece{tail, middle} {
		if d := r.follow(1, p, 'x', Passes); d != 42 {
			t.Errorf("decision %d about %v", d, p)
		}
	}
	r.want(func(s *Stats) { s.Datagrams, s.Begun, s.Completed, s.Waiting, s.Bytes = 1, 2, 1, 0, 0 })
	r.follow(1, middle, 'x', Waits) // it is complete, and no longer known
}

func TestEarlyOnesWait(t *testing.T) {
	r := newRig(t, Options{})
	r.follow(1, tail, 'c', Waits)
	r.follow(1, middle, 'b', Waits)
	r.follow(2, tail, 'z', Waits)
	r.want(func(s *Stats) { s.Datagrams, s.Waiting, s.Bytes = 2, 3, 3*cellBytes })
	if got := r.first(1, head, 42); got != "cb" {
		t.Errorf("%q waited", got)
	}
	r.want(func(s *Stats) {
		s.Datagrams, s.Completed, s.Waiting, s.Bytes = 1, 1, 1, cellBytes
		s.Released, s.Lost = 2, 0
		s.Outcomes[Waits] = 3
	})
}

// TestLongCopies: nor of a frame that takes several cells, or just fills them.
func TestLongCopies(t *testing.T) {
	table := newTable(t, Options{Bytes: 200 * cellBytes})
	for i, size := range []int{link.Headroom + 14, cellData - 1, cellData, cellData + 1, 4 * cellData, 1530, link.Headroom + link.MaxFrame} {
		k, others := key(i), key(1000+i)
		var want []link.Frame
		for j, p := range []Piece{middle, tail} {
			f := link.Frame{Raw: make([]byte, size), WireLen: size + j}
			for at := range f.Raw {
				f.Raw[at] = byte(i + j + at*7)
			}
			if _, o := table.Follow(&k, p, &f, 0); o == Waits {
				want = append(want, f)
			}
			table.Follow(&others, p, copyOf('x', 64), 0) // between them
		}
		if len(want) == 0 {
			t.Fatalf("%d bytes did not wait", size)
		}
		if diff := cmp.Diff(want, taken(table.First(&k, head, 1, 0))); diff != "" {
			t.Errorf("copies of %d bytes (-want +got):\n%s", size, diff)
		}
		left := table.First(&others, head, 1, 0)
		left.Drop()
		left.Drop()
		if n := table.Stats().Bytes; n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	}
}

// TestCopies: nothing of a frame is lost while it waits, and its memory may be
// used again.
func TestCopies(t *testing.T) {
	table := newTable(t, Options{})
	raw := bytes.Repeat([]byte{1, 2, 3}, 50)
	f := link.Frame{Raw: bytes.Clone(raw), TCI: 0x2007, TPID: 0x8100, WireLen: len(raw) - link.Headroom}
	want := f
	want.Raw = raw
	k := key(1)
	if _, o := table.Follow(&k, tail, &f, 0); o != Waits {
		t.Fatal(o)
	}
	clear(f.Raw)
	got := taken(table.First(&k, head, 1, 0))
	if diff := cmp.Diff([]link.Frame{want}, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
}

func TestDuplicates(t *testing.T) {
	r := newRig(t, Options{})
	r.follow(1, tail, 'a', Waits)
	r.follow(1, tail, 'b', Duplicate)
	if got := r.first(1, head, 42); got != "a" {
		t.Errorf("%q waited", got)
	}
	r.follow(1, tail, 'c', Duplicate)
	if d := r.follow(1, middle, 'd', Passes); d != 42 {
		t.Errorf("decision %d", d)
	}
	r.want(func(s *Stats) { s.Datagrams, s.Completed, s.Outcomes[Duplicate] = 0, 1, 2 })
}

// TestDuplicatedFirst: a network that doubles a first fragment does no harm to
// those that have not come.
func TestDuplicatedFirst(t *testing.T) {
	r := newRig(t, Options{})
	r.first(1, head, 42)
	r.follow(1, middle, 'a', Passes)
	r.first(1, head, 42)
	if d := r.follow(1, tail, 'b', Passes); d != 42 {
		t.Errorf("decision %d", d)
	}
	r.want(func(s *Stats) { s.Datagrams, s.Begun, s.Replaced = 1, 2, 1 })
}

func TestOverlapEndsDatagram(t *testing.T) {
	r := newRig(t, Options{})
	r.first(1, head, 42)
	r.follow(1, Piece{72, 160, true}, 'a', Overlap)
	r.follow(1, middle, 'b', Overlap)
	r.follow(1, tail, 'c', Overlap)
	if got := r.first(1, head, 43); got != "" {
		t.Errorf("%q waited", got)
	}
	if d := r.follow(1, middle, 'd', Passes); d != 43 {
		t.Errorf("decision %d after a new first fragment", d)
	}
}

func TestOverlapOfEarlyOnes(t *testing.T) {
	r := newRig(t, Options{})
	r.follow(1, middle, 'a', Waits)
	r.follow(1, Piece{152, 170, false}, 'b', Overlap)
	r.follow(1, tail, 'c', Overlap)
	r.want(func(s *Stats) { s.Datagrams, s.Waiting, s.Bytes, s.Lost, s.Outcomes[Overlap] = 1, 0, 0, 1, 2 })
	if got := r.first(1, head, 42); got != "" {
		t.Errorf("%q waited", got)
	}
	r.follow(1, middle, 'd', Passes)
}

// TestFirstAgainstEarlyOnes: those that overlap the first fragment are another
// datagram's.
func TestFirstAgainstEarlyOnes(t *testing.T) {
	r := newRig(t, Options{})
	r.follow(1, Piece{72, 160, true}, 'a', Waits)
	r.follow(1, tail, 'b', Waits)
	if got := r.first(1, head, 42); got != "" {
		t.Errorf("%q waited", got)
	}
	r.want(func(s *Stats) { s.Lost, s.Released, s.Replaced, s.Waiting, s.Bytes = 2, 0, 1, 0, 0 })
	r.follow(1, middle, 'c', Passes)
	r.follow(1, tail, 'd', Passes)
	r.want(func(s *Stats) { s.Datagrams, s.Completed = 0, 1 })
}

// TestIdentificationUsedAgain: of the first datagram a fragment was lost.
func TestIdentificationUsedAgain(t *testing.T) {
	r := newRig(t, Options{})
	r.first(1, head, 42)
	r.follow(1, tail, 'a', Passes)
	r.now += DefaultLifetime - 1
	r.first(1, head, 43)
	for _, p := range []Piece{middle, tail} {
		if d := r.follow(1, p, 'b', Passes); d != 43 {
			t.Errorf("decision %d about %v", d, p)
		}
	}
	r.want(func(s *Stats) { s.Datagrams, s.Completed, s.Replaced = 0, 1, 1 })
}

func TestTiny(t *testing.T) {
	r := newRig(t, Options{})
	r.follow(1, Piece{80, 80, true}, 'a', Tiny)
	r.want(func(s *Stats) { s.Datagrams, s.Waiting, s.Bytes = 0, 0, 0 })
	r.first(1, head, 42)
	r.follow(1, Piece{80, 80, true}, 'a', Tiny)
	r.follow(1, middle, 'b', Passes)
}

// TestLifetime: five seconds from the first one seen, whichever it was.
func TestLifetime(t *testing.T) {
	r := newRig(t, Options{})
	start := r.now
	r.follow(1, tail, 'a', Waits)
	r.first(2, head, 42)
	r.now = start + 2*time.Second
	r.first(1, head, 43)
	r.now = start + 5*time.Second - 1
	if n := r.Sweep(r.now); n != 0 {
		t.Errorf("%d datagrams expired early", n)
	}
	r.follow(2, middle, 'b', Passes)
	r.now = start + 5*time.Second
	r.follow(1, middle, 'c', Waits)
	r.follow(2, tail, 'd', Waits)
	r.want(func(s *Stats) { s.Datagrams, s.Expired, s.Waiting = 2, 2, 2 })
	r.now += 5 * time.Second
	if got := r.first(1, head, 44); got != "" {
		t.Errorf("%q waited too long", got)
	}
	r.want(func(s *Stats) { s.Datagrams, s.Expired, s.Waiting, s.Lost = 2, 3, 1, 1 })
	if n := r.Sweep(r.now); n != 1 {
		t.Errorf("%d datagrams swept", n)
	}
	r.want(func(s *Stats) { s.Datagrams, s.Expired, s.Waiting, s.Lost, s.Bytes = 1, 4, 0, 2, 0 })
}

func TestSweepOfMany(t *testing.T) {
	r := newRig(t, Options{})
	const n = 10_000
	for i := range n {
		if i%2 == 0 {
			r.first(i, head, 1)
		} else {
			r.follow(i, tail, 'a', Waits)
		}
	}
	r.now += DefaultLifetime
	if got := r.Sweep(r.now); got != n {
		t.Errorf("%d of %d swept", got, n)
	}
	r.want(func(s *Stats) { s.Datagrams, s.Waiting, s.Bytes, s.Lost = 0, 0, 0, n/2 })
}

func TestTooManyRuns(t *testing.T) {
	r := newRig(t, Options{})
	apart := func(i int) Piece { return Piece{uint16(i) * 16, uint16(i)*16 + 8, true} }
	for i := 1; i < maxRuns; i++ {
		r.follow(1, apart(i), 'a', Waits)
	}
	r.follow(1, apart(maxRuns), 'b', TooManyPieces)
	// The run that was kept free is the first fragment's.
	if got := r.first(1, Piece{0, 8, true}, 42); len(got) != maxRuns-1 {
		t.Errorf("%q waited", got)
	}
	r.follow(1, apart(maxRuns), 'b', TooManyPieces)
	r.follow(1, Piece{8, 16, true}, 'c', Passes)
	r.follow(1, apart(maxRuns), 'b', Passes)
}

func TestTooManyWait(t *testing.T) {
	r := newRig(t, Options{})
	for i := 1; i <= maxWaiting; i++ {
		r.follow(1, Piece{uint16(i) * 8, uint16(i)*8 + 8, true}, 'a', Waits)
	}
	next := Piece{maxWaiting*8 + 8, maxWaiting*8 + 16, false}
	r.follow(1, next, 'b', TooManyPieces)
	r.follow(2, next, 'b', Waits)
	if got := r.first(1, Piece{0, 8, true}, 42); len(got) != maxWaiting {
		t.Errorf("%d waited", len(got))
	}
	r.follow(1, next, 'b', Passes)
	r.want(func(s *Stats) { s.Completed = 1 })
}

func TestPlaces(t *testing.T) {
	r := newRig(t, Options{Datagrams: 4})
	r.first(1, head, 41)
	r.follow(2, tail, 'a', Waits)
	r.first(3, head, 43)
	r.follow(4, tail, 'b', Waits)
	r.follow(5, tail, 'c', Waits)
	r.want(func(s *Stats) {
		s.Capacity, s.Datagrams, s.Evicted, s.Waiting, s.Lost, s.Bytes = 4, 4, 1, 2, 1, 2*cellBytes
	})
	// 2, the oldest that waited, has gone. A first fragment pushes out 4, then 5,
	r.first(6, head, 46)
	r.first(7, head, 47)
	r.want(func(s *Stats) { s.Datagrams, s.Evicted, s.Waiting, s.Bytes = 4, 3, 0, 0 })
	// and when none waits, 1, the oldest of all.
	r.first(8, head, 48)
	for id, want := range map[int]Decision{3: 43, 6: 46, 7: 47, 8: 48} {
		if d := r.follow(id, middle, 'd', Passes); d != want {
			t.Errorf("datagram %d: decision %d, want %d", id, d, want)
		}
	}
	// Those that wait push out no other kind.
	for _, id := range []int{1, 2, 4, 5} {
		r.follow(id, tail, 'e', TooManyDatagrams)
	}
	r.want(func(s *Stats) { s.Datagrams, s.Evicted, s.Expired, s.Bytes = 4, 4, 0, 0 })
	// But they take the places of what has expired.
	r.now += DefaultLifetime
	r.follow(1, tail, 'f', Waits)
	r.want(func(s *Stats) { s.Datagrams, s.Evicted, s.Expired = 4, 4, 1 })
}

func TestRoom(t *testing.T) {
	r := newRig(t, Options{Bytes: 5 * cellBytes})
	for id := 1; id <= 5; id++ {
		r.follow(id, tail, 'a'+byte(id), Waits)
	}
	r.want(func(s *Stats) { s.Waiting, s.Bytes = 5, 5*cellBytes })
	r.first(1, head, 42)
	r.follow(6, tail, 'x', Waits)
	r.want(func(s *Stats) { s.Waiting, s.Bytes, s.Released, s.Evicted = 5, 5*cellBytes, 1, 0 })
}

// TestRoomIsMade in a table with one shard, whose oldest datagrams give way.
func TestRoomIsMade(t *testing.T) {
	r := newRig(t, Options{Datagrams: 100, Bytes: 20 * cellBytes})
	for id := 1; id <= 20; id++ {
		r.follow(id, tail, 'a', Waits)
	}
	r.follow(21, tail, 'b', Waits)
	r.follow(2, middle, 'c', TooManyBytes) // it would push itself out
	r.want(func(s *Stats) { s.Waiting, s.Evicted, s.Bytes = 20, 1, 20*cellBytes })

	long := func(id, cells int) Outcome {
		k := key(id)
		_, o := r.Follow(&k, tail, copyOf('d', cells*cellData), r.now)
		return o
	}
	if o := long(30, 17); o != TooManyBytes {
		t.Errorf("one that pushes out 17 others: %v", o)
	}
	r.want(func(s *Stats) { s.Waiting, s.Evicted, s.Bytes = 4, 17, 4*cellBytes })
	if o := long(30, 17); o != Waits {
		t.Errorf("one that pushes out one other: %v", o)
	}
	if o := long(31, 21); o != TooManyBytes {
		t.Errorf("one for which the room never suffices: %v", o)
	}
	r.want(func(s *Stats) { s.Waiting, s.Evicted, s.Bytes = 4, 18, 20*cellBytes })
	if got := r.first(30, head, 1); got != "d" {
		t.Errorf("%q waited", got)
	}
	r.want(func(s *Stats) { s.Waiting, s.Bytes = 3, 3*cellBytes })
}

// TestFirstWhileCopying: what happens between the two times that Follow takes the
// lock.
func TestFirstWhileCopying(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(r *rig)
		want      Outcome
		decision  Decision
		bytes     int64
	}{
		"nothing":             {func(*rig) {}, Waits, 0, cellBytes},
		"the first came":      {func(r *rig) { r.first(1, head, 42) }, Passes, 42, 0},
		"a duplicate came":    {func(r *rig) { r.follow(1, tail, 'a', Waits) }, Duplicate, 0, cellBytes},
		"an overlapping came": {func(r *rig) { r.follow(1, Piece{152, 168, true}, 'a', Waits) }, Overlap, 0, 0},
		"another came":        {func(r *rig) { r.follow(1, middle, 'a', Waits) }, Waits, 0, 2 * cellBytes},
		"the place was taken": {func(r *rig) { r.first(2, head, 43); r.first(3, head, 43) }, TooManyDatagrams, 0, 0},
		"the place was lost":  {func(r *rig) { r.follow(2, tail, 'a', Waits); r.follow(3, tail, 'b', Waits) }, Waits, 0, 2 * cellBytes},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{Datagrams: 2})
			k, f := key(1), copyOf('x', 64)
			s, hash := r.find(&k)
			_, o, cells := s.follow(&k, hash, tail, cellsOf(len(f.Raw)), r.now)
			if o != Waits {
				t.Fatal(o)
			}
			r.room.fill(cells, f)
			c.meanwhile(r)
			d, o := s.wait(&k, hash, tail, cells, r.now, r.now+r.lifetime)
			if o != c.want || d != c.decision {
				t.Errorf("got %v by decision %d, want %v by %d", o, d, c.want, c.decision)
			}
			r.want(func(s *Stats) { s.Bytes = c.bytes })
		})
	}
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"-1 datagrams":    {Datagrams: -1},
		"65537 datagrams": {Datagrams: 65537},
		"-1 bytes":        {Bytes: -1},
		"lifetime -1s":    {Lifetime: -time.Second},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, n := range []int{1, 2, 1023, 2048, 3000, 65_535, 65_536} {
		if got := newTable(t, Options{Datagrams: n}).Stats().Capacity; got > n || got < n-maxShards {
			t.Errorf("of %d datagrams %d have a place", n, got)
		}
	}
}

// TestNeverMore: a flood takes all places and all room, and no more.
func TestNeverMore(t *testing.T) {
	for name, o := range map[string]Options{
		"places": {Datagrams: 4096},
		"room":   {Datagrams: 4096, Bytes: 300_000},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, o)
			for i := range 50_000 {
				k := key(i)
				_, outcome := r.Follow(&k, tail, copyOf('a', 64), r.now)
				if outcome != Waits && outcome != TooManyBytes {
					t.Fatal(outcome)
				}
			}
			s := r.Stats()
			if s.Datagrams > 4096 || s.Bytes > int64(r.room.size())*cellBytes || s.Bytes != int64(s.Waiting)*cellBytes {
				t.Errorf("%+v", s)
			}
			if s.Datagrams < 4096 && s.Bytes < int64(r.room.size())*cellBytes {
				t.Errorf("neither places nor room are used up: %+v", s)
			}
		})
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRig(t, Options{Datagrams: 16, Bytes: 8 * cellBytes})
	for id := 1; id <= 5; id++ {
		r.follow(id, tail, 'a', Waits)
	}
	r.first(10, head, 1)
	r.first(11, head, 1)
	r.follow(11, Piece{72, 88, true}, 'a', Overlap)
	f := copyOf('x', 1514)
	raw := make([]byte, len(f.Raw))
	at := uint16(80)
	id := 100
	cases := map[string]func(){
		"passes":     func() { k := key(10); r.Follow(&k, Piece{at, at + 8, true}, f, r.now); at += 8 },
		"duplicate":  func() { k := key(10); r.Follow(&k, Piece{0, 8, true}, f, r.now) },
		"spoilt":     func() { k := key(11); r.Follow(&k, middle, f, r.now) },
		"no room":    func() { k := key(1); r.Follow(&k, middle, f, r.now) },
		"early twin": func() { k := key(1); r.Follow(&k, tail, f, r.now) },
		"datagram": func() {
			k := key(12)
			r.First(&k, head, 7, r.now)
			r.Follow(&k, middle, f, r.now)
			r.Follow(&k, tail, f, r.now)
		},
		"early": func() {
			k := key(13)
			r.Follow(&k, middle, f, r.now)
			w := r.First(&k, head, 7, r.now)
			w.Next(raw)
			r.Follow(&k, tail, f, r.now)
		},
		"dropped": func() {
			k := key(14)
			r.Follow(&k, tail, f, r.now)
			w := r.First(&k, Piece{0, 160, true}, 7, r.now)
			w.Drop()
		},
		"flood of first ones": func() { k := key(id); r.First(&k, head, 7, r.now); id++ },
		"sweep":               func() { r.Sweep(r.now) },
	}
	for _, name := range []string{
		"passes", "duplicate", "spoilt", "no room", "early twin", "datagram", "early", "dropped", "sweep", "flood of first ones",
	} {
		if n := testing.AllocsPerRun(100, cases[name]); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if s := r.Stats(); s.Outcomes[Passes] != 404 || s.Completed != 303 || s.Outcomes[Waits] != 207 || s.Released != 202 || s.Evicted == 0 {
		t.Errorf("%+v", s)
	}
}
