package ipvsadm

import (
	"net/netip"

	"lvsdr/admin/api"
)

// request is what a line asks for.
type request struct {
	command  command
	given    given
	service  service
	server   server
	timeouts api.Timeouts
}

// service is a virtual service as a line has it.
type service struct {
	protocol string // "tcp", "udp", "sctp"; "" if the line names no service
	addr     netip.Addr
	port     uint16
	mark     uint32
	ipv6     bool // its clients are
	netmask  netmask

	scheduler   string
	flags       schedulerFlags
	persistence int // seconds
	engine      string
}

// server is a real server as a line has it.
type server struct {
	addr         netip.Addr
	port         uint16
	forward      forward
	weight       int
	upper, lower int
	tunnel       string // its type
}

// forward is how packets reach a server.
type forward int

const (
	route forward = iota
	masquerade
	tunnel
)

// netmask is what makes clients one client of a persistent service: a number of
// bits with IPv6, a dotted mask with IPv4.
type netmask struct {
	bits int
	mask uint32
}

// wholeAddresses is the netmask of who names none.
var wholeAddresses = netmask{bits: 128, mask: 1<<32 - 1}

// named reports whether the line names a service. Address 0 and port 0 are no
// name, as in `ipvsadm -Z -t 0.0.0.0:0`.
func (s *service) named() bool {
	return s.mark != 0 || s.port != 0 || (s.addr.IsValid() && !s.addr.IsUnspecified())
}

// key is the service by what names it in the API.
func (s *service) key() *api.VirtualService {
	if s.mark != 0 {
		return &api.VirtualService{Mark: s.mark}
	}
	return &api.VirtualService{Protocol: s.protocol, Address: netip.AddrPortFrom(s.addr, s.port).String()}
}

// change is the request as the API takes it, nil if it changes nothing.
func (r *request) change() *api.Change {
	switch r.command {
	case flush:
		return &api.Change{Op: api.Clear}
	case addService:
		return &api.Change{Op: api.AddService, Service: r.virtualService()}
	case editService:
		return &api.Change{Op: api.EditService, Service: r.virtualService()}
	case deleteService:
		return &api.Change{Op: api.DeleteService, Service: r.service.key()}
	case addServer:
		return &api.Change{Op: api.AddServer, Service: r.service.key(), Server: r.destination()}
	case editServer:
		return &api.Change{Op: api.EditServer, Service: r.service.key(), Server: r.destination()}
	case deleteServer:
		return &api.Change{
			Op: api.DeleteServer, Service: r.service.key(),
			Server: &api.Destination{Address: r.server.address()},
		}
	case zero:
		if r.service.named() {
			return &api.Change{Op: api.ZeroCounters, Service: r.service.key()}
		}
		return &api.Change{Op: api.ZeroCounters}
	case setTimeouts:
		return &api.Change{Op: api.SetTimeouts, Timeouts: &r.timeouts}
	}
	return nil
}

// virtualService is the service with all that -A and -E say of it.
func (r *request) virtualService() *api.VirtualService {
	v := r.service.key()
	v.Scheduler = r.service.scheduler
	v.Flags = r.service.flags.names(r.service.scheduler)
	v.OnePacket = r.given.has(optOnePacket)
	if v.Persistence = r.service.persistence; v.Persistence != 0 {
		v.Prefix = r.service.prefix()
	}
	return v
}

// prefix is the netmask in bits, 0 if it takes whole addresses.
func (s *service) prefix() int {
	bits, whole := s.netmask.bits, 128
	if !s.ipv6 {
		bits, whole = s.netmask.ones(), 32
	}
	if bits == whole {
		return 0
	}
	return bits
}

func (s *server) address() string { return netip.AddrPortFrom(s.addr, s.port).String() }

func (r *request) destination() *api.Destination {
	return &api.Destination{
		Address: r.server.address(), Weight: r.server.weight, Upper: r.server.upper, Lower: r.server.lower,
	}
}
