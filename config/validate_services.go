package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"lvsdr/frame"
)

// checkServices finds what is wrong between services, and between the parts of
// one, when each part is right by itself.
func (d *decoder) checkServices(c *Config) {
	d.checkNames(c)
	d.checkMarks(c)
	d.checkOverlaps(c)
	d.checkRealServers()
	d.checkMACs(c)
}

// checkNames: a name is how operators and metrics tell services apart.
func (d *decoder) checkNames(c *Config) {
	first := make(map[string]int)
	for i := range c.Services {
		name := c.Services[i].Name
		if j, taken := first[name]; taken {
			d.find(i, "name").fail(fmt.Sprintf("%s is also the name of the service in line %d", quote(name), c.Services[j].Line),
				"give each service a name of its own")
		} else if name != "" {
			first[name] = i
		}
	}
}

// checkMarks: a mark names one service, as a firewall mark does in ipvsadm.
func (d *decoder) checkMarks(c *Config) {
	first := make(map[uint32]int)
	for i := range c.Services {
		mark := c.Services[i].Mark
		if j, taken := first[mark]; taken {
			d.find(i, "mark").fail(fmt.Sprintf("%d is also the mark of the service in line %d", mark, c.Services[j].Line),
				"give each service a mark of its own; one service can have several addresses")
		} else if mark != 0 {
			first[mark] = i
		}
	}
}

// find returns a key of service i, placed at the service if the file leaves the
// key out.
func (d *decoder) find(i int, key string) value {
	service := fmt.Sprintf("services[%d]", i)
	v := value{d: d, key: join(service, key)}
	at, ok := d.where[v.key]
	if !ok {
		at = d.where[service]
	}
	v.at = at
	return v
}

// checkOverlaps: a frame belongs to one service. VIPs are sorted by address,
// protocol and port, and each is compared with the one before it that reaches
// furthest.
func (d *decoder) checkOverlaps(c *Config) {
	vips := slices.DeleteFunc(slices.Clone(d.vips), func(v vip) bool { return v.protocol == "" })
	slices.SortStableFunc(vips, func(a, b vip) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.FirstPort, b.FirstPort))
	})
	for i, far := 1, 0; i < len(vips); i++ {
		a, b := vips[far], vips[i]
		same := a.Addr == b.Addr && a.protocol == b.protocol
		if same && b.FirstPort <= a.LastPort {
			d.overlap(c, a, b)
		}
		if !same || b.LastPort > a.LastPort {
			far = i
		}
	}
}

// overlap records that a and b share a port, at the later of the two.
func (d *decoder) overlap(c *Config, a, b vip) {
	if b.at.before(a.at) {
		a, b = b, a
	}
	message := fmt.Sprintf("%s/%s is listed in line %d already", b.Address, b.protocol, a.at.line)
	if a.Address != b.Address {
		message = fmt.Sprintf("%s/%s overlaps with %s in line %d", b.Address, b.protocol, a.Address, a.at.line)
	}
	if a.service != b.service {
		message += ", service " + quote(c.Services[a.service].Name)
	}
	b.fail(message, "list each address, port and protocol once")
}

// checkRealServers: a frame sent to a VIP as if it were a server would come
// back, and a server counts once in a service.
func (d *decoder) checkRealServers() {
	vips := make(map[netip.Addr]vip)
	for _, v := range d.vips {
		if _, ok := vips[v.Addr]; !ok {
			vips[v.Addr] = v
		}
	}
	type identity struct {
		service int
		addr    netip.Addr
	}
	first := make(map[identity]int)
	for _, r := range d.rips {
		id := identity{r.service, r.addr}
		v, isVIP := vips[r.addr]
		line, twice := first[id]
		switch {
		case isVIP:
			r.fail(fmt.Sprintf("%s is a VIP, see line %d", r.addr, v.at.line), "write the real server's own address")
		case twice:
			r.fail(fmt.Sprintf("%s is a real server of this service in line %d already", r.addr, line), "keep one of them")
		default:
			first[id] = r.at.line
		}
	}
}

// checkMACs: a host has one MAC on a segment, whatever service it is in, and
// it is not the director's.
func (d *decoder) checkMACs(c *Config) {
	first := make(map[netip.Addr]rip)
	for _, r := range d.rips {
		other, pinned := first[r.addr]
		switch {
		case r.mac.IsZero():
		case c.MAC == MACVirtual && r.mac == virtualMAC(c.RouterID):
			r.macAt.fail(r.mac.String()+" is the director's own virtual MAC", "write the real server's")
		case pinned && other.mac != r.mac:
			r.macAt.fail(fmt.Sprintf("%s has the MAC %s in line %d", r.addr, other.mac, other.macAt.at.line),
				"write the same MAC in both places")
		case !pinned:
			first[r.addr] = r
		}
	}
}

// virtualMAC is the virtual router's for IPv4 (RFC 9568, 7.3).
func virtualMAC(id uint8) frame.MAC { return frame.MAC{0x00, 0x00, 0x5e, 0x00, 0x01, id} }
