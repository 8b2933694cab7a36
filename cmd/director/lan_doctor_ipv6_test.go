package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lvsdr/finding"
	"lvsdr/frame"
	"lvsdr/lab"
)

var vip6 = netip.MustParseAddr("2001:db8::10")

// newSick6 is a segment whose hosts have addresses in 2001:db8::/64 too, with the
// same last number, and whose servers serve the VIP 2001:db8::10 over it.
func newSick6(t *testing.T) *sick {
	t.Helper()
	s := newSick(t)
	s.flags = strings.Fields("--interface eth0 --vip [2001:db8::10]:80 --real-server 2001:db8::21 --real-server 2001:db8::22")
	for _, m := range []*machine{s.Client, s.Director, s.web1.machine, s.web2.machine, s.stranger} {
		m.Link.AddAddr(prefix(fmt.Sprintf("2001:db8::%d/64", m.Addr.As4()[3])))
	}
	for _, web := range s.Servers {
		web.realserver6("apply")
		web.serve6(t)
	}
	return s
}

func (s *realServer) realserver6(verb string) {
	s.cluster.t.Helper()
	p := directorCommand(context.Background(), s.Host, "realserver", verb, "--vip", vip6.String(), "--state-dir", filepath.Join(s.dir, "state"))
	if err := p.Run(); err != nil {
		s.cluster.t.Fatal(err)
	}
}

