package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"lvsdr/frame"
)

// The defaults of Options.
const (
	DefaultWindow = 3 * time.Second // how long answers are waited for
	DefaultSample = 2
)

// Options say what to look at. Interface and at least one service are needed.
type Options struct {
	Interface string
	// Services are those of the director. One without real servers is a VIP
	// that is only looked for in ARP.
	Services []Service
	// Director says where the director is, if it is not on this host.
	Director Director
	// Egress is by which a director of two interfaces reaches its real servers; Interface
	// is that, where it answers no ARP, or the other one. "": it has one interface.
	Egress string
	// Sample is how many ports of a range are tried, the first and the last among them;
	// 0: DefaultSample.
	Sample int
	// Window is how long to wait for all answers to one kind of question, which
	// is asked three times meanwhile; 0: DefaultWindow.
	Window time.Duration
}

// Director is how the director's answers are known. The zero value is a director
// on this host, whose answers this host does not hear.
type Director struct {
	Addr netip.Addr // of its host, IPv4 or IPv6; or else
	MAC  frame.MAC  // with which it answers for the VIPs
}

// Here reports whether the director is on this host.
func (d Director) Here() bool { return !d.Addr.IsValid() && d.MAC.IsZero() }

// Service is a virtual service.
type Service struct {
	VIP      netip.Addr // IPv4 or IPv6
	Port     uint16     // 0: any, so a refusal is an answer as good as others
	LastPort uint16     // of a range; 0 or Port: only Port
	Protocol uint8      // frame.ProtocolTCP or ProtocolUDP; others are not tried
	Servers  []Server
}

// Server is a real server.
type Server struct {
	Addr netip.Addr // IPv4 or IPv6, whatever the VIP is
	MAC  frame.MAC  // pinned; zero: what it says in ARP or neighbour discovery
}

// maxProbes is how many probes there are numbers for: those above the ports that
// Linux gives to its own connections (ip_local_port_range).
const (
	firstID   = 61000
	maxProbes = 65535 - firstID
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// check returns what is wrong with the options, or nil.
func (o *Options) check() error {
	if o.Interface == "" {
		return errors.New("no interface")
	}
	if len(o.Services) == 0 {
		return errors.New("no VIP to look for")
	}
	if o.Window < 0 {
		return fmt.Errorf("window %v: must not be negative", o.Window)
	}
	if o.Sample < 0 {
		return fmt.Errorf("sample %d: must not be negative", o.Sample)
	}
	var addrs []netip.Addr
	if o.Director.Addr.IsValid() {
		addrs = append(addrs, o.Director.Addr)
	}
	for _, s := range o.Services {
		addrs = append(addrs, s.VIP)
		if s.LastPort != 0 && s.LastPort < s.Port {
			return fmt.Errorf("ports %d-%d of %v: the last is lower than the first", s.Port, s.LastPort, s.VIP)
		}
		for _, server := range s.Servers {
			addrs = append(addrs, server.Addr)
		}
	}
	for _, a := range addrs {
		if !a.IsValid() || a.Zone() != "" || a.Is4In6() || a.IsMulticast() || a.IsLoopback() || a.IsUnspecified() || a == broadcast {
			return fmt.Errorf("%v: not an address that a host has on a LAN", a)
		}
	}
	return nil
}

// behind reports whether Interface is the director's egress.
func (o *Options) behind() bool { return o.Egress != "" && o.Interface == o.Egress }

func (o *Options) sample() int { return cmp.Or(o.Sample, DefaultSample) }

func (o *Options) window() time.Duration { return cmp.Or(o.Window, DefaultWindow) }

// vips returns each VIP once, in order.
func (o *Options) vips() []netip.Addr {
	var all []netip.Addr
	for _, s := range o.Services {
		all = appendOnce(all, s.VIP)
	}
	return all
}

// servers returns each real server once, in order.
func (o *Options) servers() []Server {
	var all []Server
	known := make(map[netip.Addr]bool)
	for _, s := range o.Services {
		for _, server := range s.Servers {
			if !known[server.Addr] {
				known[server.Addr] = true
				all = append(all, server)
			}
		}
	}
	return all
}

// appendOnce appends x if it is not there yet.
func appendOnce[T comparable](list []T, x T) []T {
	for _, have := range list {
		if have == x {
			return list
		}
	}
	return append(list, x)
}
