package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"lvsdr/finding"
	"lvsdr/frame"
)

// diagnose says what was heard means.
func (m *machine) diagnose() []finding.Result {
	names := m.owners()
	results := m.diagnoseSources()
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

// diagnoseVIP judges who has the VIP in ARP or neighbour discovery.
func (m *machine) diagnoseVIP(vip netip.Addr, names owners) []finding.Result {
	var wrong []finding.Result
	answered := false
	owner := "this host"
	for _, c := range m.claims.of[vip] {
		switch servers := m.serversAt(c.mac); {
		case m.isDirector(c.mac):
			answered = answered || c.how == finding.Answers
			owner = names.name(c.mac)
		case c.mac == m.seg.mac: // a copy of this host, or what comes back to it
		case len(servers) > 0:
			wrong = append(wrong, finding.ServerClaims(vip, servers[0].Addr, names.name(c.mac), c.mac, c.how))
		default:
			wrong = append(wrong, m.elsewhere(vip, c, names))
		}
	}
	if !answered && !m.o.Director.Here() && !m.o.behind() {
		wrong = append(wrong, finding.Result{
			Verdict: finding.Wrong, Kind: finding.VIPUnanswered, VIP: vip.String(),
			What:    fmt.Sprintf("the director does not answer %s for the VIP %v", finding.Discovery(vip), vip),
			Why:     "clients do not find the VIP, or find another host that has it",
			Host:    "the director",
			Command: "director status",
		})
	}
	if len(wrong) > 0 {
		return wrong
	}
	by := finding.Discovery(vip)
	what := fmt.Sprintf("%v: %s alone answers %s for it", vip, owner, by)
	if m.o.behind() || m.o.Director.Here() {
		what = fmt.Sprintf("%v: no other host answers %s for it", vip, by)
	}
	return []finding.Result{{Verdict: finding.OK, Kind: finding.VIPOwner, VIP: vip.String(), What: what}}
}

func (m *machine) elsewhere(vip netip.Addr, c claim, names owners) finding.Result {
	r := finding.StrangerClaims(vip, names.name(c.mac), c.mac, c.how)
	if m.o.Director.Here() {
		r.Why += "; if it is the director's host, say --director"
	}
	return r
}

// diagnoseSources says for which VIPs this host has no address to ask from.
func (m *machine) diagnoseSources() []finding.Result {
	var results []finding.Result
	for _, family := range []string{"IPv4", "IPv6"} {
		asked := func(s Service) bool { return len(s.Servers) > 0 && s.VIP.Is4() == (family == "IPv4") }
		i := slices.IndexFunc(m.o.Services, asked)
		if i < 0 || m.seg.source(m.o.Services[i].VIP).IsValid() {
			continue
		}
		results = append(results, finding.Result{
			Verdict: finding.Unknown, Kind: finding.HostNoAddress,
			What:    fmt.Sprintf("%s has no %s address: what the real servers take of the %s VIPs cannot be asked", m.seg.name, family, family),
			Why:     "their answers would not find the way back",
			Host:    finding.ThisHost,
			Command: fmt.Sprintf("ip addr add ADDRESS/BITS dev %s", finding.ShellWord(m.seg.name)),
		})
	}
	return results
}
