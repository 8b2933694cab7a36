package sink

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/cilium/ebpf/link"
)

// MaxServers is how many real servers a sink can tell apart.
const MaxServers = 1 << 12

// prefix is what the servers' addresses begin with; their number follows. It is
// a locally administered one.
var prefix = [4]byte{0x02, 0x73, 0x6b, 0x00}

// MAC returns the Ethernet address of a real server, 0 to MaxServers-1.
func MAC(server int) (mac [6]byte) {
	copy(mac[:], prefix[:])
	binary.BigEndian.PutUint16(mac[4:], uint16(server))
	return mac
}

// Kind is a way to count.
type Kind string

// The ways to count.
const (
	TC      Kind = "TC" // where the driver has handed the frame over (Linux 6.6)
	XDP     Kind = "XDP"
	Generic Kind = "generic XDP" // behind the driver, on interfaces whose driver knows no XDP
	Rules   Kind = "nftables"
)

// Sink counts on one interface. Its methods belong to one goroutine.
type Sink struct {
	servers int
	counter counter
}

// counter counts frames by server, and behind all servers the others.
type counter interface {
	counts() ([]uint64, error)
	close() error
}

// Open lets a sink count and drop all frames that come to the interface, which is
// looked up in the calling thread's network namespace, in the first of these ways that
// works. Where that is not the first of them, why says what kept it from being that. It
// needs CAP_BPF and CAP_NET_ADMIN, or root.
func Open(name string, servers int, kinds ...Kind) (s *Sink, kind Kind, why error, err error) {
	return first(kinds, func(k Kind) (*Sink, error) { return OpenKind(k, name, servers) })
}

// first opens in the first way that works, and says why not in those before.
func first(kinds []Kind, open func(Kind) (*Sink, error)) (s *Sink, kind Kind, why error, err error) {
	for _, k := range kinds {
		s, err = open(k)
		if err == nil {
			return s, k, why, nil
		}
		if why != nil {
			err = fmt.Errorf("%w; %w", why, err)
		}
		why = err
	}
	return nil, "", nil, why
}

// OpenKind is Open for one way to count.
func OpenKind(kind Kind, name string, servers int) (*Sink, error) {
	s := &Sink{servers: servers}
	var err error
	if servers < 1 || servers > MaxServers {
		err = fmt.Errorf("%d servers: want 1 to %d", servers, MaxServers)
	} else {
		err = s.open(kind, name, countAll(servers), rulesForAll(servers))
	}
	if err != nil {
		return nil, fmt.Errorf("open sink on %s: %s: %w", name, kind, err)
	}
	return s, nil
}

// open counts by the program or by the rules.
func (s *Sink) open(kind Kind, name string, write writer, list []rule) error {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	switch kind {
	case TC:
		s.counter, err = openProgram(atTC, device.Index, s.servers, write)
	case XDP:
		s.counter, err = openProgram(atXDP(link.XDPDriverMode), device.Index, s.servers, write)
	case Generic:
		s.counter, err = openProgram(atXDP(link.XDPGenericMode), device.Index, s.servers, write)
	default:
		s.counter, err = openRules(name, list)
	}
	return err
}

// Counts is what has come since the sink was opened.
type Counts struct {
	Servers []uint64 // frames, by server
	Others  uint64   // to other addresses
}

// Total is the sum over the servers.
func (c *Counts) Total() (n uint64) {
	for _, frames := range c.Servers {
		n += frames
	}
	return n
}

// Counts reads the counters.
func (s *Sink) Counts() (Counts, error) {
	frames, err := s.counter.counts()
	if err == nil && len(frames) != s.servers+1 {
		err = fmt.Errorf("%d counters: want %d", len(frames), s.servers+1)
	}
	if err != nil {
		return Counts{}, fmt.Errorf("read sink: %w", err)
	}
	return Counts{Servers: frames[:s.servers], Others: frames[s.servers]}, nil
}

// Close takes the sink off the interface.
func (s *Sink) Close() error {
	if err := s.counter.close(); err != nil {
		return fmt.Errorf("close sink: %w", err)
	}
	return nil
}
