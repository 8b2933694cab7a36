package peer

import (
	"context"
	"net/netip"

	"lvsdr/lab"
)

// withinKernel is a peer of which all work is done by the kernel as it receives. It
// tells nobody what it drops, and it goes with its host.
type withinKernel struct{}

func (withinKernel) Threads() ([]int, error)              { return nil, nil }
func (withinKernel) Drops(context.Context) (Drops, error) { return Drops{}, nil }
func (withinKernel) Stop() error                          { return nil }

// Router sets up a router: all frames go to the first server.
func Router(_ context.Context, s *Site) (Running, error) {
	s.route()
	s.Host.AddRoute(lab.Route{Dst: netip.PrefixFrom(s.VIP, s.VIP.BitLen()), Via: s.servers()[0].Addr, Dev: s.Far})
	return withinKernel{}, nil
}

// route makes the host a router between both sides, which tells nobody of shorter
// ways.
func (s *Site) route() {
	h := s.Host
	if s.VIP.Is6() {
		h.SetSysctl("net.ipv6.conf.all.forwarding", "1")
	} else {
		h.SetSysctl("net.ipv4.ip_forward", "1")
	}
	for _, name := range []string{"all", s.Near, s.Far} {
		h.SetSysctl("net/ipv4/conf/"+name+"/send_redirects", "0")
	}
	if s.Clients.IsValid() {
		h.AddRoute(lab.Route{Dst: s.Clients, Dev: s.Near})
	}
	for _, server := range s.servers() {
		if server.MAC != nil {
			h.SetNeighbor(s.Far, server.Addr, server.MAC)
		}
	}
}
