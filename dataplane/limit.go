package dataplane

import "lvsdr/conntable"

// Replies a second that one worker makes at most, of each kind, and as many at
// once after a pause. ICMP errors: what Linux allows (net.ipv4.icmp_msgs_per_sec).
const (
	maxEchoes = 1000
	maxErrors = 1000
	maxResets = 10_000
)

// bucket is a token bucket.
type bucket struct {
	tokens, perSecond uint32
}

func (b *bucket) take() bool {
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	return true
}

// limits keep a flood to the VIPs from becoming a flood of replies.
type limits struct {
	echoes, errors, resets bucket
	filled                 conntable.Time
}

func (l *limits) init(now conntable.Time) {
	l.echoes = bucket{maxEchoes, maxEchoes}
	l.errors = bucket{maxErrors, maxErrors}
	l.resets = bucket{maxResets, maxResets}
	l.filled = now
}

// refill adds what the time since the last refill is worth.
func (l *limits) refill(now conntable.Time) {
	const ticksPerSecond = uint32(1e9 / conntable.Tick)
	ticks := uint32(now - l.filled)
	if ticks == 0 {
		return
	}
	ticks = min(ticks, ticksPerSecond)
	for _, b := range []*bucket{&l.echoes, &l.errors, &l.resets} {
		b.tokens = min(b.tokens+b.perSecond*ticks/ticksPerSecond, b.perSecond)
	}
	l.filled = now
}
