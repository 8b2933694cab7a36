package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"lvsdr/frame"
)

// rip is a real server that has been read, for what is checked between
// services. Its value is the address's.
type rip struct {
	value
	addr    netip.Addr
	service int
	mac     frame.MAC
	macAt   value
}

// realServers reads the list behind real_servers. family is BitLen of the
// service's VIPs, 0 if not known.
func (d *decoder) realServers(v value, svc *Service, service, family int) {
	for _, item := range v.items("write a list of real servers, such as [192.0.2.21, 192.0.2.22]") {
		if rs, ok := d.realServer(item, svc, service, family); ok {
			svc.RealServers = append(svc.RealServers, rs)
		}
	}
}

// realServer reads one entry: an address, or a mapping. ok is false if it has
// no usable address.
func (d *decoder) realServer(v value, svc *Service, service, family int) (rs RealServer, ok bool) {
	if !v.present() {
		return rs, false
	}
	rs = RealServer{Weight: defaultWeight, Line: v.at.line}
	addr := v
	var s section
	if v.node.Kind != yaml.ScalarNode || v.isNull() {
		if v.isNull() {
			v.wrongType("write a real server, or remove the dash")
			return rs, false
		}
		s = v.section(realServerKeys)
		s.realServer(&rs)
		addr = s.get("address")
	}
	if !addr.present() && !addr.failed() && !s.broken {
		addr.fail("is missing", "write the real server's address, such as address: 192.0.2.21")
	}
	if rs.Addr, rs.Port, ok = addr.realAddress(svc, family); ok {
		d.rips = append(d.rips, rip{addr, rs.Addr, service, rs.MAC, s.get("mac")})
	}
	return rs, ok
}

// realServer reads all of a mapping but its address.
func (s section) realServer(rs *RealServer) {
	rs.Weight = s.get("weight").integer(defaultWeight, 0, 65535)
	upper, lower := s.get("upper"), s.get("lower")
	rs.Upper = upper.integer(0, 0, maxConnections)
	rs.Lower = lower.integer(0, 0, maxConnections)
	if rs.Lower > rs.Upper && !upper.failed() {
		lower.fail(fmt.Sprintf("%d is above upper (%d)", rs.Lower, rs.Upper),
			"write a lower that is at most upper, or 0 for three quarters of it")
	}
	rs.MAC = s.get("mac").mac()
}

// realAddress reads IP or IP:PORT. Without a port, checks go to the service's
// first one.
func (v value) realAddress(svc *Service, family int) (addr netip.Addr, port uint16, ok bool) {
	addr, ports, ok := v.realHost(family)
	switch {
	case !ok || ports == nil:
		return addr, svc.firstPort(), ok
	case !v.realPort(*ports, 1, &port):
		return addr, 0, false
	case len(svc.Addresses) > 0 && !svc.hasPort(port):
		v.fail(fmt.Sprintf("port %d is not a port of the service, and direct routing cannot translate ports", port),
			"remove the port, or let the server listen on the service's")
		return addr, 0, false
	}
	return addr, port, true
}

// realHost reads the address of IP or IP:PORT, and returns the text of the port,
// nil if there is none.
func (v value) realHost(family int) (addr netip.Addr, ports *string, ok bool) {
	text, ok := v.text("write the real server's address, such as 192.0.2.21")
	if !ok {
		return addr, nil, false
	}
	host, port := splitPorts(text)
	if addr, ok = v.ip(host, "192.0.2.21"); !ok {
		return addr, nil, false
	}
	if family != 0 && addr.BitLen() != family {
		v.fail(fmt.Sprintf("%s is %s, the service's VIP is not", addr, familyName(addr)),
			"write an address of the VIP's family")
		return addr, nil, false
	}
	if addr.Is4() && v.special(addr) {
		return addr, nil, false
	}
	if port == "" && !strings.HasSuffix(text, ":") {
		return addr, nil, true
	}
	return addr, &port, true
}

// realPort parses a port that is at least lo.
func (v value) realPort(s string, lo int, port *uint16) bool {
	n, err := strconv.Atoi(s)
	if err != nil || !isDecimal(s) || n < lo || n > 65535 {
		v.fail("port "+quote(s)+" is not a number from 1 to 65535",
			"write the address alone: direct routing keeps the client's port")
		return false
	}
	*port = uint16(n)
	return true
}

func (svc *Service) hasPort(port uint16) bool {
	return slices.ContainsFunc(svc.Addresses, func(a Address) bool { return a.Contains(port) })
}

// firstPort is where checks go by default.
func (svc *Service) firstPort() uint16 {
	if len(svc.Addresses) == 0 {
		return 0
	}
	return svc.Addresses[0].FirstPort
}

// mac reads the hardware address of one interface.
func (v value) mac() frame.MAC {
	const remedy = `write the real server's hardware address, such as "02:00:00:00:00:22"`
	s, ok := v.text(remedy)
	if !ok {
		return frame.MAC{}
	}
	mac, err := frame.ParseMAC(s)
	switch {
	case err != nil:
		v.fail(quote(s)+" is not a MAC address", remedy)
	case mac.IsZero():
		v.fail(quote(s)+" is zero, which no interface owns", remedy)
	case mac.IsMulticast():
		v.fail(quote(s)+" is a group address, which no single interface owns", remedy)
	default:
		return mac
	}
	return frame.MAC{}
}
