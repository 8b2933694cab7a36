package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/frame"
)

// diagnoseVIPAt judges whether a real server takes packets for a VIP, and then
// its services there.
func (m *machine) diagnoseVIPAt(s Server, vip netip.Addr, names owners) []Result {
	probes := m.probesAt(s, vip)
	if len(probes) == 0 {
		return nil
	}
	if r, wrong := m.refusesVIP(s, vip, probes, names); wrong {
		r.Verdict, r.VIP = Wrong, vip.String()
		return []Result{m.about(s, r)}
	}
	var results []Result
	var seen []string
	for _, p := range probes {
		if r, wrong := m.failsService(s, p); wrong {
			r.Verdict, r.VIP = Wrong, vip.String()
			results = append(results, m.about(s, r))
		} else if p.answer.taken() {
			seen = append(seen, p.String())
		}
	}
	if len(results) > 0 {
		return results
	}
	return []Result{m.about(s, Result{
		Verdict: OK, Kind: ServerAccepts, VIP: vip.String(),
		What: fmt.Sprintf("%s takes the VIP %v: %s", serverName(s.Addr), vip, strings.Join(seen, ", ")),
	})}
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

// refusesVIP says what is wrong if the server takes nothing for the VIP.
func (m *machine) refusesVIP(s Server, vip netip.Addr, probes []*probe, names owners) (Result, bool) {
	for _, p := range probes {
		if p.answer.taken() && m.passedOn(p) {
			return Result{
				Kind: ServerPassesOn, MAC: p.from.String(),
				What: fmt.Sprintf("%s to %v, sent to %s, was answered by %s",
					p.question, vip, serverName(s.Addr), names.name(p.from)),
				Why:     "the server does not take the VIP but forwards it to that host",
				Command: applyCommand(vip),
			}, true
		}
	}
	for _, p := range probes {
		if p.answer.taken() {
			return Result{}, false
		}
	}
	for _, p := range probes {
		switch {
		case p.expired:
			return Result{
				Kind:    ServerForwards,
				What:    fmt.Sprintf("%s forwards packets to the VIP %v instead of taking them", serverName(s.Addr), vip),
				Why:     "the VIP is not an address of it, and it is a router: packets wander, and clients that are sent there hang",
				Command: applyCommand(vip),
			}, true
		case p.answer == answerRejected:
			return Result{
				Kind: ServerRejects,
				What: fmt.Sprintf("%s answers %s to the VIP %v with destination unreachable, code %d",
					serverName(s.Addr), p.question, vip, p.code),
				Why:     "a firewall rejects it, or the server has no route for it: clients that are sent there fail",
				Command: "nft list ruleset",
			}, true
		}
	}
	return Result{
		Kind: ServerLacksVIP,
		What: fmt.Sprintf("%s answers nothing that is sent to it for the VIP %v: %s",
			serverName(s.Addr), vip, tries(probes)),
		Why:     "it lacks the VIP, or a firewall drops it: clients that are sent there hang",
		Command: applyCommand(vip),
	}, true
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

// failsService says what is wrong with a service of a server that takes the VIP.
func (m *machine) failsService(s Server, p *probe) (Result, bool) {
	program := map[uint8]string{frame.ProtocolTCP: "ss -ltnp", frame.ProtocolUDP: "ss -lunp"}[p.protocol]
	switch {
	case program == "" || m.anyPort(p):
		return Result{}, false
	case p.answer == answerRefused:
		return Result{
			Kind:    ServiceRefused,
			What:    fmt.Sprintf("%s takes the VIP %v, but answers %s with %s", serverName(s.Addr), p.dst, p.question, p.refusal()),
			Why:     "nothing listens on that port of the VIP or of any address: clients that are sent there are refused",
			Command: fmt.Sprintf("%s 'sport = :%d'", program, p.port),
		}, true
	case p.answer == answerAccepted || p.protocol == frame.ProtocolUDP && p.answer == silence:
		return Result{}, false // a service need not answer an empty datagram
	case p.answer == answerRejected:
		return Result{
			Kind: ServerRejects,
			What: fmt.Sprintf("%s answers %s to the VIP %v with destination unreachable, code %d",
				serverName(s.Addr), p.question, p.dst, p.code),
			Why:     "a firewall rejects it: clients that are sent there fail",
			Command: "nft list ruleset",
		}, true
	}
	return Result{
		Kind:    ServiceSilent,
		What:    fmt.Sprintf("%s takes the VIP %v, but does not answer %s", serverName(s.Addr), p.dst, p.question),
		Why:     "a firewall drops it, or the service's queue is full: clients that are sent there hang",
		Command: fmt.Sprintf("nft list ruleset; ss -ltn 'sport = :%d'", p.port),
	}, true
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
		if service.VIP == p.dst && service.Protocol == p.protocol && service.Port == p.port {
			return false
		}
	}
	return true
}
