package fragment

// maxRuns is how many runs of bytes that are apart from each other a datagram
// may be known as. While its first fragment is not there, one is kept free for
// it.
const maxRuns = 16

// run is bytes start..end-1 of a datagram.
type run struct{ start, end uint16 }

// coverage is which bytes of a datagram have passed, or wait.
type coverage struct {
	runs  [maxRuns]run // n of them: ascending, none touching another
	n     uint8
	last  bool   // the last fragment is among them
	total uint16 // then: the length of the datagram
}

// add notes a piece, if it does not make more than limit runs. Passes: it was
// noted. Else nothing has changed.
func (c *coverage) add(p Piece, limit int) Outcome {
	switch {
	case p.End <= p.Start:
		return Tiny
	case c.contradicts(p):
		return Overlap
	}
	n, i := int(c.n), 0
	for i < n && c.runs[i].end < p.Start {
		i++
	}
	next, joins := i, i < n && c.runs[i].end == p.Start
	if joins {
		next++
	}
	if next < n && c.runs[next].start < p.End {
		if c.runs[next].start <= p.Start && p.End <= c.runs[next].end {
			return Duplicate
		}
		return Overlap
	}
	joinsNext := next < n && c.runs[next].start == p.End
	switch {
	case joins && joinsNext:
		c.runs[i].end = c.runs[next].end
		copy(c.runs[next:n], c.runs[next+1:n])
		c.n--
	case joins:
		c.runs[i].end = p.End
	case joinsNext:
		c.runs[next].start = p.Start
	case n >= limit:
		return TooManyPieces
	default:
		copy(c.runs[i+1:n+1], c.runs[i:n])
		c.runs[i] = run{p.Start, p.End}
		c.n++
	}
	if !p.More {
		c.last, c.total = true, p.End
	}
	return Passes
}

// contradicts reports whether p and what has passed disagree about where the
// datagram ends.
func (c *coverage) contradicts(p Piece) bool {
	switch {
	case c.last && p.More:
		return p.End > c.total
	case c.last:
		return p.End != c.total
	case p.More || c.n == 0:
		return false
	}
	return c.runs[c.n-1].end > p.End
}

// complete reports whether no byte is missing.
func (c *coverage) complete() bool {
	return c.last && c.n == 1 && c.runs[0] == run{0, c.total}
}
