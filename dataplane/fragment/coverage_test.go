package fragment

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCoverage(t *testing.T) {
	more := func(start, end uint16) Piece { return Piece{start, end, true} }
	last := func(start, end uint16) Piece { return Piece{start, end, false} }
	type step struct {
		Piece
		want Outcome
	}
	cases := []struct {
		name     string
		steps    []step
		complete bool
	}{
		{"in order", []step{{more(0, 16), Passes}, {more(16, 32), Passes}, {last(32, 35), Passes}}, true},
		{"reversed", []step{{last(32, 35), Passes}, {more(16, 32), Passes}, {more(0, 16), Passes}}, true},
		{"the middle last", []step{{more(0, 16), Passes}, {last(32, 35), Passes}, {more(16, 32), Passes}}, true},
		{"no first", []step{{last(32, 35), Passes}, {more(16, 32), Passes}}, false},
		{"no middle", []step{{more(0, 16), Passes}, {last(32, 35), Passes}}, false},
		{"no last", []step{{more(0, 16), Passes}, {more(16, 32), Passes}}, false},
		{"up to the largest", []step{{more(0, 65528), Passes}, {last(65528, 65535), Passes}}, true},
		{"duplicates", []step{
			{more(0, 16), Passes},
			{more(0, 16), Duplicate},
			{more(16, 32), Passes},
			{more(16, 32), Duplicate},
			{more(8, 24), Duplicate},
			{last(32, 40), Passes},
			{last(32, 40), Duplicate},
		}, true},
		{"overlap at the end", []step{{more(0, 16), Passes}, {more(8, 24), Overlap}}, false},
		{"overlap at the start", []step{{more(16, 32), Passes}, {more(8, 24), Overlap}}, false},
		{"overlap of two", []step{{more(0, 16), Passes}, {more(32, 48), Passes}, {more(8, 40), Overlap}}, false},
		{"touching one, overlapping the next", []step{{more(0, 16), Passes}, {more(32, 48), Passes}, {more(16, 40), Overlap}}, false},
		{"around another", []step{{more(16, 32), Passes}, {more(8, 40), Overlap}}, false},
		{"beyond the end", []step{{last(32, 40), Passes}, {more(40, 48), Overlap}}, false},
		{"two ends", []step{{last(32, 40), Passes}, {last(40, 48), Overlap}}, false},
		{"an end too early", []step{{more(16, 32), Passes}, {last(0, 8), Overlap}}, false},
		{"an end within what has passed", []step{{more(0, 32), Passes}, {last(8, 16), Overlap}}, false},
		{"an end where it was not said to be", []step{{more(0, 32), Passes}, {last(16, 32), Duplicate}}, false},
		{"empty", []step{{more(16, 16), Tiny}}, false},
		{"after a refusal", []step{{more(0, 16), Passes}, {more(8, 24), Overlap}, {last(16, 20), Passes}}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var v coverage
			for i, s := range c.steps {
				before := v
				if got := v.add(s.Piece, maxRuns); got != s.want {
					t.Errorf("step %d, %v: %v, want %v", i, s.Piece, got, s.want)
				}
				if s.want != Passes && v != before {
					t.Errorf("step %d, %v: refused, but noted: %+v", i, s.Piece, v)
				}
			}
			if v.complete() != c.complete {
				t.Errorf("complete: %v", v.complete())
			}
		})
	}
}

func TestCoverageHasALimit(t *testing.T) {
	var v coverage
	for i := range uint16(maxRuns) {
		if got := v.add(Piece{i * 16, i*16 + 8, true}, maxRuns); got != Passes {
			t.Fatalf("run %d: %v", i, got)
		}
	}
	if got := v.add(Piece{maxRuns * 16, maxRuns*16 + 8, true}, maxRuns); got != TooManyPieces {
		t.Errorf("one run more: %v", got)
	}
	if got := v.add(Piece{maxRuns*16 - 8, maxRuns * 16, true}, maxRuns); got != Passes {
		t.Errorf("a piece that touches the last run: %v", got)
	}
	if got := v.add(Piece{8, 16, true}, maxRuns); got != Passes {
		t.Errorf("a piece between two runs: %v", got)
	}
	if got := v.add(Piece{maxRuns*16 + 8, maxRuns*16 + 16, true}, maxRuns); got != Passes {
		t.Errorf("a new run instead of the one that is gone: %v", got)
	}
}

