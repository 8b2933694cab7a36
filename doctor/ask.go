package doctor

import (
	"fmt"
	"time"

	"lvsdr/frame"
)

// anyPort is tried of a service for any port.
const anyPort = 80

// trySizes are IP packet sizes in bytes to try where a full one does not arrive:
// what common links carry.
var trySizes = []int{9000, 4000, 1500, 1492, 1480, 1450, 1420, 1400, 1280, 576}

// server returns the MAC address at which a real server is asked: the pinned
// one, or the first that it said.
func (m *machine) serverMAC(s Server) frame.MAC {
	if macs := m.claims.macs(s.Addr); s.MAC.IsZero() && len(macs) > 0 {
		return macs[0]
	}
	return s.MAC
}

// askServers makes the probes of the real servers that have a MAC address.
func (m *machine) askServers(now time.Time) error {
	for _, s := range m.o.servers() {
		m.ask(now, s, question{dst: s.Addr, protocol: frame.ProtocolICMP, size: smallEcho})
		m.ask(now, s, question{dst: s.Addr, protocol: frame.ProtocolICMP, size: m.seg.mtu})
	}
	for _, service := range m.o.Services {
		for _, s := range service.Servers {
			m.ask(now, s, question{dst: service.VIP, protocol: frame.ProtocolICMP, size: smallEcho})
			if service.tried() {
				m.ask(now, s, service.question(s))
			}
		}
	}
	if len(m.probes) > maxProbes {
		return fmt.Errorf("%d probes would be needed, %d are possible at once: look at fewer VIPs or real servers", len(m.probes), maxProbes)
	}
	return nil
}

// tried reports whether there is a probe for the service's protocol.
func (s *Service) tried() bool {
	return s.Protocol == frame.ProtocolTCP || s.Protocol == frame.ProtocolUDP
}

// question returns what a real server is asked about a service.
func (s *Service) question(server Server) question {
	q := question{server: server.Addr, dst: s.VIP, protocol: s.Protocol, port: s.Port}
	if q.port == 0 {
		q.port = anyPort
	}
	return q
}

// askSizes looks for a size that reaches the servers that a full packet does
// not reach.
func (m *machine) askSizes(now time.Time) {
	for _, s := range m.o.servers() {
		small, full := m.echo(s, smallEcho), m.echo(s, m.seg.mtu)
		if small == nil || small.answer != answerAccepted || full.answer == answerAccepted {
			continue
		}
		for _, size := range trySizes {
			if size < m.seg.mtu && len(m.probes) < maxProbes {
				m.ask(now, s, question{dst: s.Addr, protocol: frame.ProtocolICMP, size: size})
			}
		}
	}
}

// echo returns the echo of that size to a real server's own address, or nil.
func (m *machine) echo(s Server, size int) *probe {
	return m.asked[question{server: s.Addr, dst: s.Addr, protocol: frame.ProtocolICMP, size: size}]
}

// ask adds a probe, unless it is there, or nobody knows whom to ask.
func (m *machine) ask(now time.Time, s Server, q question) {
	q.server = s.Addr
	mac := m.serverMAC(s)
	if mac.IsZero() || m.asked[q] != nil || m.seg.has(s.Addr) {
		return
	}
	p := &probe{
		question: q, id: uint16(firstID + len(m.probes)), source: m.seg.source(s.Addr), mac: mac,
		ttl: hops, next: now,
	}
	m.probes = append(m.probes, p)
	m.asked[q] = p
}
