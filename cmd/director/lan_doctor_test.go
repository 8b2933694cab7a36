package main

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"lvsdr/doctor"
	"lvsdr/finding"
	"lvsdr/frame"
	"lvsdr/lab"
)

// sick is a segment on which one thing at a time is made wrong. Its director does
// not run, which is all the same to the doctor on its host:
//
//	client   director     web1      web2     stranger
//	 .100       .2         .21       .22        .50
//	   │        │          │          │          │
//	───┴────────┴──────────┴──────────┴──────────┴───  lan, 192.0.2.0/24
type sick struct {
	*cluster
	web1, web2 *realServer
	stranger   *machine
	flags      []string // of the doctor on the director's host
}

func newSick(t *testing.T) *sick {
	t.Helper()
	c := layCluster(t, clusterConfig{Serve: serveGo, Servers: 2})
	return &sick{cluster: c, web1: c.Servers[0], web2: c.Servers[1], stranger: c.connect("stranger", c.LAN, lanSubnet, 50), flags: here}
}

// doctor runs the command on a host and returns its results and its exit code.
func (s *sick) doctor(on *lab.Host, args ...string) (*doctor.Report, int) {
	s.t.Helper()
	p := directorCommand(context.Background(), on, append([]string{"doctor", "--json", "--window", "600ms"}, args...)...)
	err := p.Run()
	var reports []*doctor.Report
	if jsonErr := json.Unmarshal([]byte(p.Stdout()), &reports); jsonErr != nil || len(reports) != 1 {
		s.t.Fatalf("%v: %v, %v\n%s", p, err, jsonErr, p.Output())
	}
	if reports[0].Healthy != (err == nil) {
		s.t.Errorf("healthy is %v, the error %v", reports[0].Healthy, err)
	}
	return reports[0], p.ExitCode()
}

// here are the flags for the doctor on the director's host.
var here = strings.Fields("--interface eth0 --vip 192.0.2.10:80 --real-server 192.0.2.21 --real-server 192.0.2.22")

// finds runs the doctor on the director's host and wants exactly these kinds of
// findings; it returns them.
func (s *sick) finds(want ...finding.Kind) []finding.Result {
	s.t.Helper()
	r, code := s.doctor(s.Director.Host, s.flags...)
	return s.are(r, code, want...)
}

func (s *sick) are(r *doctor.Report, code int, want ...finding.Kind) []finding.Result {
	s.t.Helper()
	findings := r.Findings()
	var got []finding.Kind
	for _, f := range findings {
		s.t.Logf("%s: %s; %s; on %s: %s", f.Kind, f.What, f.Why, f.Host, f.Command)
		got = append(got, f.Kind)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || code != min(len(want), 1) {
		s.t.Fatalf("found %q with exit code %d, want %q", got, code, want)
	}
	return findings
}

// mends runs the finding's command on the host.
func (s *sick) mends(f finding.Result, on *lab.Host) {
	s.t.Helper()
	apply := "director realserver apply"
	command := strings.ReplaceAll(f.Command, apply, apply+" --state-dir "+shortDir(s.t))
	if err := on.Command(context.Background(), "sh", "-ec", command).Run(); err != nil {
		s.t.Fatal(err)
	}
}

// heals mends the only finding and wants that nothing is wrong any more.
func (s *sick) heals(f finding.Result, on *lab.Host) {
	s.t.Helper()
	s.mends(f, on)
	s.finds()
}

func mac(l *lab.Link) string { return frame.MAC(l.MAC()).String() }

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func TestLANDoctorHealthy(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.finds()
}

// The VIP as on any other host, and on lo by half of the recipe: answered for.
func TestLANDoctorRealServerAnswers(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"eth0", "lo"} {
		t.Run(on, func(t *testing.T) {
			s := newSick(t)
			s.web2.Undo()
			s.web2.Interface(on).AddAddr(prefix("192.0.2.10/32"))
			f := s.finds(finding.VIPAtServer)[0]
			if f.Server != "192.0.2.22" || f.MAC != mac(s.web2.Link) || f.Host != "real server 192.0.2.22" {
				t.Errorf("named %+v", f)
			}
			s.heals(f, s.web2.Host)
		})
	}
}

