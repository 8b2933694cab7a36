package config

import (
	"fmt"
	"net/netip"
)

// vipList reads the list behind vips: addresses without ports.
func (d *decoder) vipList(v value) (vips []netip.Addr) {
	first := make(map[netip.Addr]int)
	for _, item := range v.items("write a list of addresses, such as [192.0.2.10, 192.0.2.11]") {
		addr, ok := item.vip()
		if !ok {
			continue
		}
		if line, twice := first[addr]; twice {
			item.fail(fmt.Sprintf("%s is listed in line %d already", addr, line), "keep one of them")
			continue
		}
		first[addr] = item.at.line
		vips = append(vips, addr)
		d.owned = append(d.owned, vip{value: item, Address: Address{Addr: addr}})
	}
	return vips
}

// vip reads one VIP without a port.
func (v value) vip() (addr netip.Addr, ok bool) {
	text, ok := v.text("write an address, such as 192.0.2.10")
	if !ok {
		return addr, false
	}
	host, ports := splitPorts(text)
	if ports != "" {
		v.fail(quote(text)+" has a port", "write "+host+": a VIP here has no service")
		return addr, false
	}
	if addr, ok = v.ip(text, "192.0.2.10"); !ok {
		return addr, false
	}
	return addr, v.serves(addr)
}

// vipsOf are the VIPs of c, those without a service too.
func vipsOf(c *Config) map[netip.Addr]bool {
	vips := make(map[netip.Addr]bool)
	for _, a := range c.VIPs {
		vips[a] = true
	}
	for i := range c.Services {
		for _, a := range c.Services[i].Addresses {
			vips[a.Addr] = true
		}
	}
	return vips
}
