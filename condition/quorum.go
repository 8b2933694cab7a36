package condition

// Thresholds are when a service is served, in sums of the weights of its usable
// servers: from Up on, until the sum is less than Down. Down is at most Up; the
// weights are the whole ones, also while servers warm.
type Thresholds struct{ Up, Down int }

// Quorum follows whether a service has enough servers. The zero value does not
// know yet.
type Quorum struct {
	known, lost bool
}

// RestoredQuorum returns the Quorum of a service that had it, or had lost it,
// before a restart.
func RestoredQuorum(lost bool) Quorum { return Quorum{known: true, lost: lost} }

// Step takes in the weight that is usable now, and the weight of servers of which
// it is not known yet whether they are. A quorum is not lost as long as those may
// keep it; one that never was there is lost once they cannot make it.
func (q *Quorum) Step(t Thresholds, usable, pending int) {
	switch {
	case usable >= t.Up:
		q.known, q.lost = true, false
	case q.known && !q.lost && usable+pending < t.Down, !q.known && usable+pending < t.Up:
		q.known, q.lost = true, true
	}
}

// Known reports whether it is known if the quorum is there.
func (q *Quorum) Known() bool { return q.known }

// Lost reports whether the service has too few servers.
func (q *Quorum) Lost() bool { return q.known && q.lost }

// Standby is what a service has for the time when its quorum is lost.
type Standby struct {
	Sorry      bool // there is a sorry server, and somebody answers for its address
	FailOpen   bool // servers that fail their checks are better than none
	AnyUsable  bool // some server passes its checks
	AnyFailing bool // some server would be used but for its checks
}

// Plan says who serves.
type Plan uint8

// The plans, in the order in which they are tried when the quorum is lost: the
// sorry server, those that are left, those that fail their checks, nobody.
const (
	Normal Plan = iota // the servers that are up
	Wait               // nobody yet: too little is known
	Sorry              // the sorry server alone
	Few                // the servers that are up, although too few
	Open               // those that fail their checks
	Refuse             // nobody
)

var planNames = [...]string{
	Normal: "normal", Wait: "waiting", Sorry: "sorry", Few: "few", Open: "open", Refuse: "refused",
}

// String returns the name as status prints it: "normal", "waiting", "sorry",
// "few", "open" or "refused".
func (p Plan) String() string { return planNames[p] }

// Plan returns who serves.
func (q *Quorum) Plan(s Standby) Plan {
	switch {
	case !q.known:
		return Wait
	case !q.lost:
		return Normal
	case s.Sorry:
		return Sorry
	case s.FailOpen && s.AnyUsable:
		return Few
	case s.FailOpen && s.AnyFailing:
		return Open
	}
	return Refuse
}
