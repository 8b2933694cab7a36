package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// unresolved are the states in which an entry's MAC address is not used.
const unresolved = netlink.NUD_INCOMPLETE | netlink.NUD_FAILED | netlink.NUD_NOARP

// Neighbor returns the MAC address to which the host sends frames for that
// address, from its ARP or neighbour cache, or nil if it knows none.
func (h *Host) Neighbor(addr netip.Addr) net.HardwareAddr {
	var mac net.HardwareAddr
	err := h.ns.rtnetlink(func(nl *netlink.Handle) error {
		entries, err := nl.NeighList(0, family(addr))
		for _, entry := range entries {
			if entry.State&unresolved == 0 && entry.IP.Equal(addr.AsSlice()) {
				mac = entry.HardwareAddr
			}
		}
		return err
	})
	h.lab.fail(h.name+": read neighbours", err)
	return mac
}

// SetNeighbor adds or replaces a permanent neighbour, which the host never asks
// for.
func (h *Host) SetNeighbor(dev string, addr netip.Addr, mac net.HardwareAddr) {
	op := fmt.Sprintf("set neighbour %v at %v", addr, mac)
	h.Interface(dev).change(op, func(nl *netlink.Handle, link netlink.Link) error {
		return nl.NeighSet(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, Family: family(addr), State: netlink.NUD_PERMANENT,
			IP: addr.AsSlice(), HardwareAddr: mac,
		})
	})
}

// FlushNeighbors empties the ARP and the neighbour cache but for permanent
// entries.
func (h *Host) FlushNeighbors() {
	err := h.ns.rtnetlink(func(nl *netlink.Handle) error {
		var all error
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			entries, err := nl.NeighList(0, family)
			all = errors.Join(all, err)
			for _, entry := range entries {
				if entry.State&(netlink.NUD_PERMANENT|netlink.NUD_NOARP) != 0 {
					continue
				}
				if err := nl.NeighDel(&entry); err != nil && !errors.Is(err, unix.ENOENT) {
					all = errors.Join(all, err)
				}
			}
		}
		return all
	})
	h.lab.fail(h.name+": flush neighbours", err)
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
