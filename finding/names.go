package finding

import (
	"fmt"
	"net/netip"

	"lvsdr/frame"
)

// Server names a real server.
func Server(addr netip.Addr) string { return fmt.Sprintf("real server %v", addr) }

// Stranger names a MAC address that belongs to nobody known.
func Stranger(mac frame.MAC) string { return fmt.Sprintf("%v (%s)", mac, Vendor(mac)) }

// Known names a host with its MAC address.
func Known(name string, mac frame.MAC) string { return fmt.Sprintf("%s (%v)", name, mac) }

// Discovery names how hosts on a segment find an address of that family.
func Discovery(addr netip.Addr) string {
	if addr.Is4() {
		return "ARP"
	}
	return "neighbour discovery"
}

// The commands that several results name. They find the interface themselves.

// ApplyCommand sets a real server up for a VIP.
func ApplyCommand(vip netip.Addr) string {
	return fmt.Sprintf("director realserver apply --vip %v", vip)
}

// RemoveCommand takes an address away, wherever it is.
func RemoveCommand(addr netip.Addr) string {
	return fmt.Sprintf(`ip -o addr show to %v | while read -r _ dev _ prefix _; do ip addr del "$prefix" dev "$dev"; done`, addr)
}

// InterfaceOf is a shell expression for the interface that has an address.
func InterfaceOf(addr netip.Addr) string {
	return fmt.Sprintf(`"$(ip -o addr show to %v | awk '{print $2; exit}')"`, addr)
}

// RenewMACCommand gives the interface with an address a MAC address of its own, made
// of that address, which is unique on its segment.
func RenewMACCommand(addr netip.Addr) string {
	b := addr.As16()
	mac := frame.MAC{2, 0, b[12], b[13], b[14], b[15]}
	return fmt.Sprintf("ip link set dev %s address %v", InterfaceOf(addr), mac)
}
