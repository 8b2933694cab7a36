package fragment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// model is the slow twin of a table with one shard: a list of datagrams, the
// oldest first, with a flag for each byte.
type model struct {
	options Options
	all     []*modelDatagram
	stats   Stats
	memory  int // of the table
}

type modelDatagram struct {
	id              int
	deadline        time.Duration
	decided, spoilt bool
	decision        Decision
	seen            *bitmap
	waiting         []modelCopy
}

type modelCopy struct {
	number int
	size   int64
}

// modelSize is more than the end of any datagram in the model.
const modelSize = 256

func (m *model) find(id int) *modelDatagram {
	for _, g := range m.all {
		if g.id == id {
			return g
		}
	}
	return nil
}

// expire removes at once what the table removes when it comes across it.
func (m *model) expire(now time.Duration) {
	for len(m.all) > 0 && m.all[0].deadline <= now {
		m.remove(m.all[0])
		m.stats.Expired++
	}
}

func (m *model) remove(g *modelDatagram) {
	m.lose(g)
	m.all = slices.DeleteFunc(m.all, func(other *modelDatagram) bool { return g == other })
}

func (m *model) lose(g *modelDatagram) {
	m.stats.Lost += uint64(len(g.waiting))
	g.waiting = nil
}

func (m *model) bytes() (n int64) {
	for _, g := range m.all {
		for _, w := range g.waiting {
			n += w.size
		}
	}
	return n
}

// room is what copies may take: whole cells.
func (m *model) room() int64 { return int64(m.options.Bytes / cellBytes * cellBytes) }

// oldest returns the oldest datagram whose first fragment has not come, or of
// all.
func (m *model) oldest(early bool) *modelDatagram {
	for _, g := range m.all {
		if !early || !g.decided {
			return g
		}
	}
	return nil
}

func (m *model) vacate(first bool) bool {
	if len(m.all) < m.options.Datagrams {
		return true
	}
	g := m.oldest(true)
	if g == nil && first {
		g = m.oldest(false)
	}
	if g == nil {
		return false
	}
	m.remove(g)
	m.stats.Evicted++
	return true
}

func (m *model) create(id int, now time.Duration) *modelDatagram {
	g := &modelDatagram{id: id, deadline: now + m.options.Lifetime, seen: newBitmap(modelSize)}
	m.all = append(m.all, g)
	m.stats.Begun++
	return g
}

func (m *model) complete(g *modelDatagram) {
	if g.seen.complete() {
		m.remove(g)
		m.stats.Completed++
	}
}

func (m *model) first(id int, p Piece, d Decision, now time.Duration) (released []int) {
	m.expire(now)
	g := m.find(id)
	if g != nil && (g.decided || g.spoilt || g.seen.add(p, maxRuns) != Passes) {
		m.remove(g)
		m.stats.Replaced++
		g = nil
	}
	if g == nil {
		m.vacate(true)
		g = m.create(id, now)
		g.seen.add(p, maxRuns)
	}
	g.decided, g.decision = true, d
	for _, w := range g.waiting {
		released = append(released, w.number)
	}
	m.stats.Released += uint64(len(g.waiting))
	g.waiting = nil
	m.complete(g)
	return released
}

func (m *model) follow(id int, p Piece, w modelCopy, now time.Duration) (d Decision, o Outcome) {
	defer func() { m.stats.Outcomes[o]++ }()
	m.expire(now)
	g := m.find(id)
	if g != nil && g.spoilt {
		return 0, Overlap
	}
	if g != nil && g.decided {
		if o = g.seen.add(p, maxRuns); o == Passes {
			m.complete(g)
			return g.decision, o
		}
		g.spoilt = o == Overlap
		return 0, o
	}
	seen := newBitmap(modelSize)
	if g != nil {
		seen = &bitmap{slices.Clone(g.seen.seen), g.seen.total}
	}
	switch o = seen.add(p, maxRuns-1); {
	case o == Overlap:
		g.spoilt = true
		m.lose(g)
		return 0, o
	case o != Passes:
		return 0, o
	case g == nil && !m.vacate(false):
		return 0, TooManyDatagrams
	case !m.makeRoom(g, w.size):
		return 0, TooManyBytes
	}
	if g == nil {
		g = m.create(id, now)
	}
	g.seen = seen
	g.waiting = append(g.waiting, w)
	return 0, Waits
}

func (m *model) makeRoom(g *modelDatagram, size int64) bool {
	for range maxEvictions {
		if m.bytes()+size <= m.room() {
			return true
		}
		oldest := m.oldest(true)
		if size > m.room() || oldest == nil || oldest == g {
			return false
		}
		m.remove(oldest)
		m.stats.Evicted++
	}
	return m.bytes()+size <= m.room()
}

// total is what the table's statistics should be.
func (m *model) total() Stats {
	s := m.stats
	s.Capacity, s.Datagrams, s.Bytes = m.options.Datagrams, len(m.all), m.bytes()
	s.Memory = m.memory
	for _, g := range m.all {
		s.Waiting += len(g.waiting)
	}
	return s
}

// twins are a table and its model, to which the same happens.
type twins struct {
	testing.TB
	rig   *rig
	model *model
	sent  int
	log   []string
}

func newTwins(tb testing.TB, o Options) *twins {
	r := newRig(tb, o)
	return &twins{TB: tb, rig: r, model: &model{options: o, memory: r.Stats().Memory}}
}

