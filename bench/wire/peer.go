package wire

import (
	"context"
	"fmt"
	"strings"

	"lvsdr/bench"
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
	// start makes the segment's host forward. Errors that wrap bench.ErrSkip say
	// what the machine lacks.
	start func(ctx context.Context, s *segment) (forwarding, error)
}

// forwarding is a peer that runs.
type forwarding interface {
	// threads are those that it keeps busy, apart from the kernel's receiving.
	threads() ([]int, error)
	// drops are the frames that it lost itself since its start.
	drops(ctx context.Context) (Drops, error)
	// stop ends it.
	stop() error
}

// Drops are what a peer itself tells of frames that it lost.
type Drops struct {
	Ring    uint64            // the receive ring was full
	Reasons map[string]uint64 // what it dropped, by its own words
}

// Peers are all of them, in the order of tables.
func Peers() []Peer {
	return []Peer{
		{Name: "direct", About: "no load balancer: what generator and sink can do", direct: true},
		{Name: "forwarder", About: "a minimal AF_PACKET forwarder: the director's ring without lookup", start: startForwarder},
		{Name: "director", About: "this program: director run", states: true, syn: true, start: startDirector},
		{Name: "nft-fwd", About: "nftables netdev ingress, fwd to a server by jhash: stateless DSR", start: startNftFwd},
		{Name: "nft-dnat", About: "nftables DNAT to a server by jhash, with connection tracking", states: true, start: startNftDNAT},
		{Name: "ip-forward", About: "the kernel routes everything to one server", start: startRouter},
		{Name: "ipvs", About: "the kernel's IPVS, direct routing", states: true, syn: true, start: startIPVS},
	}
}

// choose returns the peers of these names, all if there are none.
func choose(names []string) ([]Peer, error) {
	all := Peers()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, p := range all {
		known = append(known, p.Name)
	}
	var chosen []Peer
	for _, name := range names {
		found := false
		for _, p := range all {
			if p.Name == name {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("peer %q: want some of %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// missing is the error that leaves a peer out. It wraps bench.ErrSkip, and says
// what it wants to say only.
type missing struct{ error }

func (missing) Is(target error) bool { return target == bench.ErrSkip }

func skip(format string, args ...any) error { return missing{fmt.Errorf(format, args...)} }
