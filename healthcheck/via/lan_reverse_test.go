package via

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lvsdr/healthcheck"
	"lvsdr/lab"
)

// TestLANReversePath: on a director with two arms the replies of a VIP come by the
// egress, and the route to the VIP leads elsewhere or nowhere:
//
//	VIPs 203.0.113.0/24 ── eth1 [director] eth0 192.0.2.2 ── server .21
func TestLANReversePath(t *testing.T) {
	for _, tt := range []struct {
		route   bool // to the VIP, by the other arm
		mode    int
		answers bool
		remedy  string
	}{
		{true, 0, true, ""},
		{true, 1, false, "sysctl -w net.ipv4.conf.eth0.rp_filter=2"},
		{true, 2, true, ""},
		{false, 0, true, ""},
		{false, 1, false, "sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0, or "},
		{false, 2, false, "sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0, or "},
	} {
		t.Run(fmt.Sprintf("route %v rp_filter %d", tt.route, tt.mode), func(t *testing.T) {
			s := newSegment(t)
			server := s.server(21)
			far := netip.MustParseAddr("203.0.113.10")
			server.Interface("lo").AddAddr(netip.PrefixFrom(far, 32))
			arm := s.lab.Connect(s.director, s.lab.Host("router"), lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.2/24")})
			if tt.route {
				s.director.AddRoute(lab.Route{Dst: netip.MustParsePrefix("203.0.113.0/24"), Dev: arm.Name()})
			}
			// What "all" says counts as well as what the interface does.
			s.director.SetSysctl("net.ipv4.conf.all.rp_filter", fmt.Sprint(tt.mode))
			s.director.SetSysctl("net.ipv4.conf.all.src_valid_mark", "1")
			s.open()
			s.set(Server{Addr: rip(21), VIPs: []netip.Addr{far}})
			if ok := s.reaches(far); ok != tt.answers {
				t.Errorf("the server is reached: %v", ok)
			}
			problems := s.look()
			if tt.answers {
				if len(problems) != 0 {
					t.Errorf("problems: %+v", problems)
				}
				return
			}
			if len(problems) != 1 || !strings.HasPrefix(problems[0].Remedy, tt.remedy) || !strings.Contains(problems[0].What, far.String()) {
				t.Fatalf("problems: %+v", problems)
			}
			for _, setting := range strings.Fields(strings.TrimPrefix(strings.Split(problems[0].Remedy, ", or ")[0], "sysctl -w ")) {
				key, value, _ := strings.Cut(setting, "=")
				s.director.SetSysctl(key, value)
			}
			if !s.reaches(far) {
				t.Error("the remedy does not help")
			}
			s.quiet()
		})
	}
}

// reaches runs a probe of a VIP on the server 192.0.2.21.
func (s *segment) reaches(vip netip.Addr) bool {
	s.t.Helper()
	c, err := healthcheck.New(healthcheck.Spec{
		Kind: "tcp", Via: healthcheck.ViaVIP, Every: timeout, Timeout: timeout, Rise: 1, Fall: 1,
	}, healthcheck.Target{Addr: rip(21), VIP: vip, Port: 80}, s.ways.Way(rip(21)))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.run(c).OK
}
