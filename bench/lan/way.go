package lan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lvsdr/bench/peer"
	"lvsdr/bench/processor"
	"lvsdr/lab"
)

// Way is a peer on the LAN.
type Way struct {
	Peer
	// Addr is what the client connects to.
	Addr netip.Addr
	// Running is nil where there is no host in between.
	Running peer.Running

	lan     *LAN
	machine *Machine // nil: there is none
}

// Add gives a peer its host, starts it, and makes it reachable from the client.
// Errors that wrap bench.ErrSkip say what is missing. After others too the LAN is as
// good for other peers, unless Err says that it is not.
func (l *LAN) Add(ctx context.Context, p Peer) (*Way, error) {
	w := &Way{Peer: p, lan: l, Addr: l.Servers[0].Addr}
	if p.kind == nothing {
		l.ways = append(l.ways, w)
		return w, nil
	}
	n := l.made
	if n == maxWays {
		return nil, fmt.Errorf("%d peers: too many", n+1)
	}
	device := l.device()
	l.made++
	w.Addr = nth(firstVIP, n)
	w.machine = l.connect(p.Name, device, nth(firstWay, n))
	w.prepare(n)
	if err := l.lab.Err(); err != nil {
		return nil, err
	}
	var err error
	if w.Running, err = p.start(ctx, l, w.site()); err != nil {
		return nil, err
	}
	l.ways = append(l.ways, w)
	if err := l.lab.Err(); err != nil {
		return nil, err
	}
	if err := w.pin(); err != nil {
		return nil, errors.Join(err, l.Remove(w))
	}
	return w, nil
}

// Remove stops a peer; its host stays. Others are as they were.
func (l *LAN) Remove(w *Way) error {
	l.ways = slices.DeleteFunc(l.ways, func(have *Way) bool { return have == w })
	return w.stop()
}

// prepare sets up what is around the peer.
func (w *Way) prepare(n int) {
	l := w.lan
	vip := netip.PrefixFrom(w.Addr, w.Addr.BitLen())
	if !l.options.Unsteered {
		l.steer(w.machine, l.Split.Peers())
	}
	switch w.kind {
	case routes:
		for _, s := range l.Servers {
			s.Interface("lo").AddAddr(vip)
		}
	case translates:
		client := nth(behind.Addr(), n+1)
		l.Client.Link.AddAddr(netip.PrefixFrom(client, client.BitLen()))
		l.Client.AddRoute(lab.Route{Dst: vip, Dev: l.Client.Link.Name(), Src: client})
		for _, s := range l.Servers {
			s.AddRoute(lab.Route{Dst: netip.PrefixFrom(client, client.BitLen()), Via: w.machine.Addr})
		}
	case proxies:
		manyConnections(w.machine.Host)
		w.machine.Link.AddAddr(vip)
	}
	if !w.arp {
		l.Client.SetNeighbor(l.Client.Link.Name(), w.Addr, w.machine.Link.MAC())
	}
}

// site is the way as its peer sees it.
func (w *Way) site() *peer.Site {
	l, device := w.lan, w.machine.Link.Name()
	s := &peer.Site{Host: w.machine.Host, Near: device, Far: device, VIP: w.Addr, Flows: manyFlows}
	if w.kind == translates {
		s.Clients = behind
	}
	var servers []peer.Server
	for _, machine := range l.Servers {
		servers = append(servers, peer.Server{Addr: machine.Addr, MAC: machine.Link.MAC()})
	}
	for _, p := range l.options.Ports {
		some := servers
		if p.OneServer {
			some = servers[:1]
		}
		s.Services = append(s.Services, peer.Service{Protocol: p.Protocol, Port: p.Number, Servers: slices.Clone(some)})
	}
	return s
}

// manyFlows is how many connections a way should be able to keep in mind: some
// seconds' worth, with those that have ended.
const manyFlows = 65_536

// pin keeps the peer's threads on its processor.
func (w *Way) pin() error {
	if !w.lan.Split.Apart {
		return nil
	}
	threads, err := w.Running.Threads()
	for _, thread := range threads {
		err = errors.Join(err, processor.Pin(thread, w.lan.Split.Peer))
	}
	return err
}

// Sleep keeps a peer from taking processor time while another one is measured,
// which those that spin would.
func (w *Way) Sleep() error {
	if s, ok := w.Running.(peer.Sleeper); ok {
		return s.Sleep()
	}
	return nil
}

// Wake ends a sleep.
func (w *Way) Wake() error {
	if s, ok := w.Running.(peer.Sleeper); ok {
		return s.Wake()
	}
	return nil
}

// stop ends the peer.
func (w *Way) stop() error {
	if w.Running == nil {
		return nil
	}
	if err := errors.Join(w.Wake(), w.Running.Stop()); err != nil {
		return fmt.Errorf("%s: %w", w.Name, err)
	}
	return nil
}

// Idle is how long the processor that ways run on had nothing to do, since the
// machine's start; false if that tells nothing of them.
func (l *LAN) Idle() (idle time.Duration, known bool, err error) {
	if !l.Split.Apart || l.options.Unsteered {
		return 0, false, nil
	}
	idle, err = processor.Idle(l.Split.Peer)
	return idle, true, err
}
