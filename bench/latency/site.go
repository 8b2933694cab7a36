package latency

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
	"lvsdr/bench/lan"
	"lvsdr/bench/peer"
	"lvsdr/bench/processor"
	"lvsdr/lab"
)

// servicePort is that of every VIP.
const servicePort = 7

// site is the LAN, with servers that echo and a host from which load comes.
type site struct {
	lan        *lan.LAN
	options    Options
	echoes     []*Echo
	source     *lab.Host
	sourceLink *lab.Link
	paths      []*path
	preferred  bool // the client's thread can be
	notes      []bench.Skip
}

// newSite needs root: it fails with lab.ErrPrivilege.
func newSite(o Options) (_ *site, err error) {
	s := &site{options: o}
	s.lan, err = lan.New(lan.Options{
		Program: o.Program, Ports: []lan.Port{{Protocol: peer.UDP, Number: servicePort}}, Unsteered: !o.Steer,
	})
	if err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepare starts the servers and plugs in the load's host.
func (s *site) prepare() (err error) {
	// An answer leaves from XDP, which finishes no checksum.
	s.lan.Client.Link.SetOffload(lab.TxChecksum, false)
	for _, server := range s.lan.Servers {
		if err := s.openEcho(server); err != nil {
			return fmt.Errorf("real servers that answer (XDP on veth, Linux 5.13): %w", err)
		}
	}
	s.tryPreferred()
	s.source, s.sourceLink, err = s.lan.AddSource("load")
	return err
}

// tryPreferred finds out whether the client's thread can have precedence.
func (s *site) tryPreferred() {
	s.preferred = true
	if err := s.onClient(func() error { return nil }); err != nil {
		s.preferred = false
		s.notes = append(s.notes, bench.Skip{
			What: "precedence", Why: fmt.Sprintf("other programs delay the client, and with it all round trips: %v; it needs CAP_SYS_NICE", err),
		})
	}
}

// onClient runs fn on the client's processor, with precedence where it can be had.
func (s *site) onClient(fn func() error) error {
	return processor.Pinned(s.lan.Split.Load, func() error {
		if !s.preferred {
			return fn()
		}
		return preferred(fn)
	})
}

// openEcho has a server answer.
func (s *site) openEcho(server *lan.Machine) error {
	server.Link.Peer.SetOffload(lab.GRO, true)
	return server.Do(func() error {
		e, err := OpenEcho(server.Link.Name(), Answers{
			ClientMAC: [6]byte(s.lan.Client.Link.MAC()), Server: server.Addr, Port: servicePort, Load: generator.Clients(server.Addr),
		})
		if err == nil {
			s.echoes = append(s.echoes, e)
		}
		return err
	})
}

// loadArrived is how many frames of load have come to the servers.
func (s *site) loadArrived() (sum uint64, err error) {
	for _, e := range s.echoes {
		n, err := e.Load()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// close stops all peers and removes the LAN.
func (s *site) close() error {
	var err error
	for _, p := range s.paths {
		err = errors.Join(err, p.close())
	}
	for _, e := range s.echoes {
		err = errors.Join(err, e.Close())
	}
	return errors.Join(err, s.lan.Close())
}

// path is the way of a variant's datagrams, and who sends them.
type path struct {
	*lan.Way
	site       *site
	client     *client
	background *background
	spins      bool
	total      map[string]histogram // of all rounds, by load
}

// add starts a variant. Errors that wrap bench.ErrSkip say what is missing.
func (s *site) add(ctx context.Context, v variant) (*path, error) {
	way, err := s.lan.Add(ctx, v.Peer)
	if err != nil {
		return nil, err
	}
	p := &path{Way: way, site: s, spins: v.spins, total: make(map[string]histogram)}
	s.paths = append(s.paths, p)
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, s.lan.Remove(way))
	}
	return p, nil
}

// open makes the client and the load, and finds out whether datagrams are answered.
func (p *path) open(ctx context.Context) error {
	s := p.site
	err := s.lan.Client.Do(func() (err error) {
		// The route to the VIP knows the client's address.
		from := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
		p.client, err = newClient(from, netip.AddrPortFrom(p.Addr, servicePort))
		return err
	})
	if err != nil {
		return err
	}
	p.client.sleeps = s.options.Sleep || !s.lan.Split.Apart
	if p.background, err = s.newBackground(p.Way); err != nil {
		return err
	}
	if err := p.arrives(ctx); err != nil {
		return err
	}
	return p.rest()
}

// arriveTries is how many datagrams may be lost until a variant answers one.
const arriveTries = 10

// arrives finds out whether datagrams are answered at all.
func (p *path) arrives(ctx context.Context) error {
	for range arriveTries {
		found, err := p.client.run(ctx, time.Millisecond, time.Millisecond, nil)
		if err != nil {
			return err
		}
		if found.took.total() > 0 {
			return nil
		}
	}
	return fmt.Errorf("of %d datagrams none was answered", arriveTries)
}

// rest keeps a variant that spins from taking a processor until it is measured.
func (p *path) rest() error {
	if !p.spins {
		return nil
	}
	return p.Sleep()
}

func (p *path) close() error {
	var err error
	if p.client != nil {
		err = p.client.close()
	}
	if p.background != nil {
		err = errors.Join(err, p.background.close())
	}
	return err
}

// awake runs fn while the peer does not rest.
func (p *path) awake(fn func() error) error {
	err := p.Wake()
	if err == nil {
		err = fn()
	}
	return errors.Join(err, p.rest())
}

// threads are those of the peer; none if it has no threads of its own.
func (p *path) threads() ([]int, error) {
	if p.Running == nil {
		return nil, nil
	}
	return p.Running.Threads()
}

// idle returns which share of a processor the peer takes for a length of time
// without traffic.
func (p *path) idle(ctx context.Context, length time.Duration) (share float64, err error) {
	threads, err := p.threads()
	if err != nil {
		return 0, err
	}
	before, err := processor.Time(threads)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-timer.C:
	}
	after, err := processor.Time(threads)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.Name, err)
	}
	return (after - before).Seconds() / time.Since(start).Seconds(), nil
}
