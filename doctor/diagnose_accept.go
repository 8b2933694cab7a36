package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/finding"
	"lvsdr/frame"
)

// diagnoseVIPAt judges whether a real server takes packets for a VIP, and then
// its services there.
func (m *machine) diagnoseVIPAt(s Server, vip netip.Addr, names owners) []finding.Result {
	probes := m.probesAt(s, vip)
	if len(probes) == 0 {
		return nil
	}
	if r := m.refusesVIP(s, vip, probes, names); r.Verdict != "" {
		r.VIP = vip.String()
		return []finding.Result{m.about(s, r)}
	}
	var results []finding.Result
	var seen []string
	verdict := finding.OK
	for _, p := range probes {
		r := m.judgeService(s, p)
		switch {
		case r.Verdict != "":
			r.VIP = vip.String()
			results = append(results, m.about(s, r))
		case p.answer.taken():
			seen = append(seen, p.String())
		}
		if r.Verdict == finding.Wrong {
			verdict = finding.Wrong
		}
	}
	if verdict == finding.Wrong {
		return results
	}
	return append([]finding.Result{m.about(s, finding.Result{
		Verdict: finding.OK, Kind: finding.ServerAccepts, VIP: vip.String(),
		What: fmt.Sprintf("%s takes the VIP %v: %s", finding.Server(s.Addr), vip, strings.Join(seen, ", ")),
	})}, results...)
}

// probesAt returns what a real server was asked about a VIP.
func (m *machine) probesAt(s Server, vip netip.Addr) []*probe {
	var all []*probe
	for _, p := range m.probes {
		if p.server == s.Addr && p.dst == vip {
			all = append(all, p)
		}
	}
	return all
}

// refusesVIP says what is wrong if the server takes nothing for the VIP; else its
// result has no verdict.
func (m *machine) refusesVIP(s Server, vip netip.Addr, probes []*probe, names owners) finding.Result {
	for _, p := range probes {
		if p.answer.taken() && m.passedOn(p) {
			return finding.Result{
				Verdict: finding.Wrong, Kind: finding.ServerPassesOn, MAC: p.from.String(),
				What: fmt.Sprintf("%s to %v, sent to %s, was answered by %s",
					p.question, vip, finding.Server(s.Addr), names.name(p.from)),
				Why:     "the server does not take the VIP but forwards it to that host",
				Command: finding.ApplyCommand(vip),
			}
		}
	}
	for _, p := range probes {
		if p.answer.taken() {
			return finding.Result{}
		}
	}
	for _, p := range probes {
		switch {
		case p.expired:
			return finding.Result{
				Verdict: finding.Wrong, Kind: finding.ServerForwards,
				What:    fmt.Sprintf("%s forwards packets to the VIP %v instead of taking them", finding.Server(s.Addr), vip),
				Why:     "the VIP is not an address of it, and it is a router: packets wander, and clients that are sent there hang",
				Command: finding.ApplyCommand(vip),
			}
		case p.answer == answerRejected:
			return m.rejects(s, p, "a firewall rejects it, or the server has no route for it: clients that are sent there fail")
		}
	}
	if m.saysLittle(s, probes) {
		return finding.Result{
			Verdict: finding.Unknown, Kind: finding.ServiceUntested,
			What: fmt.Sprintf("whether %s takes the VIP %v is not known: %s", finding.Server(s.Addr), vip, tries(probes)),
			Why:  "it answers no echo request, and a UDP service need not answer: it may lack the VIP, or be quiet",
		}
	}
	return finding.Result{
		Verdict: finding.Wrong, Kind: finding.ServerLacksVIP,
		What: fmt.Sprintf("%s answers nothing that is sent to it for the VIP %v: %s",
			finding.Server(s.Addr), vip, tries(probes)),
		Why:     "it lacks the VIP, or a firewall drops it: clients that are sent there hang",
		Command: finding.ApplyCommand(vip),
	}
}

// saysLittle reports whether the server would not have answered these probes anyway: it
// answers no echo of its own address, and there was no SYN.
func (m *machine) saysLittle(s Server, probes []*probe) bool {
	own := m.echo(s, smallEcho(s.Addr))
	if own == nil || own.answer == answerAccepted {
		return false
	}
	return !slices.ContainsFunc(probes, func(p *probe) bool { return p.protocol == frame.ProtocolTCP })
}

func (m *machine) rejects(s Server, p *probe, why string) finding.Result {
	return finding.Result{
		Verdict: finding.Wrong, Kind: finding.ServerRejects, Why: why,
		What: fmt.Sprintf("%s answers %s to the VIP %v with destination unreachable, code %d",
			finding.Server(s.Addr), p.question, p.dst, p.code),
		Command: "nft list ruleset",
	}
}

// passedOn reports whether somebody else on this segment answered. An unknown
// MAC address may be another interface of the server, or its gateway.
func (m *machine) passedOn(p *probe) bool {
	return p.from != p.mac && (m.isDirector(p.from) || len(m.serversAt(p.from)) > 0)
}

// tries lists what was tried.
func tries(probes []*probe) string {
	var all []string
	for _, p := range probes {
		all = appendOnce(all, p.question.String())
	}
	return "tried " + strings.Join(all, ", ")
}

// judgeService says what is wrong with a service of a server that takes the VIP, or
// not known of it; else its result has no verdict.
func (m *machine) judgeService(s Server, p *probe) finding.Result {
	program := map[uint8]string{frame.ProtocolTCP: "ss -ltnp", frame.ProtocolUDP: "ss -lunp"}[p.protocol]
	switch {
	case program == "" || m.anyPort(p) || p.answer == answerAccepted:
		return finding.Result{}
	case p.answer == answerRefused:
		return finding.Result{
			Verdict: finding.Wrong, Kind: finding.ServiceRefused,
			What:    fmt.Sprintf("%s takes the VIP %v, but answers %s with %s", finding.Server(s.Addr), p.dst, p.question, p.refusal()),
			Why:     "nothing listens on that port of the VIP or of any address: clients that are sent there are refused",
			Command: fmt.Sprintf("%s 'sport = :%d'", program, p.port),
		}
	case p.answer == answerRejected:
		return m.rejects(s, p, "a firewall rejects it: clients that are sent there fail")
	case p.protocol == frame.ProtocolUDP:
		return finding.Result{
			Verdict: finding.Unknown, Kind: finding.ServiceUntested,
			What:    fmt.Sprintf("%s takes the VIP %v, but does not answer %s", finding.Server(s.Addr), p.dst, p.question),
			Why:     "a UDP service need not answer what it does not understand; most hosts would say if nothing listened there",
			Command: fmt.Sprintf("%s 'sport = :%d'", program, p.port),
		}
	}
	return finding.Result{
		Verdict: finding.Wrong, Kind: finding.ServiceSilent,
		What:    fmt.Sprintf("%s takes the VIP %v, but does not answer %s", finding.Server(s.Addr), p.dst, p.question),
		Why:     "a firewall drops it, or the service's queue is full: clients that are sent there hang",
		Command: fmt.Sprintf("nft list ruleset; ss -ltn 'sport = :%d'", p.port),
	}
}

func (p *probe) refusal() string {
	if p.protocol == frame.ProtocolTCP {
		return "RST"
	}
	return "port unreachable"
}

// anyPort reports whether the port was only tried for want of another.
func (m *machine) anyPort(p *probe) bool {
	for _, service := range m.o.Services {
		if service.VIP == p.dst && service.Protocol == p.protocol && service.Port <= p.port && p.port <= max(service.Port, service.LastPort) {
			return false
		}
	}
	return true
}
