package ends

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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

// TestMeterTrim: the second in which the last frame came is no sample, nor are those
// behind it; a pause is. The only second counts as far as frames came.
func TestMeterTrim(t *testing.T) {
	type reading struct {
		after time.Duration
		count uint64
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name     string
		readings []reading // the last one is the end
		want     [][]float64
	}{
		{"nothing", []reading{{0, 0}, {1000 * ms, 0}}, nil},
		{"all at once", []reading{{0, 9}, {1000 * ms, 9}, {2000 * ms, 9}}, nil},
		{"ends with the sink", []reading{{0, 1}, {1000 * ms, 101}, {1500 * ms, 151}}, [][]float64{{100}, {100}}},
		{"ends in a second", []reading{{0, 1}, {1000 * ms, 101}, {1400 * ms, 141}, {2000 * ms, 141}}, [][]float64{{100}}},
		{"ends long before", []reading{{0, 1}, {1000 * ms, 101}, {1400 * ms, 141}, {2000 * ms, 141}, {3000 * ms, 141}, {3500 * ms, 141}}, [][]float64{{100}}},
		{"ends with a second", []reading{{0, 1}, {1000 * ms, 101}, {2000 * ms, 101}, {2500 * ms, 101}}, [][]float64{{100}}},
		{"pauses", []reading{{0, 1}, {1000 * ms, 101}, {2000 * ms, 101}, {3000 * ms, 201}, {3500 * ms, 201}}, [][]float64{{100}, {0}, {100}}},
		{"half a second", []reading{{0, 1}, {500 * ms, 51}, {1000 * ms, 51}, {2000 * ms, 51}}, [][]float64{{100}}},
		{"half a second of less", []reading{{0, 1}, {500 * ms, 51}, {900 * ms, 51}}, [][]float64{{100}}},
	} {
		begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		var m meter
		last := len(c.readings) - 1
		for _, r := range c.readings[:last] {
			m.add(begin.Add(r.after), []uint64{r.count})
		}
		m.end(begin.Add(c.readings[last].after), []uint64{c.readings[last].count})
		if m.trim(); !cmp.Equal(m.rates, c.want, cmpopts.EquateEmpty()) {
			t.Errorf("%s: %v, want %v", c.name, m.rates, c.want)
		}
	}
}
