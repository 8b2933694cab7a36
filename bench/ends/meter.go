package ends

import "time"

// shortest is how long a last part of a second must be to count as a sample.
const shortest = 200 * time.Millisecond

// meter makes rates by the second out of counters that are read now and then. It
// begins with the first frame. The zero value is ready.
type meter struct {
	rates   [][]float64 // by second, and by counter; in a second
	began   time.Time   // when the first frame was seen
	ends    []time.Time // of the seconds
	at      time.Time   // where the present second began
	last    []uint64    // the counters then
	sum     uint64      // of all counters, when they were read last
	arrived time.Time   // when it was seen last that it had grown
}

// add takes the counters of a moment, and returns the rates of a second that has
// ended.
func (m *meter) add(now time.Time, counts []uint64) (rates []float64, ok bool) {
	m.notice(now, counts)
	if m.last == nil {
		if m.sum > 0 {
			m.began, m.at, m.last = now, now, counts
		}
		return nil, false
	}
	if now.Sub(m.at) < time.Second {
		return nil, false
	}
	return m.take(now, counts), true
}

// notice keeps in mind when frames came.
func (m *meter) notice(now time.Time, counts []uint64) {
	if sum := total(counts); sum > m.sum {
		m.sum, m.arrived = sum, now
	}
}

// take ends a second.
func (m *meter) take(now time.Time, counts []uint64) []float64 {
	rates := make([]float64, len(counts))
	for i, n := range counts {
		rates[i] = float64(n-m.last[i]) / now.Sub(m.at).Seconds()
	}
	m.rates, m.ends = append(m.rates, rates), append(m.ends, now)
	m.at, m.last = now, counts
	return rates
}

// end takes the last counters. What there is of the last second is a sample, if it
// is long enough, or the only one.
func (m *meter) end(now time.Time, counts []uint64) {
	m.notice(now, counts)
	if m.last == nil || !now.After(m.at) {
		return
	}
	if now.Sub(m.at) >= shortest || len(m.rates) == 0 {
		m.take(now, counts)
	}
}

// trim leaves out the seconds at the end in which nothing came, and the one in which
// the last frame came: it would tell less than what the sender's rate was. Where that
// is the only one, its rate is that of the part until then. It comes after end.
func (m *meter) trim() {
	whole := 0
	for whole < len(m.ends) && !m.ends[whole].After(m.arrived) {
		whole++
	}
	if whole == 0 && m.arrived.After(m.began) {
		part := m.arrived.Sub(m.began).Seconds() / m.ends[0].Sub(m.began).Seconds()
		for i := range m.rates[0] {
			m.rates[0][i] /= part
		}
		whole = 1
	}
	m.rates, m.ends = m.rates[:whole], m.ends[:whole]
}

func total(counts []uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
