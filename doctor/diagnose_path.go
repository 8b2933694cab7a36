package doctor

import (
	"fmt"

	"lvsdr/frame"
)

// diagnosePath judges which packets reach a real server, by echoes of its own
// address.
func (m *machine) diagnosePath(s Server) []Result {
	small, full := m.echo(s, smallEcho), m.echo(s, m.seg.mtu)
	switch {
	case full.answer == answerAccepted && full.pieces > 0:
		return []Result{m.about(s, m.tooLong(s, fmt.Sprintf(
			"%s answers a packet of %d bytes in fragments of at most %d: its MTU is smaller than this host's",
			serverName(s.Addr), m.seg.mtu, full.pieces)))}
	case full.answer == answerAccepted:
		return []Result{m.about(s, Result{
			Verdict: OK, Kind: PathMTU,
			What: fmt.Sprintf("packets of %d bytes reach %s", m.seg.mtu, serverName(s.Addr)),
		})}
	case small.answer != answerAccepted:
		return []Result{m.about(s, Result{
			Verdict: Unknown, Kind: PathMTUUntested,
			What: fmt.Sprintf("whether packets of %d bytes reach %s is not known: it answers no echo request", m.seg.mtu, serverName(s.Addr)),
		})}
	}
	return []Result{m.about(s, m.tooLong(s, fmt.Sprintf("a packet of %d bytes does not reach %s; one of %d bytes does",
		m.seg.mtu, serverName(s.Addr), m.largest(s))))}
}

// largest returns the largest size that reached the server.
func (m *machine) largest(s Server) int {
	most := smallEcho
	for _, p := range m.probes {
		if p.protocol == frame.ProtocolICMP && p.dst == s.Addr && p.answer == answerAccepted {
			most = max(most, p.size)
		}
	}
	return most
}

func (m *machine) tooLong(s Server, what string) Result {
	return Result{
		Verdict: Wrong, Kind: PathMTU, What: what,
		Why:     "the director forwards what fits its own MTU: connections open and then hang with the first large request",
		Command: fmt.Sprintf("ip link set dev %s mtu %d", interfaceOf(s.Addr), m.seg.mtu),
	}
}
