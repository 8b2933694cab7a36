package via

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"lvsdr/healthcheck"
	"lvsdr/lab"
)

// TestLANReversePath: on a director with two arms the replies of a VIP come by the
// egress, and the route to the VIP leads elsewhere or nowhere. Which modes of
// rp_filter (RFC 3704) drop them, and what helps.
//
//	VIPs 203.0.113.0/24 ── eth1 [director] eth0 192.0.2.2 ── server .21
func TestLANReversePath(t *testing.T) {
	for _, tt := range []struct {
		route   bool // to the VIP, by the other arm
		mode    int
		answers bool
		remedy  map[string]string // sysctls
	}{
		{true, 0, true, nil},
		{true, 1, false, map[string]string{"eth0": "2"}}, // the larger of this and all's counts
		{true, 2, true, nil},
		{false, 0, true, nil},
		{false, 1, false, map[string]string{"all": "0", "eth0": "0"}},
		{false, 2, false, map[string]string{"all": "0", "eth0": "0"}},
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
			s.director.SetSysctl("net.ipv4.conf.all.rp_filter", fmt.Sprint(tt.mode))
			// That has the mark of a reply count, which nobody has marked.
			s.director.SetSysctl("net.ipv4.conf.all.src_valid_mark", "1")
			s.open()
			s.set(Server{Addr: rip(21), VIPs: []netip.Addr{far}})
			if tt.answers {
				if !s.reaches(far, patience) {
					t.Error("the server is not reached")
				}
				return
			}
			if s.reaches(far, timeout) {
				t.Error("the server is reached")
			}
			back := lab.Route{Dst: netip.PrefixFrom(far, 32), Dev: s.end.Name()}
			s.director.AddRoute(back)
			if !s.reaches(far, patience) {
				t.Error("a route to the VIP by the egress does not help")
			}
			s.director.DeleteRoute(back)
			for name, value := range tt.remedy {
				s.director.SetSysctl("net.ipv4.conf."+name+".rp_filter", value)
			}
			if !s.reaches(far, patience) {
				t.Errorf("%v does not help", tt.remedy)
			}
		})
	}
}

// reaches runs a probe of a VIP on the server 192.0.2.21.
func (s *segment) reaches(vip netip.Addr, limit time.Duration) bool {
	s.t.Helper()
	spec := healthcheck.Defaults()
	spec.Via = healthcheck.ViaVIP
	c, err := healthcheck.New(spec, healthcheck.Target{Addr: rip(21), VIP: vip, Port: 80}, s.ways.Way(rip(21)))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.runFor(c, limit).OK
}