// serve6 serves the server's name over IPv6.
func (s *realServer) serve6(t *testing.T) {
	t.Helper()
	listener, err := s.Listen("tcp6", "[::]:80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s.Name()) })}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
}

func TestLANDoctor6Healthy(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.finds()
	r, _ := s.doctor(s.Director.Host, s.flags...)
	says := func(text string) {
		t.Helper()
		if !slices.ContainsFunc(r.Results, func(f finding.Result) bool { return f.Verdict == finding.OK && strings.Contains(f.What, text) }) {
			t.Errorf("no result says %q: %+v", text, r.Results)
		}
	}
	says("2001:db8::10: no other host answers neighbour discovery for it")
	says("real server 2001:db8::22 takes the VIP 2001:db8::10: echo, SYN-ACK from port 80")
	says("packets of 1500 bytes reach real server 2001:db8::21")
	says("the kernel does not forward IPv6 from eth0")
}

// The VIP on the LAN interface: answered for. Who is asked tells the doctor alone: what
// a client knows of the VIP stays.
func TestLANDoctor6RealServerAnswers(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.web2.realserver6("undo")
	s.web2.Link.AddAddr(prefix("2001:db8::10/64"))
	s.Client.SetNeighbor("eth0", vip6, s.Director.Link.MAC())
	f := s.finds(finding.VIPAtServer)[0]
	if f.Server != "2001:db8::22" || f.MAC != mac(s.web2.Link) || f.Host != "real server 2001:db8::22" ||
		!strings.Contains(f.What, "answers neighbour discovery for the VIP 2001:db8::10") {
		t.Errorf("named %+v", f)
	}
	if got := s.Client.Neighbor(vip6); !slices.Equal(got, s.Director.Link.MAC()) {
		t.Errorf("the doctor changed the client's neighbour to %v", got)
	}
	s.heals(f, s.web2.Host)
}

func TestLANDoctor6ServerLacksVIP(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.web1.realserver6("undo")
	f := s.finds(finding.ServerLacksVIP)[0]
	if f.Server != "2001:db8::21" || f.VIP != "2001:db8::10" {
		t.Errorf("named %+v", f)
	}
	// A router would send it back to the segment.
	s.web1.SetSysctl("net.ipv6.conf.all.forwarding", "1")
	f = s.finds(finding.ServerForwards)[0]
	if f.Server != "2001:db8::21" {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web1.Host)
}

func TestLANDoctor6ServiceDoesNotListen(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.flags[3] = "[2001:db8::10]:81"
	for _, f := range s.finds(finding.ServiceRefused, finding.ServiceRefused) {
		if !strings.Contains(f.What, "answers a SYN to port 81 with RST") {
			t.Errorf("named %+v", f)
		}
	}
	s.flags[3] = "[2001:db8::10]:53/udp"
	for _, f := range s.finds(finding.ServiceRefused, finding.ServiceRefused) {
		if !strings.Contains(f.What, "answers a DNS query to UDP port 53 with port unreachable") {
			t.Errorf("named %+v", f)
		}
	}
}

func TestLANDoctor6ForeignOwner(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.stranger.Link.AddAddr(prefix("2001:db8::10/64"))
	f := s.finds(finding.VIPElsewhere)[0]
	if f.MAC != mac(s.stranger.Link) {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.stranger.Host)
}

// Another host answers for the VIP in a router's stead.
func TestLANDoctor6Proxy(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.stranger.SetSysctl("net.ipv6.conf.all.forwarding", "1")
	s.stranger.SetSysctl("net.ipv6.conf.eth0.proxy_ndp", "1")
	// A proxy delays its answers, so as not to be first (RFC 4861, 7.2.8).
	s.stranger.SetSysctl("net.ipv6.neigh.eth0.proxy_delay", "0")
	if err := s.stranger.Command(t.Context(), "ip", "neigh", "add", "proxy", vip6.String(), "dev", "eth0").Run(); err != nil {
		t.Fatal(err)
	}
	if f := s.finds(finding.VIPElsewhere)[0]; f.MAC != mac(s.stranger.Link) {
		t.Errorf("named %+v", f)
	}
}

func TestLANDoctor6ServerAbsent(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.web2.Link.Down()
	if f := s.finds(finding.ServerAbsent)[0]; f.Server != "2001:db8::22" || !strings.Contains(f.What, "nobody answers neighbour discovery") {
		t.Errorf("named %+v", f)
	}
}

func TestLANDoctor6SmallMTU(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.web2.Link.SetMTU(1400)
	f := s.finds(finding.PathMTU)[0]
	if f.Server != "2001:db8::22" || !strings.Contains(f.What, "one of 1400 bytes does") {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web2.Host)
}

// The director's host: the VIP is its own, it forwards, it answers for the VIP.
func TestLANDoctor6Host(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.Director.Link.AddAddr(prefix("2001:db8::10/128"))
	f := s.finds(finding.HostKernel)[0]
	if !strings.Contains(f.What, "2001:db8::10 is an address of this host, on eth0") || f.Host != finding.ThisHost {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.Director.Host)
	s.Director.SetSysctl("net.ipv6.conf.all.forwarding", "1")
	if f = s.finds(finding.HostKernel)[0]; !strings.Contains(f.What, "forwards IPv6 from eth0, and the guard is off") {
		t.Errorf("named %+v", f)
	}
	s.Director.SetSysctl("net.ipv6.conf.all.proxy_ndp", "1")
	if err := s.Director.Command(t.Context(), "ip", "neigh", "add", "proxy", vip6.String(), "dev", "eth0").Run(); err != nil {
		t.Fatal(err)
	}
	f = s.finds(finding.HostKernel, finding.HostKernel)[1]
	if !strings.Contains(f.What, "proxy_ndp is on for eth0, and the VIP 2001:db8::10 is among its proxy neighbours") {
		t.Errorf("named %+v", f)
	}
	s.mends(f, s.Director.Host)
	s.Director.SetSysctl("net.ipv6.conf.all.forwarding", "0")
	s.finds()
}

// TestLANDoctor6Mixed: an IPv6 VIP at servers that are known by IPv4 addresses, and both
// families at once.
func TestLANDoctor6Mixed(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	s.flags = strings.Fields("--interface eth0 --vip [2001:db8::10]:80 --real-server 192.0.2.21 --real-server 192.0.2.22")
	s.finds()
	s.flags = append(slices.Clone(here), "--vip", "[2001:db8::10]:80", "--real-server", "2001:db8::21", "--real-server", "2001:db8::22")
	s.finds()
	s.web1.realserver6("undo")
	if f := s.finds(finding.ServerLacksVIP)[0]; f.Server != "2001:db8::21" || f.VIP != "2001:db8::10" {
		t.Errorf("named %+v", f)
	}
}

// TestLANDoctor6Gossip: a server that asks for others in the VIP's name is heard, though
// it does not answer for the VIP. Linux does so with addresses of the interface alone.
func TestLANDoctor6Gossip(t *testing.T) {
	t.Parallel()
	s := newSick6(t)
	wire := s.web2.Link.Capture(lab.Only(func(f lab.Frame) bool { return !f.Outgoing && f.EtherType() == frame.EtherTypeIPv6 }))
	told := make(chan error, 1)
	go func() { // once the doctor has asked, so that it listens
		_, err := wire.WaitFor(t.Context(), func(lab.Frame) bool { return true })
		if err == nil {
			err = s.web2.Link.Inject(solicitation(s.web2.Link.MAC(), vip6, netip.MustParseAddr("2001:db8::77")))
		}
		told <- err
	}()
	f := s.finds(finding.VIPAtServer)[0]
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	if f.Server != "2001:db8::22" || !strings.Contains(f.What, "asks by neighbour discovery with the VIP 2001:db8::10 as its own address") {
		t.Errorf("named %+v", f)
	}
}

// solicitation is a frame by which a host asks for another one.
func solicitation(from net.HardwareAddr, as, target netip.Addr) []byte {
	src, group := frame.AddrFrom(as), frame.SolicitedNode(frame.AddrFrom(target))
	b := make([]byte, frame.EthernetLen+frame.IPv6Len+frame.NDPLinkLayerLen)
	e := frame.Ethernet(b)
	e.SetDst(frame.GroupMAC(group))
	e.SetSrc(frame.MAC(from))
	e.SetEtherType(frame.EtherTypeIPv6)
	frame.IPv6(b[frame.EthernetLen:]).Init(src, group, frame.ProtocolICMPv6, 255, frame.NDPLinkLayerLen)
	message := b[frame.EthernetLen+frame.IPv6Len:]
	frame.NDP(message).InitSolicitation(frame.AddrFrom(target), frame.MAC(from))
	frame.ICMPv6(message).UpdateChecksum(src, group)
	return b
}
