package fragment

// Outcome says what becomes of a later fragment.
type Outcome uint8

// The outcomes of Table.Follow. All but the first two refuse the fragment: it is
// to be dropped.
const (
	Passes Outcome = iota // it goes the way that was decided
	Waits                 // a copy waits for the first fragment

	Duplicate        // all its bytes have passed, or wait already
	Overlap          // it overlaps others or contradicts the datagram's end, or one before it did
	Tiny             // not the last, and less than 8 bytes
	TooManyPieces    // its datagram is in more pieces than are kept track of
	TooManyDatagrams // no place for one more whose first fragment has not come
	TooManyBytes     // no room for its copy

	outcomeEnd
)

// OutcomeCount is the number of values of [Outcome], so that an array of
// counters can be indexed by it.
const OutcomeCount = int(outcomeEnd)

var outcomeNames = [OutcomeCount]string{
	Passes:           "passes",
	Waits:            "waits",
	Duplicate:        "duplicate",
	Overlap:          "overlap",
	Tiny:             "tiny",
	TooManyPieces:    "too_many_pieces",
	TooManyDatagrams: "too_many_datagrams",
	TooManyBytes:     "too_many_bytes",
}

// String returns the outcome in snake_case, fit for the label of a metric.
func (o Outcome) String() string {
	if int(o) < OutcomeCount {
		return outcomeNames[o]
	}
	return "unknown"
}
