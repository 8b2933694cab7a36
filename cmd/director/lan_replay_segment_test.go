package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

var (
	recordedSubnet = netip.MustParsePrefix("10.99.0.0/24")
	recordedVIP    = netip.MustParseAddr("10.99.0.100")
)

// segment is the LAN on which the recordings were made, with a director that has
// the VIP and nothing else:
//
//	client .2    director .10    rs1 .21   rs2 .22   rs3 .23   rs4 .24
//	    │             │             │         │         │         │
//	────┴─────────────┴─────────────┴─────────┴─────────┴─────────┴──  lan, 10.99.0.0/24
//
// The VIP is 10.99.0.100, and the end of a MAC address reads as that of the
// host's IP address. Hosts but the director answer ARP and nothing else.
type segment struct {
	*cluster
	hosts []*ear        // the client first
	out   *lab.Injector // of the client

	from, to net.HardwareAddr // of a frame of the client

	sent  uint64            // packets, to this director
	ipvs  map[string]string // of director.yaml
	extra string            // lines of director.yaml
}

// ear is a host that listens to what it gets.
type ear struct {
	*machine
	wire *lab.Capture
	seen int // frames
}

func newSegment(t testing.TB) *segment {
	t.Helper()
	s := &segment{cluster: emptyCluster(t, clusterConfig{Serve: serveNothing}, recordedVIP)}
	s.listen("client", 2)
	s.Director = s.connect("director", s.LAN, recordedSubnet, 10)
	for i := range 4 {
		s.listen(fmt.Sprintf("rs%d", i+1), 21+i)
	}
	s.from, s.to = s.hosts[0].Link.MAC(), s.Director.Link.MAC()
	var err error
	if s.out, err = s.hosts[0].Link.Injector(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *segment) listen(name string, number int) {
	m := s.connect(name, s.LAN, recordedSubnet, number)
	s.hosts = append(s.hosts, &ear{machine: m, wire: m.Link.Capture(lab.Only(func(f lab.Frame) bool {
		return f.EtherType() == etherTypeIPv4 && !f.Outgoing
	}))})
}

// begin starts a director with the kernel's settings, and these lines of
// director.yaml.
func (s *segment) begin(extra string) {
	s.t.Helper()
	s.sent, s.ipvs, s.extra = 0, make(map[string]string), extra
	s.WriteConfig(s.config())
	s.Start()
}

// config is director.yaml.
func (s *segment) config() string {
	var ipvs []string
	for _, name := range slices.Sorted(maps.Keys(s.ipvs)) {
		ipvs = append(ipvs, name+": "+s.ipvs[name])
	}
	return fmt.Sprintf("ingress: eth0\ncompat: ipvs\nvips: [%v]\nconnections: 65536\nstate_dir: \"\"\nadmin: {socket: %q}\nipvs: {%s}\n%s",
		s.VIP, s.socket(), strings.Join(ipvs, ", "), s.extra)
}

// set changes settings of net.ipv4.vs as a user does: in the file, which is read
// again.
func (s *segment) set(settings map[string]string) {
	s.t.Helper()
	maps.Copy(s.ipvs, settings)
	if _, err := s.Reload(s.config()); err != nil {
		s.t.Fatal(err)
	}
}

// ipvsadm runs a command line as the program does, in this process.
func (s *segment) ipvsadm(args ...string) (code int, stdout, stderr string) {
	return runDirector(append([]string{"ipvsadm", "--socket", s.socket()}, args...)...)
}

// ipvsadmProcess runs a command line in a process on the director's host.
func (s *segment) ipvsadmProcess(args ...string) (code int, stdout, stderr string) {
	p := directorCommand(context.Background(), s.Director.Host, append([]string{"ipvsadm", "--config", s.File}, args...)...)
	_ = p.Run() // the exit code is looked at
	return p.ExitCode(), p.Stdout(), p.Stderr()
}

const (
	// judging is how long a director may take for a packet, and arriving how long
	// what it has sent may be under way.
	judging  = 5 * time.Second
	arriving = 500 * time.Millisecond
)

// send injects an IP packet at the client and returns the frames that came of it:
// at least those that are expected, each named by its host, unless they do not
// come.
func (s *segment) send(packet []byte, expected ...string) []recordedFrame {
	s.t.Helper()
	frame := slices.Concat(s.to, s.from, []byte{8, 0}, packet)
	s.sent++
	if err := s.out.Inject(frame); err != nil {
		s.t.Fatal(err)
	}
	if len(expected) == 0 || !s.waitFor(expected) {
		s.waitJudged()
		s.waitFor(expected)
	}
	return s.take(packet)
}

// waitFor waits until each host has got a frame for each time that it is named.
func (s *segment) waitFor(names []string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), arriving)
	defer cancel()
	for _, h := range s.hosts {
		missing := h.seen
		for _, name := range names {
			if name == h.Name() {
				missing++
			}
		}
		if missing == h.seen {
			continue
		}
		if _, err := h.wire.WaitFor(ctx, func(lab.Frame) bool { missing--; return missing == 0 }); err != nil {
			return false
		}
	}
	return true
}

