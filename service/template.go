package service

import (
	"net/netip"

	"lvsdr/conntable"
	"lvsdr/frame"
)

// template says how the templates of a service are named.
type template struct {
	number uint32 // of the service
	vip    uint16 // instead of the VIP's: markedVIP or groupVIP
	one    bool   // the service is one VIP and port, or one VIP: no number
}

// What stands in the place of a VIP in the template of a service with a number
// of its own: whether an operator chose the number.
const (
	markedVIP = 0
	groupVIP  = 1
)

// deadPort is the port of templates that are not used any more. It is shown as
// 65535, as in IPVS, but is not that of a service there.
const deadPort = 0x1ffff

// template names the templates of a definition. One VIP and port keep theirs;
// a service with several has a number, as a firewall mark is in IPVS.
func (r *Registry) template(d *Definition) template {
	switch {
	case d.Mark != 0:
		return template{number: d.Mark, vip: markedVIP}
	case len(d.Ranges) == 1 && d.Ranges[0].First == d.Ranges[0].Last:
		return template{one: true}
	}
	n, ok := r.numbers[d.Name]
	if !ok {
		n = uint32(len(r.numbers))
		r.numbers[d.Name] = n
	}
	return template{number: n, vip: groupVIP}
}

// IsPersistent reports whether a client stays with its server.
func (s *Service) IsPersistent() bool { return s.Persistence.Timeout > 0 }

// Template returns the key under which the server of a client of a persistent
// service is remembered, who sent to a VIP with the index.
func (s *Service) Template(client frame.Addr, vip uint16) conntable.Key {
	client = s.mask(client)
	if s.template.one {
		return conntable.NewTemplateKey(client, vip, uint32(s.Ranges[0].First), s.Protocol)
	}
	return conntable.NewTemplateKey(client, s.template.vip, s.template.number, 0)
}

// Client returns the part of a client's address by which it is the same client
// for a persistent service.
func (s *Service) Client(a netip.Addr) netip.Addr { return s.mask(frame.AddrFrom(a)).Netip() }

// TemplatePort returns the port under which IPVS lists a template of the port: a
// client of FTP has one for all its connections.
func TemplatePort(protocol uint8, port uint16) uint16 {
	if protocol == frame.ProtocolTCP && port == ftpPort {
		return 0
	}
	return port
}

// DeadTemplate returns the key under which a template waits for its time to be
// over that is not used any more.
func (s *Service) DeadTemplate(client frame.Addr, vip uint16) conntable.Key {
	return conntable.NewTemplateKey(s.mask(client), vip, deadPort, s.Protocol)
}

// mask returns the part of a client's address that counts.
func (s *Service) mask(client frame.Addr) frame.Addr {
	if s.Persistence.Prefix == 0 {
		return client
	}
	return client.Masked(s.Persistence.Prefix)
}

// SameTemplates reports whether s finds the templates of o, or would if both were
// persistent: those of a service that is persistent no more live on until their
// time is over, as in IPVS.
func (s *Service) SameTemplates(o *Service) bool {
	return s == o || s.template == o.template && s.Protocol == o.Protocol && s.clientBits() == o.clientBits() &&
		(!s.template.one || s.Ranges[0].First == o.Ranges[0].First)
}

// clientBits is how many bits of an address make a client; 0: all.
func (s *Service) clientBits() int {
	bits := s.Persistence.Prefix
	if len(s.Ranges) > 0 && bits == s.Ranges[0].VIP.Netip().BitLen() {
		return 0
	}
	return bits
}
