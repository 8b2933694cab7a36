package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
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
// nothing but the VIP. No host of it but the director does anything with the
// frames of a scenario.
//
//	client .2     director .10     rs1 .21   rs2 .22   rs3 .23   rs4 .24
//	    │             │  eth1 .11     │         │         │         │
//	    │             │  (mtu)        │         │         │         │
//	────┴─────────────┴──┴────────────┴─────────┴─────────┴─────────┴──  lan, 10.99.0.0/24
//
// The VIP is 10.99.0.100, and the end of a MAC address reads as that of the
// host's IP address. eth1 is there only where the way to the servers has an MTU of
// its own.
type segment struct {
	*cluster
	hosts  []*machine // client, rs1 …
	wires  []*lab.Capture
	taken  []int // frames of each wire that were looked at
	egress *lab.Link

	settings []string // of ipvs: in director.yaml
	services string   // in director.yaml
}

func newSegment(t testing.TB) *segment {
	t.Helper()
	s := &segment{cluster: emptyCluster(t, clusterConfig{Serve: serveNothing}, recordedVIP)}
	s.addHost("client", 2)
	s.Director = s.connect("director", s.LAN, recordedSubnet, 10)
	for i := range 4 {
		s.addHost(fmt.Sprintf("rs%d", i+1), 21+i)
	}
	s.WriteConfig(s.text())
	return s
}

// addHost adds a host and listens to what reaches it.
func (s *segment) addHost(name string, number int) {
	m := s.connect(name, s.LAN, recordedSubnet, number)
	s.hosts = append(s.hosts, m)
	s.wires = append(s.wires, m.Link.Capture(lab.Only(func(f lab.Frame) bool {
		return f.EtherType() == etherTypeIPv4 && !f.Outgoing
	})))
	s.taken = append(s.taken, 0)
}

// text is director.yaml.
func (s *segment) text() string {
	text := fmt.Sprintf("ingress: eth0\ncompat: ipvs\nvips: [%v]\nconnections: 65536\nstate_dir: \"\"\nadmin: {socket: %q}\n",
		s.VIP, s.socket())
	if s.egress != nil {
		text += "egress: eth1\n"
	}
	return text + "ipvs: {" + strings.Join(s.settings, ", ") + "}\n" + s.services
}

// set changes what the kernel has in net.ipv4.vs, in the file, and has it read.
func (s *segment) set(settings ...string) {
	s.t.Helper()
	s.settings = append(s.settings, settings...)
	if _, err := s.Reload(s.text()); err != nil {
		s.t.Fatal(err)
	}
}

// ipvsadm runs a command line as the program does, without a process.
func (s *segment) ipvsadm(args ...string) (code int, out, err string) {
	return runDirector(append([]string{"ipvsadm", "--socket", s.socket()}, args...)...)
}

// ipvsadmProcess runs a command line in a process of the director's host.
func (s *segment) ipvsadmProcess(args ...string) (code int, out, err string) {
	p := directorCommand(context.Background(), s.Director.Host, append([]string{"ipvsadm", "--config", filepath.Clean(s.File)}, args...)...)
	_ = p.Run() // the exit code is looked at
	return p.ExitCode(), p.Stdout(), p.Stderr()
}

// judged is how many frames for VIPs the director has given a verdict.
func (s *segment) judged() (n uint64) {
	s.t.Helper()
	for _, v := range s.Status().Frames.Verdicts {
		if v.Kind != "ignore" && v.Kind != "extra" {
			n += v.Frames
		}
	}
	return n
}

// effect is how long a packet's effect may take.
const effect = 2 * time.Second

// send injects an IP packet at the client, waits until the director has judged it and
// until as many frames as are expected have come, and returns all that have.
func (s *segment) send(packet []byte, expected int) []decoded {
	s.t.Helper()
	before := s.judged()
	client := s.hosts[0]
	frame := append(append([]byte(s.Director.Link.MAC()), client.Link.MAC()...), 8, 0)
	if err := client.Link.Inject(append(frame, packet...)); err != nil {
		s.t.Fatal(err)
	}
	var got []decoded
	for deadline := time.Now().Add(effect); ; time.Sleep(200 * time.Microsecond) {
		got = append(got, s.take(packet)...)
		if len(got) >= expected && s.judged() > before || time.Now().After(deadline) {
			return append(got, s.take(packet)...)
		}
	}
}

// take returns the frames that have come since the last call, host by host.
func (s *segment) take(sent []byte) (got []decoded) {
	for i, wire := range s.wires {
		frames := wire.Frames()
		for _, f := range frames[s.taken[i]:] {
			d := decoded{At: s.hosts[i].Name(), EthDst: f.Dst().String(), EthSrc: f.Src().String()}
			ip := f.Data[ethernetLen:]
			d.decodedIP = decodeIP(ip, false)
			as := isAsSent(ip[:d.Len], sent)
			d.AsSent = &as
			got = append(got, d)
		}
		s.taken[i] = len(frames)
	}
	return got
}

// isAsSent says whether a packet is the one that was sent but for one hop.
func isAsSent(got, sent []byte) bool {
	hop := bytes.Clone(sent)
	if len(hop) < ipv4Len || len(hop) < int(hop[0]&15)*4 {
		return false
	}
	header := hop[:int(hop[0]&15)*4]
	header[8]--
	header[10], header[11] = 0, 0
	sum := checksum(header)
	header[10], header[11] = byte(sum>>8), byte(sum)
	return bytes.Equal(got, hop)
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// table is the connection table.
func (s *segment) table() (all []entry) {
	s.t.Helper()
	err := s.api.Connections(context.Background(), api.ConnectionFilter{}, func(c api.Connection) error {
		all = append(all, entry{strings.ToUpper(c.Protocol), c.Client, c.VIP, c.Server, c.State, c.Expires})
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// loads are the servers of each service as the recordings have them: newest first.
func (s *segment) loads() map[string][]string {
	s.t.Helper()
	all := make(map[string][]string)
	for _, svc := range s.Status().Services {
		var servers []string
		for i := len(svc.Servers) - 1; i >= 0; i-- {
			rs := &svc.Servers[i]
			address := rs.Address
			if !strings.Contains(address, ":") {
				address += ":0"
			}
			servers = append(servers, fmt.Sprint(address, [3]int{rs.Weight, rs.Active, rs.Inactive}))
		}
		all[kernelName(&svc)] = servers
	}
	return all
}

// kernelName is the name of a service in /proc/net/ip_vs.
func kernelName(svc *api.Service) string {
	if svc.Mark != 0 {
		return fmt.Sprintf("FWM %08X", svc.Mark)
	}
	at := netip.MustParseAddrPort(svc.Addresses[0])
	return fmt.Sprintf("%s %X:%04X", strings.ToUpper(svc.Protocol), at.Addr().AsSlice(), at.Port())
}
