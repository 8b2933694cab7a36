package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/frame"
)

// owners names whose a MAC address is.
type owners map[frame.MAC][]string

// owners returns the names of this host, the director and the real servers.
func (m *machine) owners() owners {
	o := owners{m.seg.mac: {"this host"}}
	d := m.o.Director
	for _, mac := range append(m.claims.macs(d.Addr), d.MAC) {
		if !mac.IsZero() {
			o[mac] = appendOnce(o[mac], "the director")
		}
	}
	for _, s := range m.o.servers() {
		for _, mac := range append(m.claims.macs(s.Addr), s.MAC) {
			if !mac.IsZero() {
				o[mac] = appendOnce(o[mac], serverName(s.Addr))
			}
		}
	}
	return o
}

func serverName(addr netip.Addr) string { return fmt.Sprintf("real server %v", addr) }

// name is whose the address is, and the address.
func (o owners) name(mac frame.MAC) string {
	if names := o[mac]; len(names) > 0 {
		return fmt.Sprintf("%s (%v)", strings.Join(names, " and "), mac)
	}
	return fmt.Sprintf("%v (%s)", mac, vendor(mac))
}

// servers returns those of the real servers that have the MAC address.
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

// The commands that several results name. They find the interface themselves.

func applyCommand(vip netip.Addr) string {
	return fmt.Sprintf("director realserver apply --vip %v", vip)
}

func removeCommand(addr netip.Addr) string {
	return fmt.Sprintf(`ip -o addr show to %v | while read -r _ dev _ prefix _; do ip addr del "$prefix" dev "$dev"; done`, addr)
}

// interfaceOf is a shell expression for the interface that has an address.
func interfaceOf(addr netip.Addr) string {
	return fmt.Sprintf(`"$(ip -o addr show to %v | awk '{print $2; exit}')"`, addr)
}