// TestRandomOrderFits: the fragments of the largest datagram over Ethernet come
// in random order, and no more runs are needed than there are.
func TestRandomOrderFits(t *testing.T) {
	var pieces []Piece
	for start := 0; start < 65_515; start += 1480 {
		end := min(start+1480, 65_515)
		pieces = append(pieces, Piece{uint16(start), uint16(end), end < 65_515})
	}
	r := rand.New(rand.NewPCG(5, 6))
	refused := 0
	const rounds = 2000
	for range rounds {
		r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		var v coverage
		for _, p := range pieces {
			if v.add(p, maxRuns) != Passes {
				refused++
				break
			}
		}
	}
	if refused > rounds/100 {
		t.Errorf("%d of %d orders of %d fragments need more than %d runs", refused, rounds, len(pieces), maxRuns)
	}
}

// bitmap is the slow twin of coverage: a flag for every byte.
type bitmap struct {
	seen  []bool
	total int // -1: not known
}

func newBitmap(size int) *bitmap { return &bitmap{make([]bool, size), -1} }

func (m *bitmap) add(p Piece, limit int) Outcome {
	if p.End <= p.Start {
		return Tiny
	}
	start, end := int(p.Start), int(p.End)
	most := 0
	for i, seen := range m.seen {
		if seen {
			most = i + 1
		}
	}
	if m.total >= 0 && (end > m.total || !p.More && end != m.total) || !p.More && end < most {
		return Overlap
	}
	count := 0
	for _, seen := range m.seen[start:end] {
		if seen {
			count++
		}
	}
	switch count {
	case 0:
	case end - start:
		return Duplicate
	default:
		return Overlap
	}
	m.fill(start, end, true)
	if m.runs() > limit {
		m.fill(start, end, false)
		return TooManyPieces
	}
	if !p.More {
		m.total = end
	}
	return Passes
}

func (m *bitmap) fill(start, end int, v bool) {
	for i := start; i < end; i++ {
		m.seen[i] = v
	}
}

func (m *bitmap) runs() (n int) {
	for i, seen := range m.seen {
		if seen && (i == 0 || !m.seen[i-1]) {
			n++
		}
	}
	return n
}

func (m *bitmap) complete() bool {
	for i := range max(m.total, 0) {
		if !m.seen[i] {
			return false
		}
	}
	return m.total >= 0
}

// randomPiece is a piece of a datagram of up to size bytes; mostly one that a
// sender makes.
func randomPiece(intN func(int) int, size int) Piece {
	start := intN(size/8) * 8
	end := min(start+8*(1+intN(4)), size)
	p := Piece{uint16(start), uint16(end), intN(6) != 0}
	switch {
	case intN(50) == 0:
		p.End = p.Start
	case !p.More:
		p.End -= uint16(intN(8))
	}
	return p
}

func TestCoverageAgainstBitmap(t *testing.T) {
	const size = 640
	r := rand.New(rand.NewPCG(1, 2))
	outcomes := map[Outcome]int{}
	complete := 0
	for round := range 3000 {
		var fast coverage
		slow := newBitmap(size)
		limit := maxRuns - r.IntN(2)
		span := 16 + 8*r.IntN(size/8-2)
		var history []string
		for range 60 {
			p := randomPiece(r.IntN, span)
			got, want := fast.add(p, limit), slow.add(p, limit)
			history = append(history, fmt.Sprint(p, want))
			if got != want || fast.complete() != slow.complete() || int(fast.n) != slow.runs() {
				t.Fatalf("round %d: %v, want %v after %v; %+v", round, got, want, history, fast)
			}
			outcomes[got]++
			if fast.complete() {
				complete++
				break
			}
		}
	}
	for _, o := range []Outcome{Passes, Duplicate, Overlap, Tiny, TooManyPieces} {
		if outcomes[o] == 0 {
			t.Errorf("never %v", o)
		}
	}
	if complete == 0 {
		t.Error("never complete")
	}
}

func TestOutcomeNames(t *testing.T) {
	seen := map[string]Outcome{}
	for o := range Outcome(OutcomeCount) {
		if was, twice := seen[o.String()]; twice || o.String() == "" {
			t.Errorf("outcomes %d and %d are both %q", was, o, o)
		}
		seen[o.String()] = o
	}
	if diff := cmp.Diff("unknown", outcomeEnd.String()); diff != "" {
		t.Error(diff)
	}
}
