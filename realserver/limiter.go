package realserver

import "time"

// limiter lets a burst through at once, and then one at every interval. It is
// the generic cell rate algorithm (ITU-T I.371).
type limiter struct {
	burst int
	every time.Duration
	// next is when the last one that was let through would have been due, had
	// they come in a steady stream, plus every.
	next time.Time
}

// wait returns how long the next one has to wait.
func (l *limiter) wait(now time.Time) time.Duration {
	return max(0, l.next.Add(-time.Duration(l.burst-1)*l.every).Sub(now))
}

// take lets one through; wait must be 0.
func (l *limiter) take(now time.Time) {
	if l.next.Before(now) {
		l.next = now
	}
	l.next = l.next.Add(l.every)
}
