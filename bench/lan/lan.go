package lan

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/bench"
	"lvsdr/bench/peer"
	"lvsdr/bench/processor"
	"lvsdr/lab"
)

// Options say what the LAN is for. They are read once.
type Options struct {
	// Program is the director's executable; without it that way is left out.
	Program string
	// Servers is how many real servers there are, 1 to MaxServers; default: 2.
	Servers int
	// Ports are what clients connect to, on each VIP: at least one.
	Ports []Port
	// Unsteered leaves it to the kernel where each host receives, which on veth is
	// the sender's processor: no interrupt lies between a frame's sending and its
	// receiving, and the processors' time cannot be told apart.
	Unsteered bool
}

// Port is one service of every VIP.
type Port struct {
	Protocol peer.Protocol
	Number   uint16
	// OneServer: all connections go to the first real server.
	OneServer bool
}

// MaxServers is how many real servers there may be.
const MaxServers = 16

// The addresses are those set aside for documentation (RFC 5737). Those of the
// ways and their VIPs count from firstWay and firstVIP. A client whose replies must
// pass a way is in another network, behind it.
var (
	subnet     = netip.MustParsePrefix("192.0.2.0/24")
	clientAddr = netip.MustParseAddr("192.0.2.1")
	firstReal  = netip.MustParseAddr("192.0.2.21")
	firstWay   = netip.MustParseAddr("192.0.2.101")
	firstVIP   = netip.MustParseAddr("192.0.2.151")
	behind     = netip.MustParsePrefix("198.51.100.0/24")
)

// maxWays fit behind firstWay and firstVIP.
const maxWays = 50

// nth is the address n after the first.
func nth(first netip.Addr, n int) netip.Addr {
	b := first.As4()
	b[3] += byte(n)
	return netip.AddrFrom4(b)
}

// lans counts those that this process made, for names of interfaces that are
// unique on the machine.
var lans atomic.Int32

// LAN is the hosts and what runs on them. It belongs to one goroutine.
type LAN struct {
	Client  *Machine
	Servers []*Machine
	// Split says on which processors what runs.
	Split processor.Split

	lab     *lab.Lab
	lan     *lab.Switch
	options Options
	number  int32
	restore func() error // the processors that this process may use
	ways    []*Way
	made    int // ways, also those that were left out
	notes   []bench.Skip
}

// Machine is a host with one interface on the switch.
type Machine struct {
	*lab.Host
	Link *lab.Link
	Addr netip.Addr
}

// New makes the LAN without ways. It needs root: it fails with lab.ErrPrivilege.
// Until Close, this process and what it starts stay off the last processor.
func New(o Options) (*LAN, error) {
	o.Servers = cmp.Or(o.Servers, 2)
	if o.Servers < 1 || o.Servers > MaxServers || len(o.Ports) == 0 {
		return nil, fmt.Errorf("%d servers, %d ports: want 1 to %d servers and a port", o.Servers, len(o.Ports), MaxServers)
	}
	split, err := processor.Choose()
	if err != nil {
		return nil, err
	}
	built, err := lab.New()
	if err != nil {
		return nil, err
	}
	l := &LAN{Split: split, lab: built, options: o, number: lans.Add(1)}
	if l.restore, err = split.Confine(); err != nil {
		return nil, errors.Join(err, built.Close())
	}
	l.build()
	if err := built.Err(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// build makes the client and the servers.
func (l *LAN) build() {
	l.lan = l.lab.Switch("switch")
	l.Client = l.connect("client", "eth0", clientAddr)
	manyConnections(l.Client.Host)
	for i := range l.options.Servers {
		s := l.connect(fmt.Sprintf("server%d", i), "eth0", nth(firstReal, i))
		manyConnections(s.Host)
		// What real-server mode does: the VIPs on lo are nobody's in ARP.
		for _, name := range []string{"all", "eth0"} {
			s.SetSysctl("net.ipv4.conf."+name+".arp_ignore", "1")
			s.SetSysctl("net.ipv4.conf."+name+".arp_announce", "2")
		}
		l.Servers = append(l.Servers, s)
	}
	if !l.Split.Apart {
		l.note("processors", "there is one only: clients, servers and what lies between them take it from each other")
	}
	if !l.options.Unsteered {
		for _, m := range append([]*Machine{l.Client}, l.Servers...) {
			l.steer(m, l.Split.Loads())
		}
	}
}

// connect plugs a new host into the switch.
func (l *LAN) connect(name, device string, addr netip.Addr) *Machine {
	m := &Machine{Host: l.lab.Host(name), Addr: addr}
	m.Link = l.lab.Connect(m.Host, l.lan, lab.LinkConfig{
		Name: device, Addrs: []netip.Prefix{netip.PrefixFrom(addr, subnet.Bits())},
	})
	return m
}

// manyConnections lets a host make connections faster than their ports become free
// by default: it has more of them, and takes one again a second after its end.
func manyConnections(h *lab.Host) {
	h.SetSysctl("net.ipv4.ip_local_port_range", "1024 65535")
	h.SetSysctl("net.ipv4.tcp_tw_reuse", "1")
	h.SetSysctl("net.core.somaxconn", "65535")
	h.SetSysctl("net.ipv4.tcp_max_syn_backlog", "65535")
}

// steer has the kernel receive for a machine on some processors.
func (l *LAN) steer(m *Machine, processors unix.CPUSet) {
	if !l.Split.Apart || l.lab.Err() != nil {
		return
	}
	if err := processor.Steer(m.Host, m.Link.Name(), processors); err != nil {
		l.note("processors", fmt.Sprintf("the kernel receives on the sender's, also for the load balancers: %v", err))
	}
}

// note keeps, once, what the reader of figures should know.
func (l *LAN) note(what, why string) {
	for _, n := range l.notes {
		if n.What == what {
			return
		}
	}
	l.notes = append(l.notes, bench.Skip{What: what, Why: why})
}

// Notes are what is not as it should be.
func (l *LAN) Notes() []bench.Skip { return l.notes }

// SetOffloads switches the offloads of all hosts: with them off, frames are whole,
// and none is above 1514 bytes.
func (l *LAN) SetOffloads(on bool) error {
	l.Client.Link.SetOffloads(on)
	for _, s := range l.Servers {
		s.Link.SetOffloads(on)
	}
	for _, w := range l.ways {
		if w.machine != nil {
			w.machine.Link.SetOffloads(on)
		}
	}
	return l.lab.Err()
}

// Err is what went wrong with the LAN itself: hosts, links and their settings. Peers
// that do not work are no such error.
func (l *LAN) Err() error { return l.lab.Err() }

// device is the name of the next way's interface, unique on the machine.
func (l *LAN) device() string { return fmt.Sprintf("e%d-%d-%d", os.Getpid(), l.number, l.made) }

// Close stops the ways, removes the LAN with all that runs on it, and gives this
// process its processors back.
func (l *LAN) Close() error {
	var err error
	for _, w := range l.ways {
		err = errors.Join(err, w.stop())
	}
	l.ways = nil
	return errors.Join(err, l.lab.Close(), l.restore())
}