// waitJudged waits until the director has given a verdict to every packet that it
// was sent; what it sent for them has left before.
func (s *segment) waitJudged() {
	s.t.Helper()
	for deadline := time.Now().Add(judging); ; {
		var judged uint64
		for _, v := range s.Status().Frames.Verdicts {
			if v.Kind != "ignore" && v.Kind != "extra" {
				judged += v.Frames
			}
		}
		if judged == s.sent {
			return
		}
		if judged > s.sent || time.Now().After(deadline) {
			s.t.Fatalf("%d packets were sent, and %d have a verdict", s.sent, judged)
		}
	}
}

// take returns the frames that have come since the last call, host by host. sent
// is the packet that they are compared with.
func (s *segment) take(sent []byte) (got []recordedFrame) {
	for _, h := range s.hosts {
		frames := h.wire.Frames()
		for _, f := range frames[h.seen:] {
			ip := f.Data[ethernetLen:]
			got = append(got, recordedFrame{
				At: h.Name(), EthDst: f.Dst().String(), EthSrc: f.Src().String(), recordedPacket: decodeIPv4(ip, false),
				AsSent: bytes.Equal(ip[:word(ip, 2)], oneHopOlder(sent)),
			})
		}
		h.seen = len(frames)
	}
	return got
}

// oneHopOlder is the packet after a hop; nothing of none.
func oneHopOlder(packet []byte) []byte {
	if len(packet) < ipv4Len {
		return nil
	}
	p := bytes.Clone(packet)
	header := p[:int(p[0]&15)*4]
	header[8]--
	header[10], header[11] = 0, 0
	sum := internetChecksum(header)
	header[10], header[11] = byte(sum>>8), byte(sum)
	return p
}

// table is the connection table.
func (s *segment) table() (all []tableEntry) {
	s.t.Helper()
	err := s.api.Connections(context.Background(), api.ConnectionFilter{}, func(c api.Connection) error {
		all = append(all, tableEntry{strings.ToUpper(c.Protocol), c.Client, c.VIP, c.Server, c.State, c.Expires})
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// loads are all services, by their names in the kernel.
func (s *segment) loads() destinations {
	s.t.Helper()
	all := make(destinations)
	for _, svc := range s.Status().Services {
		name := fmt.Sprintf("FWM %08X", svc.Mark)
		if svc.Mark == 0 {
			at := netip.MustParseAddrPort(svc.Addresses[0])
			name = fmt.Sprintf("%s %X:%04X", strings.ToUpper(svc.Protocol), at.Addr().AsSlice(), at.Port())
		}
		all[name] = nil
		for _, rs := range slices.Backward(svc.Servers) {
			address := rs.Address
			if _, err := netip.ParseAddr(address); err == nil {
				address += ":0" // any port, or that of a service with a mark
			}
			all[name] = append(all[name], fmt.Sprint(address, [3]int{rs.Weight, rs.Active, rs.Inactive}))
		}
	}
	return all
}
