package condition

import "time"

// Slow start goes in at most so many steps, each at least leastStep long, as
// HAProxy's does: a scheduler hears of each.
const (
	warmSteps = 20
	leastStep = time.Second
)

// warmth is the share of a server, in percent, so long after its slow start began,
// and when it becomes another. The share grows evenly, from a twentieth on.
func warmth(elapsed, slowStart time.Duration, began time.Time) (share int, next time.Time) {
	step := max(slowStart/warmSteps, leastStep)
	done := elapsed / step
	share = max(int(Whole*done*step/slowStart), Whole/warmSteps)
	return share, began.Add(min((done+1)*step, slowStart))
}
