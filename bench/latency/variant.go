package latency

import (
	"fmt"
	"slices"

	"lvsdr/bench/lan"
	"lvsdr/bench/peer"
	"lvsdr/dataplane/link/afpacket"
)

// Peers are those of bench/lan that pass datagrams, in the order of tables.
func Peers() []lan.Peer {
	// Proxies have connections of their own: another thing to measure.
	proxies := []string{"haproxy", "nginx-stream"}
	return slices.DeleteFunc(lan.Peers(), func(p lan.Peer) bool { return slices.Contains(proxies, p.Name) })
}

// variant is a peer in one of its ways to wait.
type variant struct {
	lan.Peer
	spins bool // it takes a processor while it waits
}

// variants are the peers that were chosen, and of those that wait for frames
// themselves one for each way to wait.
func (o *Options) variants() (all []variant, err error) {
	chosen, err := lan.Choose(Peers(), o.Peers)
	if err != nil {
		return nil, err
	}
	for _, p := range chosen {
		if p.Name != "forwarder" && p.Name != "director" {
			all = append(all, variant{Peer: p})
			continue
		}
		for _, poll := range o.Polls {
			all = append(all, waiting(p.Name, poll))
		}
	}
	return all, nil
}

// waiting is the director, or the forwarder, that waits so.
func waiting(name, poll string) variant {
	full := fmt.Sprintf("%s %s", name, poll)
	v := variant{spins: poll == string(afpacket.PollSpin)}
	if name == "director" {
		v.Peer = lan.Director(full, fmt.Sprintf("poll: %s", poll))
	} else {
		v.Peer = lan.Forwarder(full, peer.ForwarderConfig{Poll: afpacket.Poll(poll)})
	}
	return v
}
