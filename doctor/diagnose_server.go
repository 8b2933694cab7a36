package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/frame"
)

// diagnoseServer judges one real server: its address, then each VIP, then the
// path to it.
func (m *machine) diagnoseServer(s Server, names owners) []Result {
	if m.seg.has(s.Addr) {
		return []Result{m.about(s, Result{
			Verdict: Unknown, Kind: ServerHere,
			What:    fmt.Sprintf("%s is this host, which cannot ask itself", serverName(s.Addr)),
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
func (m *machine) about(s Server, r Result) Result {
	r.Server = s.Addr.String()
	if mac := m.serverMAC(s); r.MAC == "" && !mac.IsZero() {
		r.MAC = mac.String()
	}
	if r.Command != "" && r.Host == "" {
		r.Host = serverName(s.Addr)
	}
	return r
}

// diagnoseAddress judges who answers ARP for the server's own address.
func (m *machine) diagnoseAddress(s Server, names owners) []Result {
	macs := m.claims.macs(s.Addr)
	switch {
	case len(macs) == 0 && s.MAC.IsZero():
		return []Result{m.about(s, Result{
			Verdict: Wrong, Kind: ServerAbsent,
			What:    fmt.Sprintf("nobody answers ARP for %s", serverName(s.Addr)),
			Why:     "it is down, on another segment, or has another address: the director has nowhere to send its frames",
			Command: "ip -br addr",
		})}
	case len(macs) > 1:
		var all []string
		for _, mac := range macs {
			all = append(all, fmt.Sprintf("%v (%s)", mac, vendor(mac)))
		}
		return []Result{m.about(s, Result{
			Verdict: Wrong, Kind: ServerAddress,
			What:    fmt.Sprintf("%d hosts answer ARP for %s: %s", len(macs), serverName(s.Addr), strings.Join(all, ", ")),
			Why:     "its frames go to one of them, by chance",
			Host:    "the one of them that is not to have the address",
			Command: removeCommand(s.Addr),
		})}
	case len(macs) == 1 && !s.MAC.IsZero() && s.MAC != macs[0]:
		return []Result{m.about(s, Result{
			Verdict: Wrong, Kind: ServerPinned, MAC: macs[0].String(),
			What:    fmt.Sprintf("%s has %s, but the configuration says %v", serverName(s.Addr), names.name(macs[0]), s.MAC),
			Why:     "the director sends its frames to the configured address",
			Host:    "the director",
			Command: fmt.Sprintf("sed -i 's/%v/%v/I' /etc/director/director.yaml && director reload", s.MAC, macs[0]),
		})}
	}
	return nil
}

// diagnoseMACs finds real servers that share a MAC address.
func (m *machine) diagnoseMACs() []Result {
	var results []Result
	seen := make(map[frame.MAC]bool)
	for _, s := range m.o.servers() {
		mac := m.serverMAC(s)
		if mac.IsZero() || seen[mac] {
			continue
		}
		seen[mac] = true
		var addrs []string
		var last netip.Addr
		for _, other := range m.serversAt(mac) {
			addrs, last = append(addrs, other.Addr.String()), other.Addr
		}
		if len(addrs) < 2 {
			continue
		}
		results = append(results, Result{
			Verdict: Wrong, Kind: ServerMAC, Server: last.String(), MAC: mac.String(),
			What: fmt.Sprintf("the real servers %s have one MAC address, %v (%s)", strings.Join(addrs, " and "), mac, vendor(mac)),
			Why:  "copies of one machine, between which a switch delivers by chance; or one host with both addresses, or a router that answers for them",
			Host: serverName(last),
			Command: fmt.Sprintf("ip link set dev %s address %v",
				interfaceOf(last), freshMAC(last)),
		})
	}
	return results
}

// freshMAC is a locally administered address made of an IP address, which is unique
// on its segment.
func freshMAC(addr netip.Addr) frame.MAC {
	b := addr.As4()
	return frame.MAC{2, 0, b[0], b[1], b[2], b[3]}
}
