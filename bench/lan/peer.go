package lan

import (
	"context"

	"lvsdr/bench/peer"
)

// Peer is one way to reach the real servers, as it can be asked for.
type Peer struct {
	Name string
	// About says what it is, for help and reports.
	About string
	kind  kind
	arp   bool // it answers for its VIP
	start func(context.Context, *LAN, *peer.Site) (peer.Running, error)
}

// kind is how connections get to the servers, and back.
type kind int

const (
	nothing    kind = iota // no host in between
	routes                 // frames to the servers as they are, replies past it
	translates             // addresses, both ways
	proxies                // connections of its own
)

// Peers are all of them, in the order of tables.
func Peers() []Peer {
	return []Peer{
		{Name: "direct", About: "no load balancer: the client and one server", kind: nothing},
		Forwarder("forwarder", peer.ForwarderConfig{}),
		Director("director", ""),
		{Name: "nft-fwd", About: "nftables netdev ingress, fwd to a server by jhash: stateless DSR", kind: routes, start: on(peer.NftFwd)},
		{Name: "nft-dnat", About: "nftables DNAT to a server by jhash, with connection tracking", kind: translates, start: on(peer.NftDNAT)},
		{Name: "ipvs", About: "the kernel's IPVS, direct routing", kind: routes, arp: true, start: on(peer.IPVS)},
		{Name: "haproxy", About: "HAProxy in TCP mode, one thread", kind: proxies, arp: true, start: on(peer.HAProxy)},
		{Name: "nginx-stream", About: "nginx stream, one process", kind: proxies, arp: true, start: on(peer.NginxStream)},
	}
}

// Director is `director run`, by its defaults but for these lines of
// director.yaml, such as "poll: spin".
func Director(name, extra string) Peer {
	return Peer{
		Name: name, About: "this program: director run", kind: routes, arp: true,
		start: func(ctx context.Context, l *LAN, s *peer.Site) (peer.Running, error) {
			// Its own ARP finds the servers.
			for i := range s.Services {
				for j := range s.Services[i].Servers {
					s.Services[i].Servers[j].MAC = nil
				}
			}
			return peer.Director(ctx, s, peer.DirectorConfig{Program: l.options.Program, Extra: extra})
		},
	}
}

// Forwarder is the minimal forwarder.
func Forwarder(name string, c peer.ForwarderConfig) Peer {
	return Peer{
		Name: name, About: "a minimal forwarder: the director's links without lookup, to one server", kind: routes,
		start: func(ctx context.Context, _ *LAN, s *peer.Site) (peer.Running, error) {
			return peer.Forwarder(ctx, s, c)
		},
	}
}

// on starts a peer that needs to know no more than its site.
func on(start func(context.Context, *peer.Site) (peer.Running, error)) func(context.Context, *LAN, *peer.Site) (peer.Running, error) {
	return func(ctx context.Context, _ *LAN, s *peer.Site) (peer.Running, error) { return start(ctx, s) }
}

// Choose returns the peers of these names out of some, all if there are none.
func Choose(all []Peer, names []string) ([]Peer, error) {
	if len(names) == 0 {
		return all, nil
	}
	return peer.Choose(all, func(p Peer) string { return p.Name }, names)
}
