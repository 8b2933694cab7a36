package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"lvsdr/finding"
)

// TestLANDoctorDirectorsMAC: a server is a copy of the director's machine. Its answers
// do not reach the director's host, but for those to another MAC address.
func TestLANDoctorDirectorsMAC(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.web2.Link.SetMAC(s.Director.Link.MAC())
	r, code := s.doctor(s.Director.Host, here...)
	i := slices.IndexFunc(r.Results, func(f finding.Result) bool { return f.Kind == finding.ServerMAC })
	if code != 1 || i < 0 {
		t.Fatalf("exit code %d, %+v", code, r.Results)
	}
	f := r.Results[i]
	if f.Server != "192.0.2.22" || f.MAC != mac(s.Director.Link) || !strings.HasPrefix(f.What, "the director and real server 192.0.2.22 have one MAC address") {
		t.Errorf("named %+v", f)
	}
	s.heals(f, s.web2.Host)
}

// TestLANDoctorWithoutAddress: who has a VIP is found from an interface without an
// address, and what servers take of it is not known.
func TestLANDoctorWithoutAddress(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.Director.Link.DeleteAddr(prefix("192.0.2.2/24"))
	s.finds()
	s.stranger.Link.AddAddr(prefix("192.0.2.10/24"))
	if f := s.finds(finding.VIPElsewhere)[0]; f.MAC != mac(s.stranger.Link) {
		t.Errorf("named %+v", f)
	}
	r, _ := s.doctor(s.Director.Host, here...)
	i := slices.IndexFunc(r.Results, func(f finding.Result) bool { return f.Kind == finding.HostNoAddress })
	if i < 0 || r.Results[i].Verdict != finding.Unknown || !strings.Contains(r.Results[i].What, "eth0 has no IPv4 address") {
		t.Errorf("results: %+v", r.Results)
	}
}

// TestLANDoctorBridge: the director's interface is a port of a bridge of its host, whose
// frames pass the packet filter.
func TestLANDoctorBridge(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	add := "ip link add br0 type bridge; ip link set br0 address " + mac(s.Director.Link) + "; ip link set br0 up; " +
		"ip addr del 192.0.2.2/24 dev eth0; ip link set eth0 master br0; ip addr add 192.0.2.2/24 dev br0"
	if err := s.Director.Command(t.Context(), "sh", "-ec", add).Run(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iptables", "arptables"} {
		s.Director.SetSysctl("net.bridge.bridge-nf-call-"+name, "0")
	}
	s.flags = slices.Clone(here)
	s.flags[1] = "br0"
	s.finds()
	for _, name := range []string{"iptables", "arptables"} {
		s.Director.SetSysctl("net.bridge.bridge-nf-call-"+name, "1")
		f := s.finds(finding.HostBridge)[0]
		if !strings.Contains(f.What, "frames that cross the bridge br0 pass the packet filter: bridge-nf-call-"+name) {
			t.Errorf("named %+v", f)
		}
		s.heals(f, s.Director.Host)
	}
}

// TestLANDoctorCannot: what keeps the doctor from looking is said, with the remedy.
func TestLANDoctorCannot(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	setpriv := needProgram(t, "setpriv", "util-linux")
	for _, c := range []struct{ command, want string }{
		{setpriv + " --bounding-set=-net_raw director doctor " + strings.Join(here, " "), "run it as root or with CAP_NET_RAW"},
		{"director doctor --interface eth7 --vip 192.0.2.10", "interface eth7: no such network interface; there are eth0"},
		{"director doctor --interface lo --vip 192.0.2.10", "interface lo: not Ethernet; there are eth0"},
	} {
		p := s.Director.Command(context.Background(), "sh", "-c", c.command)
		if err := p.Run(); err == nil || p.ExitCode() != 1 || !strings.Contains(p.Stderr(), c.want) {
			t.Errorf("%s: exit code %d: %s, want %q", c.command, p.ExitCode(), p.Stderr(), c.want)
		}
	}
	s.Director.Link.Down()
	p := directorCommand(context.Background(), s.Director.Host, append([]string{"doctor"}, here...)...)
	if err := p.Run(); err == nil || !strings.Contains(p.Stderr(), "ip link set eth0 up") {
		t.Errorf("an interface that is down: %s", p.Stderr())
	}
}
