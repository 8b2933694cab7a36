package doctor

import (
	"fmt"
	"net/netip"
	"time"

	"lvsdr/frame"
)

// anyPort is tried of a service for any port.
const anyPort = 80

// trySizes are IP packet sizes in bytes to try where a full one does not arrive:
// what common links carry. 1280 is the least for IPv6 (RFC 8200, 5).
var trySizes = []int{9000, 4000, 1500, 1492, 1480, 1450, 1420, 1400, 1280, 576}

// serverMAC returns the MAC address at which a real server is asked: the pinned
// one, or the first that it said. One that is this host's cannot be asked.
func (m *machine) serverMAC(s Server) frame.MAC {
	if !s.MAC.IsZero() {
		return s.MAC
	}
	for _, mac := range m.claims.macs(s.Addr) {
		if mac != m.seg.mac {
			return mac
		}
	}
	return frame.MAC{}
}

// askServers makes the probes of the real servers that have a MAC address.
func (m *machine) askServers(now time.Time) error {
	for _, s := range m.o.servers() {
		m.ask(now, s, m.echoOf(s.Addr, smallEcho(s.Addr)))
		m.ask(now, s, m.echoOf(s.Addr, m.seg.mtu))
	}
	for _, service := range m.o.Services {
		for _, s := range service.Servers {
			m.ask(now, s, m.echoOf(service.VIP, smallEcho(service.VIP)))
			for _, port := range service.tried(m.o.sample()) {
				m.ask(now, s, question{dst: service.VIP, protocol: service.Protocol, port: port})
			}
		}
	}
	if len(m.probes) > maxProbes {
		return fmt.Errorf("%d probes would be needed, %d are possible at once: look at fewer VIPs or real servers", len(m.probes), maxProbes)
	}
	return nil
}

// tried returns the ports to try of a service: all, if they are not more than the
// sample, else that many, spread from the first to the last. There are none where no
// probe for the protocol is known.
func (s *Service) tried(sample int) []uint16 {
	if s.Protocol != frame.ProtocolTCP && s.Protocol != frame.ProtocolUDP {
		return nil
	}
	if s.Port == 0 {
		return []uint16{anyPort}
	}
	first, more := int(s.Port), max(int(s.LastPort)-int(s.Port), 0)
	ports := make([]uint16, min(sample, more+1))
	for i := range ports {
		ports[i] = uint16(first + more*i/max(len(ports)-1, 1))
	}
	return ports
}

// askSizes looks for a size that reaches the servers that a full packet does
// not reach.
func (m *machine) askSizes(now time.Time) {
	for _, s := range m.o.servers() {
		small, full := m.echo(s, smallEcho(s.Addr)), m.echo(s, m.seg.mtu)
		if small == nil || small.answer != answerAccepted || full.answer == answerAccepted {
			continue
		}
		for _, size := range trySizes {
			if size < m.seg.mtu && size > small.size && len(m.probes) < maxProbes {
				m.ask(now, s, m.echoOf(s.Addr, size))
			}
		}
	}
}

// echoOf is an echo request to an address, in a packet of that size.
func (m *machine) echoOf(dst netip.Addr, size int) question {
	return question{dst: dst, protocol: echoProtocol(dst), size: max(size, smallEcho(dst))}
}

// echo returns the echo of that size to a real server's own address, or nil.
func (m *machine) echo(s Server, size int) *probe {
	q := m.echoOf(s.Addr, size)
	q.server = s.Addr
	return m.asked[q]
}

// ask adds a probe, unless it is there, or nobody knows whom to ask, or the answer would
// not find the way back.
func (m *machine) ask(now time.Time, s Server, q question) {
	q.server = s.Addr
	mac, source := m.serverMAC(s), m.sourceFor(q)
	if mac.IsZero() || !source.IsValid() || m.asked[q] != nil || m.seg.has(s.Addr) {
		return
	}
	p := &probe{
		question: q, id: uint16(firstID + len(m.probes)), source: source, mac: mac,
		ttl: hops, next: now,
	}
	m.probes = append(m.probes, p)
	m.asked[q] = p
}

// sourceFor returns this host's address that the real server has the nearest way to.
func (m *machine) sourceFor(q question) netip.Addr {
	if q.server.Is4() == q.dst.Is4() {
		return m.seg.source(q.server)
	}
	return m.seg.source(q.dst)
}
