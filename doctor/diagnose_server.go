package doctor

import (
	"fmt"
	"net/netip"

	"lvsdr/finding"
	"lvsdr/frame"
)

// diagnoseServer judges one real server: its address, then each VIP, then the
// path to it.
func (m *machine) diagnoseServer(s Server, names owners) []finding.Result {
	if m.seg.has(s.Addr) {
		return []finding.Result{m.about(s, finding.Result{
			Verdict: finding.Unknown, Kind: finding.ServerHere,
			What:    fmt.Sprintf("%s is this host, which cannot ask itself", finding.Server(s.Addr)),
			Why:     "if the director is here too: it cannot be its own real server",
			Command: "director realserver check",
		})}
	}
	results := m.diagnoseAddress(s, names)
	if m.serverMAC(s).IsZero() {
		return results
	}
	for _, vip := range m.o.vips() {
		results = append(results, m.diagnoseVIPAt(s, vip, names)...)
	}
	return append(results, m.diagnosePath(s)...)
}

// about fills in the real server and, where none is named, that the command is
// for it.
func (m *machine) about(s Server, r finding.Result) finding.Result {
	r.Server = s.Addr.String()
	if mac := m.serverMAC(s); r.MAC == "" && !mac.IsZero() {
		r.MAC = mac.String()
	}
	if r.Command != "" && r.Host == "" {
		r.Host = finding.Server(s.Addr)
	}
	return r
}

// diagnoseAddress judges who answers for the server's own address.
func (m *machine) diagnoseAddress(s Server, names owners) []finding.Result {
	macs := m.claims.macs(s.Addr)
	switch {
	case len(macs) == 0 && s.MAC.IsZero():
		return []finding.Result{m.about(s, finding.Result{
			Verdict: finding.Wrong, Kind: finding.ServerAbsent,
			What:    fmt.Sprintf("nobody answers %s for %s", finding.Discovery(s.Addr), finding.Server(s.Addr)),
			Why:     "it is down, on another segment, or has another address: the director has nowhere to send its frames",
			Command: "ip -br addr",
		})}
	case len(macs) > 1:
		return []finding.Result{m.about(s, finding.AddressTwice(s.Addr, macs))}
	case len(macs) == 1 && !s.MAC.IsZero() && s.MAC != macs[0]:
		return []finding.Result{m.about(s, finding.Result{
			Verdict: finding.Wrong, Kind: finding.ServerPinned, MAC: macs[0].String(),
			What:    fmt.Sprintf("%s has %s, but the configuration says %v", finding.Server(s.Addr), names.name(macs[0]), s.MAC),
			Why:     "the director sends its frames to the configured address",
			Host:    "the director",
			Command: fmt.Sprintf("sed -i 's/%v/%v/I' /etc/director/director.yaml && director reload", s.MAC, macs[0]),
		})}
	}
	return nil
}

// diagnoseMACs finds real servers that share a MAC address, with each other or with
// the director. One host's IPv4 and IPv6 addresses may.
func (m *machine) diagnoseMACs() []finding.Result {
	type group struct {
		mac frame.MAC
		is4 bool
	}
	var results []finding.Result
	seen := make(map[group]bool)
	for _, s := range m.o.servers() {
		for _, mac := range append(m.claims.macs(s.Addr), s.MAC) {
			g := group{mac, s.Addr.Is4()}
			if mac.IsZero() || seen[g] {
				continue
			}
			seen[g] = true
			var addrs []netip.Addr
			for _, other := range m.serversAt(mac) {
				if other.Addr.Is4() == g.is4 && !m.seg.has(other.Addr) {
					addrs = append(addrs, other.Addr)
				}
			}
			if r, shared := m.shared(mac, addrs); shared {
				results = append(results, r)
			}
		}
	}
	return results
}

// shared judges real servers with one MAC address.
func (m *machine) shared(mac frame.MAC, servers []netip.Addr) (r finding.Result, wrong bool) {
	other := ""
	switch {
	case m.isDirector(mac), mac == m.seg.mac && m.o.Director.Here():
		other = "the director"
	case mac == m.seg.mac:
		other = finding.ThisHost
	}
	if len(servers) == 0 || other == "" && len(servers) < 2 {
		return r, false
	}
	return finding.SharedMAC(mac, other, servers...), true
}
