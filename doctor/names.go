package doctor

import (
	"net/netip"
	"slices"
	"strings"

	"lvsdr/finding"
	"lvsdr/frame"
)

// owners names whose a MAC address is.
type owners map[frame.MAC][]string

// owners returns the names of this host, the director and the real servers.
func (m *machine) owners() owners {
	o := owners{m.seg.mac: {finding.ThisHost}}
	d := m.o.Director
	for _, mac := range append(m.claims.macs(d.Addr), d.MAC) {
		if !mac.IsZero() {
			o[mac] = appendOnce(o[mac], "the director")
		}
	}
	for _, s := range m.o.servers() {
		for _, mac := range append(m.claims.macs(s.Addr), s.MAC) {
			if !mac.IsZero() {
				o[mac] = appendOnce(o[mac], finding.Server(s.Addr))
			}
		}
	}
	return o
}

// name is whose the address is, and the address.
func (o owners) name(mac frame.MAC) string {
	if names := o[mac]; len(names) > 0 {
		return finding.Known(strings.Join(names, " and "), mac)
	}
	return finding.Stranger(mac)
}

// serversAt returns those of the real servers that have the MAC address.
func (m *machine) serversAt(mac frame.MAC) []Server {
	var all []Server
	for _, s := range m.o.servers() {
		for _, has := range append(m.claims.macs(s.Addr), s.MAC) {
			if has == mac {
				all = append(all, s)
				break
			}
		}
	}
	return all
}

// isServer reports whether an address is a real server's.
func (m *machine) isServer(addr netip.Addr) bool {
	return slices.ContainsFunc(m.o.servers(), func(s Server) bool { return s.Addr == addr })
}
