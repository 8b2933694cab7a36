package doctor

import (
	"fmt"
	"net/netip"

	"lvsdr/frame"
)

// diagnose says what was heard means.
func (m *machine) diagnose() []Result {
	names := m.owners()
	var results []Result
	for _, vip := range m.o.vips() {
		results = append(results, m.diagnoseVIP(vip, names)...)
	}
	results = append(results, m.diagnoseMACs()...)
	for _, s := range m.o.servers() {
		results = append(results, m.diagnoseServer(s, names)...)
	}
	return results
}

// isDirector reports whether an answer for a VIP is the director's.
func (m *machine) isDirector(mac frame.MAC) bool {
	d := m.o.Director
	if mac == d.MAC {
		return true
	}
	for _, own := range m.claims.macs(d.Addr) {
		if mac == own {
			return true
		}
	}
	return false
}

// diagnoseVIP judges who has the VIP in ARP.
func (m *machine) diagnoseVIP(vip netip.Addr, names owners) []Result {
	var wrong []Result
	answered := false
	owner := "this host"
	for _, c := range m.claims.of[vip] {
		switch servers := m.serversAt(c.mac); {
		case len(servers) > 0:
			wrong = append(wrong, atServer(vip, c, servers[0], names))
		case m.isDirector(c.mac):
			answered = answered || c.answered
			owner = names.name(c.mac)
		default:
			wrong = append(wrong, m.elsewhere(vip, c, names))
		}
	}
	if !answered && !m.o.Director.Here() && !m.o.Egress {
		wrong = append(wrong, Result{
			Verdict: Wrong, Kind: VIPUnanswered, VIP: vip.String(),
			What:    fmt.Sprintf("the director does not answer ARP for the VIP %v", vip),
			Why:     "clients do not find the VIP, or find another host that has it",
			Host:    "the director",
			Command: "director status",
		})
	}
	if len(wrong) > 0 {
		return wrong
	}
	what := fmt.Sprintf("%v: %s alone answers ARP for it", vip, owner)
	if m.o.Egress || m.o.Director.Here() {
		what = fmt.Sprintf("%v: no other host answers ARP for it", vip)
	}
	return []Result{{Verdict: OK, Kind: VIPOwner, VIP: vip.String(), What: what}}
}

// how says what a host did to claim an address.
func (c claim) how(vip netip.Addr) string {
	if c.answered {
		return fmt.Sprintf("answers ARP for the VIP %v", vip)
	}
	return fmt.Sprintf("asks or announces in ARP with the VIP %v as its own address", vip)
}

func atServer(vip netip.Addr, c claim, s Server, names owners) Result {
	return Result{
		Verdict: Wrong, Kind: VIPAtServer, VIP: vip.String(), Server: s.Addr.String(), MAC: c.mac.String(),
		What:    names.name(c.mac) + " " + c.how(vip),
		Why:     "clients that hear it send all their traffic to that server, past the director",
		Host:    serverName(s.Addr),
		Command: removeCommand(vip) + "; " + applyCommand(vip),
	}
}

func (m *machine) elsewhere(vip netip.Addr, c claim, names owners) Result {
	r := Result{
		Verdict: Wrong, Kind: VIPElsewhere, VIP: vip.String(), MAC: c.mac.String(),
		What:    fmt.Sprintf("a host that is neither the director nor a real server, %s, %s", names.name(c.mac), c.how(vip)),
		Why:     "clients that hear it send their traffic there",
		Host:    "the host with " + c.mac.String(),
		Command: removeCommand(vip),
	}
	if m.o.Director.Here() {
		r.Why += "; if it is the director's host, say --director"
	}
	return r
}