// act does one of the things that can happen; intN chooses.
func (t *twins) act(intN func(int) int) {
	t.Helper()
	r, id := t.rig, intN(12)
	switch op := intN(20); {
	case op == 0:
		r.now += time.Duration(intN(3)) * time.Second / 4
	case op == 1:
		t.sweep()
	case op < 6:
		p := Piece{0, 4 * unit, true}
		if intN(5) == 0 {
			p.End = uint16(1+intN(8)) * unit
		}
		t.first(id, p, Decision(intN(100)))
	default:
		p := regularPiece(id, intN)
		if intN(5) == 0 {
			p = randomPiece(intN, modelSize)
		}
		t.follow(id, p, 50+intN(3*cellData))
	}
	t.check()
}

// regularPiece is a later fragment of a datagram that a sender has cut at each
// fourth unit.
func regularPiece(id int, intN func(int) int) Piece {
	last := 1 + id%6
	i := 1 + intN(last)
	p := Piece{uint16(i) * 4 * unit, uint16(i+1) * 4 * unit, i < last}
	if !p.More {
		p.End -= 5
	}
	return p
}

func (t *twins) first(id int, p Piece, d Decision) {
	t.Helper()
	k := key(id)
	var got []int
	for _, f := range taken(t.rig.First(&k, p, d, t.rig.now)) {
		got = append(got, f.WireLen)
	}
	want := t.model.first(id, p, d, t.rig.now)
	t.note("first %d %v: %v", id, p, want)
	if !slices.Equal(got, want) {
		t.Fatalf("%v were released, want %v after %q", got, want, t.log)
	}
}

func (t *twins) follow(id int, p Piece, size int) {
	t.Helper()
	k, f := key(id), copyOf('x', size)
	t.sent++
	f.WireLen = t.sent
	d, o := t.rig.Follow(&k, p, f, t.rig.now)
	wantD, wantO := t.model.follow(id, p, modelCopy{t.sent, sizeOf(f)}, t.rig.now)
	t.note("follow %d %v of %d bytes: %v", id, p, size, wantO)
	if d != wantD || o != wantO {
		t.Fatalf("decision %d, %v, want %d, %v after %q", d, o, wantD, wantO, t.log)
	}
}

func (t *twins) sweep() {
	t.Helper()
	t.rig.Sweep(t.rig.now)
	t.model.expire(t.rig.now)
	t.note("sweep")
	if diff := cmp.Diff(t.model.total(), t.rig.Stats()); diff != "" {
		t.Fatalf("stats (-want +got):\n%s\nafter %q", diff, t.log)
	}
}

func (t *twins) note(format string, args ...any) {
	if t.log = append(t.log, fmt.Sprintf(format, args...)); len(t.log) > 100 {
		t.log = t.log[1:]
	}
}

// check looks at what must always be so.
func (t *twins) check() {
	t.Helper()
	s, o := t.rig.Stats(), t.model.options
	begun := uint64(s.Datagrams) + s.Completed + s.Replaced + s.Expired + s.Evicted
	copies := uint64(s.Waiting) + s.Released + s.Lost
	if s.Datagrams > o.Datagrams || s.Bytes > int64(o.Bytes) || begun != s.Begun || copies != s.Outcomes[Waits] {
		t.Fatalf("stats %+v after %q", s, t.log)
	}
}

func TestAgainstModel(t *testing.T) {
	steps := 100_000
	if testing.Short() {
		steps = 20_000
	}
	for i, o := range []Options{
		{Datagrams: 100, Bytes: 1 << 20, Lifetime: 5 * time.Second},
		{Datagrams: 6, Bytes: 1 << 20, Lifetime: 5 * time.Second},
		{Datagrams: 100, Bytes: 12 * cellBytes, Lifetime: 5 * time.Second},
		{Datagrams: 5, Bytes: 5 * cellBytes, Lifetime: time.Second},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			w := newTwins(t, o)
			for range steps {
				w.act(r.IntN)
			}
			w.rig.now += o.Lifetime
			w.sweep()
			s := w.rig.Stats()
			if s.Datagrams != 0 || s.Waiting != 0 || s.Bytes != 0 {
				t.Errorf("in the end: %+v", s)
			}
			for o, n := range s.Outcomes[:TooManyDatagrams] {
				if n == 0 && Outcome(o) != TooManyPieces {
					t.Errorf("never %v", Outcome(o))
				}
			}
			if s.Completed == 0 || s.Replaced == 0 || s.Expired == 0 || s.Released == 0 {
				t.Errorf("something never happened: %+v", s)
			}
			t.Logf("%+v", s)
		})
	}
}

// FuzzTable has the fuzzer choose what happens.
func FuzzTable(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{0, 10, 100, 1000} {
		seed := make([]byte, n)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(uint8(6), uint16(8*cellBytes), seed)
	}
	f.Fuzz(func(t *testing.T, places uint8, bytes uint16, choices []byte) {
		w := newTwins(t, Options{
			Datagrams: 1 + int(places%16), Bytes: 1 + int(bytes), Lifetime: time.Second,
		})
		for len(choices) > 0 {
			w.act(func(n int) (v int) {
				if len(choices) > 0 {
					v, choices = int(choices[0])%n, choices[1:]
				}
				return v
			})
		}
		w.sweep()
	})
}