func TestLANDoctorServerLacksVIP(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web1.Undo()
	f := s.finds(finding.ServerLacksVIP)[0]
	if f.Server != "192.0.2.21" || f.VIP != "192.0.2.10" {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web1.Host)
}

// A server that lacks the VIP and is a router would send it back to the segment.
func TestLANDoctorServerForwards(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web1.Undo()
	s.web1.SetSysctl("net.ipv4.ip_forward", "1")
	f := s.finds(finding.ServerForwards)[0]
	if f.Server != "192.0.2.21" {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web1.Host)
}

func TestLANDoctorServiceDoesNotListen(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web2.Kill()
	f := s.finds(finding.ServiceRefused)[0]
	if f.Server != "192.0.2.22" || !strings.Contains(f.What, "RST") {
		t.Errorf("named %+v", f)
	}
}

func TestLANDoctorForeignOwner(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.stranger.Link.AddAddr(prefix("192.0.2.10/24"))
	f := s.finds(finding.VIPElsewhere)[0]
	if f.MAC != mac(s.stranger.Link) {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.stranger.Host)
}

func TestLANDoctorServersShareMAC(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web2.Link.SetMAC(s.web1.Link.MAC())
	f := s.finds(finding.ServerMAC)[0]
	if f.MAC != mac(s.web1.Link) || !strings.Contains(f.What, "192.0.2.21 and 192.0.2.22") {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web2.Host)
}

func TestLANDoctorServerAddressTwice(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.stranger.Link.AddAddr(prefix("192.0.2.22/24"))
	r, code := s.doctor(s.Director.Host, here...)
	i := slices.IndexFunc(r.Results, func(f finding.Result) bool { return f.Kind == finding.ServerAddress })
	if code != 1 || i < 0 || r.Results[i].Server != "192.0.2.22" || !strings.Contains(r.Results[i].What, mac(s.stranger.Link)) {
		t.Fatalf("exit code %d, %+v", code, r.Results)
	}
	s.heals(r.Results[i], s.stranger.Host)
}

func TestLANDoctorServerAbsent(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web2.Link.Down()
	if f := s.finds(finding.ServerAbsent)[0]; f.Server != "192.0.2.22" {
		t.Errorf("named %+v", f)
	}
}

func TestLANDoctorSmallMTU(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web2.Link.SetMTU(1400)
	f := s.finds(finding.PathMTU)[0]
	if f.Server != "192.0.2.22" || !strings.Contains(f.What, "of 1500 bytes does not reach") || !strings.Contains(f.What, "one of 1400 bytes does") {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web2.Host)
}

func TestLANDoctorVIPOnDirectorsHost(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.Director.Link.AddAddr(prefix("192.0.2.10/32"))
	f := s.finds(finding.HostKernel)[0]
	if !strings.Contains(f.What, "192.0.2.10 is an address of this host, on eth0") || f.Host != "this host" {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.Director.Host)
}

func TestLANDoctorHostForwards(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	for _, key := range []string{"all", "eth0"} {
		s.Director.SetSysctl("net.ipv4.conf."+key+".send_redirects", "0")
	}
	s.Director.SetSysctl("net.ipv4.ip_forward", "1")
	s.Director.SetSysctl("net.ipv4.conf.eth0.proxy_arp", "1")
	findings := s.finds(finding.HostKernel, finding.HostKernel)
	if !strings.Contains(findings[0].What, "forwards IPv4 from eth0") || !strings.Contains(findings[1].What, "proxy_arp is on for eth0") {
		t.Errorf("named %+v", findings)
	}
	s.mends(findings[1], s.Director.Host)
	s.Director.SetSysctl("net.ipv4.conf.eth0.send_redirects", "1")
	findings = s.finds(finding.HostKernel, finding.HostRedirects)
	s.mends(findings[1], s.Director.Host)
	s.Director.SetSysctl("net.ipv4.ip_forward", "0")
	s.finds()
}

