package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/frame"
)

// checkServices finds what is wrong between services, and between the parts of
// one, when each part is right by itself.
func (d *decoder) checkServices(c *Config) {
	d.checkNames(c)
	d.checkMarks(c)
	d.checkOverlaps(c)
	d.checkRealServers()
	d.checkSorry(c)
	d.checkMACs(c)
	d.checkPorts(c)
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
		if same && a.overlaps(b.Address) {
			d.overlap(c, a, b)
		}
		if !same || b.LastPort > a.LastPort {
			far = i
		}
	}
}

const overlapRemedy = "list each address, port and protocol once"

// overlap records that a and b share a port, at the later of the two.
func (d *decoder) overlap(c *Config, a, b vip) {
	if b.at.before(a.at) {
		a, b = b, a
	}
	message := b.Address.overlap(b.protocol, a.Address, a.at.line)
	if a.service != b.service {
		message += ", service " + quote(c.Services[a.service].Name)
	}
	b.fail(message, overlapRemedy)
}

// checkRealServers: a frame sent to a VIP as if it were a server would come
// back, and a server counts once in a service.
func (d *decoder) checkRealServers() {
	vips := d.vipsByAddr()
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
			r.fail(fmt.Sprintf("%s is a VIP, see line %d", r.addr, v.at.line), ownAddress)
		case twice:
			r.fail(fmt.Sprintf("%s is a real server of this service in line %d already", r.addr, line), "keep one of them")
		default:
			first[id] = r.at.line
		}
	}
}

// vipsByAddr are the VIPs where the file names them first.
func (d *decoder) vipsByAddr() map[netip.Addr]vip {
	vips := make(map[netip.Addr]vip)
	for _, v := range slices.Concat(d.owned, d.vips) {
		if _, ok := vips[v.Addr]; !ok {
			vips[v.Addr] = v
		}
	}
	return vips
}

// ownAddress is what a real server has beside the VIP.
const ownAddress = "write the real server's own address"

// checkPorts: a probe goes to a port, and a service of any port has none.
func (d *decoder) checkPorts(c *Config) {
	for i := range c.Services {
		s := &c.Services[i]
		lacks := len(s.Addresses) > 0 && slices.ContainsFunc(s.RealServers, func(r RealServer) bool { return r.Port == 0 })
		if check := d.find(i, "check"); lacks && s.probesRealPort() && !d.failedIn(check.key) {
			check.fail(unknownPort, unknownPortRemedy)
		}
	}
}

// What is said of a check that would go to port 0.
const (
	unknownPort       = "goes to no port, since the service takes any"
	unknownPortRemedy = "add a port: to it, or write kind: none, or real servers with ports, such as 192.0.2.21:80"
)

// probesRealPort reports whether the service's check goes to the real servers'
// ports, so that they must have one.
func (s *Service) probesRealPort() bool { return s.Check.NeedsPort() && s.Check.Port == 0 }

// failedIn reports whether a key or what is below it has a mistake already.
func (d *decoder) failedIn(key string) bool {
	for bad := range d.bad {
		if bad == key || strings.HasPrefix(bad, key+".") {
			return true
		}
	}
	return false
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
