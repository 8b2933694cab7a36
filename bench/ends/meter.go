package ends

import "time"

// shortest is how long a last part of a second must be to count as a sample.
const shortest = 200 * time.Millisecond

// meter makes rates by the second out of counters that are read now and then. It
// begins with the first frame. The zero value is ready.
type meter struct {
	rates [][]float64 // by second, and by counter; in a second
	at    time.Time   // where the present second began
	last  []uint64    // the counters then
}

// add takes the counters of a moment, and returns the rates of a second that has
// ended.
func (m *meter) add(now time.Time, counts []uint64) (rates []float64, ok bool) {
	if m.last == nil {
		if total(counts) > 0 {
			m.at, m.last = now, counts
		}
		return nil, false
	}
	if now.Sub(m.at) < time.Second {
		return nil, false
	}
	return m.take(now, counts), true
}

// take ends a second.
func (m *meter) take(now time.Time, counts []uint64) []float64 {
	rates := make([]float64, len(counts))
	for i, n := range counts {
		rates[i] = float64(n-m.last[i]) / now.Sub(m.at).Seconds()
	}
	m.rates = append(m.rates, rates)
	m.at, m.last = now, counts
	return rates
}

// end takes the last counters. What there is of the last second is a sample, if it
// is long enough, or the only one.
func (m *meter) end(now time.Time, counts []uint64) {
	if m.last == nil || !now.After(m.at) {
		return
	}
	if now.Sub(m.at) >= shortest || len(m.rates) == 0 {
		m.take(now, counts)
	}
}

// trim leaves out the seconds at the end in which nothing came.
func (m *meter) trim() {
	for n := len(m.rates); n > 0; n-- {
		for _, rate := range m.rates[n-1] {
			if rate > 0 {
				return
			}
		}
		m.rates = m.rates[:n-1]
	}
}

func total(counts []uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
