package wire

import (
	"context"
	"fmt"
	"slices"

	"lvsdr/bench/generator"
	"lvsdr/bench/peer"
	"lvsdr/bench/sink"
	"lvsdr/dataplane/link/kernel"
)

// Peer is one way to get frames to the real servers.
type Peer struct {
	Name string
	// Says what it is, for help and reports.
	About string
	// states: it keeps something for each flow, so all flows are opened before
	// anything is measured.
	states bool
	// syn: what opens a flow in it is a SYN.
	syn bool
	// direct: there is no host between generator and servers.
	direct bool
	// asked: it is measured only where it is asked for by name.
	asked bool
	// start makes the segment's host forward. Errors that wrap bench.ErrSkip say
	// what the machine lacks.
	start start
}

// Peers are all of them, in the order of tables.
func Peers() []Peer {
	return []Peer{
		{Name: "direct", About: "no load balancer: what generator and sink can do", direct: true},
		{Name: "forwarder", About: "a minimal forwarder: the director's links without lookup", start: withForwarder(kernel.SendAuto)},
		{Name: "director", About: "this program: director run", states: true, syn: true, start: withDirector(kernel.SendAuto)},
		{Name: "forwarder-packet", About: "forwarder with send: packet (sendmmsg); only by name", asked: true, start: withForwarder(kernel.SendPacket)},
		{Name: "director-packet", About: "director with send: packet (sendmmsg); only by name", asked: true, states: true, syn: true, start: withDirector(kernel.SendPacket)},
		{Name: "nft-fwd", About: "nftables netdev ingress, fwd to a server by jhash: stateless DSR", start: on(peer.NftFwd)},
		{Name: "nft-dnat", About: "nftables DNAT to a server by jhash, with connection tracking", states: true, start: on(peer.NftDNAT)},
		{Name: "ip-forward", About: "the kernel routes everything to one server", start: on(peer.Router)},
		{Name: "ipvs", About: "the kernel's IPVS, direct routing", states: true, syn: true, start: on(peer.IPVS)},
	}
}

// choose returns the peers of these names; if there are none, all that need not be
// asked for.
func choose(names []string) ([]Peer, error) {
	all := Peers()
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(p Peer) bool { return p.asked }), nil
	}
	return peer.Choose(all, func(p Peer) string { return p.Name }, names)
}

// on starts a peer that needs to know no more than its site.
func on(fn func(context.Context, *peer.Site) (peer.Running, error)) start {
	return func(ctx context.Context, g *segment) (peer.Running, error) { return fn(ctx, g.place()) }
}

// start is how a peer starts on its segment.
type start func(context.Context, *segment) (peer.Running, error)

func withForwarder(send kernel.Send) start {
	return func(ctx context.Context, g *segment) (peer.Running, error) {
		return peer.Forwarder(ctx, g.place(), peer.ForwarderConfig{Send: send})
	}
}

// withDirector has a table for all flows, and all of it for them.
func withDirector(send kernel.Send) start {
	return func(ctx context.Context, g *segment) (peer.Running, error) {
		return peer.Director(ctx, g.place(), peer.DirectorConfig{
			Program: g.site.options.Program,
			// Not a flow is forgotten while others are measured.
			Extra: fmt.Sprintf("send: %s\nconnections: %d\nquotas: {half_open: 100, udp: 100}\ntimeouts: {tcp: 1h, udp: 1h}",
				send, max(1<<16, 2*g.flows())),
		})
	}
}

// flows is how many there are at once, with those that frames open anew.
func (g *segment) flows() int {
	t := g.traffic()
	return g.site.options.Flows + t.Fresh()
}

// place is the segment as its peer sees it.
func (g *segment) place() *peer.Site {
	o := &g.site.options
	where := o.addresses()
	service := peer.Service{Protocol: peer.Protocol(o.Protocol), Port: servicePort}
	for i := range o.Servers {
		mac := sink.MAC(i)
		service.Servers = append(service.Servers, peer.Server{Addr: where.real(i), MAC: mac[:]})
	}
	return &peer.Site{
		Host: g.host, Near: g.near, Far: g.far, VIP: where.vip,
		Services: []peer.Service{service}, Clients: generator.Clients(where.vip), Flows: g.flows(),
	}
}
