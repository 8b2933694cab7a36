package ends

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMeter: seconds begin with the first frame, last as long as they are said to,
// and what is left at the end counts if it is long enough.
func TestMeter(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	for _, c := range []struct {
		name string
		last time.Duration
		want [][]float64
	}{
		{"a part", 2800 * time.Millisecond, [][]float64{{100, 10}, {200, 0}, {125, 0}}},
		{"too short a part", 2100 * time.Millisecond, [][]float64{{100, 10}, {200, 0}}},
	} {
		var m meter
		if _, ok := m.add(after(-time.Hour), []uint64{0, 0}); ok {
			t.Fatal("a second ended before a frame came")
		}
		m.add(begin, []uint64{5, 1})
		if _, ok := m.add(after(999*time.Millisecond), []uint64{100, 1}); ok {
			t.Fatal("a second ended early")
		}
		if rates, ok := m.add(after(time.Second), []uint64{105, 11}); !ok || !cmp.Equal(rates, []float64{100, 10}) {
			t.Fatalf("%v, %v", rates, ok)
		}
		m.add(after(2*time.Second), []uint64{305, 11})
		m.end(after(c.last), []uint64{405, 11})
		if !cmp.Equal(m.rates, c.want) {
			t.Errorf("%s: %v, want %v", c.name, m.rates, c.want)
		}
	}
}

// TestMeterShort: less than a part of a second is a sample if it is all there is,
// and nothing is none.
func TestMeterShort(t *testing.T) {
	now := time.Now()
	var m meter
	m.end(now, []uint64{7})
	if m.rates != nil {
		t.Errorf("%v", m.rates)
	}
	m.add(now, []uint64{1})
	m.end(now.Add(100*time.Millisecond), []uint64{11})
	if !cmp.Equal(m.rates, [][]float64{{100}}) {
		t.Errorf("%v", m.rates)
	}
}

func TestMeterTrim(t *testing.T) {
	m := meter{rates: [][]float64{{0, 0}, {0, 3}, {0, 0}, {0, 0}}}
	if m.trim(); len(m.rates) != 2 {
		t.Errorf("%v", m.rates)
	}
	m = meter{rates: [][]float64{{0}}}
	if m.trim(); len(m.rates) != 0 {
		t.Errorf("%v", m.rates)
	}
}
