package ipvsadm

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Names tells the names of addresses and ports, as the C library does.
type Names interface {
	// Address returns the first IPv4 or IPv6 address of a host.
	Address(host string, v6 bool) (netip.Addr, bool)
	// Host returns the name of an address, "" if it has none.
	Host(addr netip.Addr) string
	// Port returns the port of a service that the protocol has.
	Port(service, protocol string) (uint16, bool)
	// Service returns the name of a port, "" if it has none.
	Service(port uint16, protocol string) string
}

// NewHostNames returns the names that this host knows: those of its resolver,
// asked once for each, and of /etc/services. It is for one goroutine.
func NewHostNames() Names {
	return &hostNames{
		resolver:  net.DefaultResolver,
		addresses: make(map[hostQuery]netip.Addr),
		hosts:     make(map[netip.Addr]string),
		services: sync.OnceValue(func() *services {
			f, err := os.Open("/etc/services")
			if err != nil {
				return new(services) // as if it were empty, as in the C library
			}
			defer f.Close()
			return readServices(f)
		}),
	}
}

type hostQuery struct {
	host string
	v6   bool
}

// resolver is a [net.Resolver].
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

type hostNames struct {
	resolver  resolver
	addresses map[hostQuery]netip.Addr // the zero Addr: it has none
	hosts     map[netip.Addr]string
	services  func() *services
}

func (n *hostNames) Address(host string, v6 bool) (netip.Addr, bool) {
	q := hostQuery{host, v6}
	addr, known := n.addresses[q]
	if !known {
		addr = n.lookUp(host, v6)
		n.addresses[q] = addr
	}
	return addr, addr.IsValid()
}

// lookUp asks the resolver, which has its own patience.
func (n *hostNames) lookUp(host string, v6 bool) (addr netip.Addr) {
	network := "ip4"
	if v6 {
		network = "ip6"
	}
	if addrs, err := n.resolver.LookupNetIP(context.Background(), network, host); err == nil && len(addrs) > 0 {
		addr = addrs[0].WithZone("")
		if !v6 {
			addr = addr.Unmap()
		}
	}
	return addr
}

func (n *hostNames) Host(addr netip.Addr) string {
	name, known := n.hosts[addr]
	if !known {
		if names, err := n.resolver.LookupAddr(context.Background(), addr.String()); err == nil && len(names) > 0 {
			name = strings.TrimSuffix(names[0], ".")
		}
		n.hosts[addr] = name
	}
	return name
}

func (n *hostNames) Port(service, protocol string) (uint16, bool) {
	return n.services().port(service, protocol)
}

func (n *hostNames) Service(port uint16, protocol string) string {
	return n.services().name(port, protocol)
}

// services are the lines of a file such as /etc/services, services(5).
type services struct {
	ports map[serviceName]uint16
	names map[servicePort]string
}

type serviceName struct{ name, protocol string }

type servicePort struct {
	port     uint16
	protocol string
}

// readServices reads lines of NAME PORT/PROTOCOL ALIAS...; the first line that
// has a name or a port wins. Others are passed over.
func readServices(r io.Reader) *services {
	s := &services{ports: make(map[serviceName]uint16), names: make(map[servicePort]string)}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(fields[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue
		}
		s.add(fields[0], uint16(port), protocol, fields[2:])
	}
	return s
}

func (s *services) add(name string, port uint16, protocol string, aliases []string) {
	if at := (servicePort{port, protocol}); s.names[at] == "" {
		s.names[at] = name
	}
	for _, n := range append([]string{name}, aliases...) {
		if _, known := s.ports[serviceName{n, protocol}]; !known {
			s.ports[serviceName{n, protocol}] = port
		}
	}
}

// ipvsadm asks for the names of TCP and UDP ports alone.
func hasNames(protocol string) bool { return protocol == "tcp" || protocol == "udp" }

func (s *services) port(name, protocol string) (uint16, bool) {
	port, known := s.ports[serviceName{name, protocol}]
	return port, known && hasNames(protocol)
}

func (s *services) name(port uint16, protocol string) string {
	if !hasNames(protocol) {
		return ""
	}
	return s.names[servicePort{port, protocol}]
}
