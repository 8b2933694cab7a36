package doctor

import (
	"fmt"

	"lvsdr/finding"
)

// diagnosePath judges which packets reach a real server, by echoes of its own
// address.
func (m *machine) diagnosePath(s Server) []finding.Result {
	small, full := m.echo(s, smallEcho(s.Addr)), m.echo(s, m.seg.mtu)
	switch {
	case full == nil: // there is no address to ask from
		return nil
	case full.answer == answerAccepted && full.pieces > 0:
		return []finding.Result{m.about(s, m.tooLong(s, fmt.Sprintf(
			"%s answers a packet of %d bytes in fragments of at most %d: its MTU is smaller than this host's",
			finding.Server(s.Addr), m.seg.mtu, full.pieces)))}
	case full.answer == answerAccepted:
		return []finding.Result{m.about(s, finding.Result{
			Verdict: finding.OK, Kind: finding.PathMTU,
			What: fmt.Sprintf("packets of %d bytes reach %s", m.seg.mtu, finding.Server(s.Addr)),
		})}
	case small.answer != answerAccepted:
		return []finding.Result{m.about(s, finding.Result{
			Verdict: finding.Unknown, Kind: finding.PathMTUUntested,
			What: fmt.Sprintf("whether packets of %d bytes reach %s is not known: it answers no echo request", m.seg.mtu, finding.Server(s.Addr)),
		})}
	}
	return []finding.Result{m.about(s, m.tooLong(s, fmt.Sprintf("a packet of %d bytes does not reach %s; one of %d bytes does",
		m.seg.mtu, finding.Server(s.Addr), m.largest(s))))}
}

// largest returns the largest size that reached the server.
func (m *machine) largest(s Server) int {
	most := smallEcho(s.Addr)
	for _, p := range m.probes {
		if p.isEcho() && p.dst == s.Addr && p.answer == answerAccepted {
			most = max(most, p.size)
		}
	}
	return most
}

func (m *machine) tooLong(s Server, what string) finding.Result {
	return finding.Result{
		Verdict: finding.Wrong, Kind: finding.PathMTU, What: what,
		Why:     "the director forwards what fits its own MTU: connections open and then hang with the first large request",
		Command: fmt.Sprintf("ip link set dev %s mtu %d", finding.InterfaceOf(s.Addr), m.seg.mtu),
	}
}