func TestLANDoctorReversePath(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.plug(s.Director.Host, s.Lab.Switch("other"), netip.MustParsePrefix("198.51.100.0/24"), 2)
	s.Director.AddRoute(lab.Route{Dst: prefix("192.0.2.10/32"), Dev: "eth1"})
	s.Director.SetSysctl("net.ipv4.conf.eth0.rp_filter", "1")
	f := s.finds(finding.HostReversePath)[0]
	if !strings.Contains(f.What, "rp_filter is 1 on eth0") || !strings.Contains(f.What, "by eth1") {
		t.Errorf("named %+v", f)
	}
	s.Director.DeleteRoute(lab.Route{Dst: prefix("192.0.2.10/32"), Dev: "eth1"})
	s.heals(f, s.Director.Host)
}

// TestLANDoctorElsewhere: a director that runs, its guard on, seen from another host
// and from its own.
func TestLANDoctorElsewhere(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Serve: serveGo, Servers: 2})
	s := &sick{cluster: c, web1: c.Servers[0], web2: c.Servers[1]}
	there := append(slices.Clone(here), "--director", c.Director.Addr.String())
	r, code := s.doctor(c.Client.Host, there...)
	s.are(r, code, finding.VIPUnanswered)
	c.Start()
	r, code = s.doctor(c.Client.Host, there...)
	s.are(r, code, finding.VIPUnanswered) // it still probes for the VIP, and is to go on
	c.WaitServing()
	r, code = s.doctor(c.Client.Host, there...)
	s.are(r, code)
	// Who does not say where the director is gets it named.
	r, code = s.doctor(c.Client.Host, here...)
	if f := s.are(r, code, finding.VIPElsewhere)[0]; f.MAC != mac(c.Director.Link) || !strings.Contains(f.Why, "--director") {
		t.Errorf("named %+v", f)
	}
	c.Director.SetSysctl("net.ipv4.ip_forward", "1") // the guard is on
	r, code = s.doctor(c.Director.Host, "--config", c.File)
	s.are(r, code)
	if status := c.Status(); len(status.Alarms) > 0 {
		t.Errorf("the doctor left the director with %+v", status.Alarms)
	}
}

// TestLANDoctorLeavesNothing: half-open connections are reset at the server that has
// them, and the doctor's host asks for nothing.
func TestLANDoctorLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	wire := s.web1.Link.Capture()
	s.finds()
	isReset := func(f lab.Frame) bool {
		var p frame.Packet
		return !f.Outgoing && frame.Parse(f.Data, &p) == frame.OK && p.TCPFlags&frame.TCPRst != 0 &&
			p.Key.Dst.Netip() == vip && slices.Equal(f.Dst(), net.HardwareAddr(s.web1.Link.MAC()))
	}
	if _, err := wire.WaitFor(t.Context(), isReset); err != nil {
		t.Fatal(err)
	}
}

// TestLANDoctorExample holds docs/doctor.md to what is printed.
func TestLANDoctorExample(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web1.Undo()
	s.web2.Undo()
	s.web2.Link.AddAddr(prefix("192.0.2.10/24"))
	p := directorCommand(context.Background(), s.Director.Host, append([]string{"doctor", "--window", "600ms"}, here...)...)
	if err := p.Run(); p.ExitCode() != 1 {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```\n$ director doctor " + strings.Join(here, " ") + "\n" + p.Stdout() + p.Stderr() + "```\n"; !strings.Contains(string(page), want) {
		t.Errorf("docs/doctor.md does not have this example:\n%s", want)
	}
}
