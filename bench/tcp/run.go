package tcp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"lvsdr/bench"
	"lvsdr/bench/lan"
	"lvsdr/bench/peer"
)

// Scenarios are the names under which results stand.
const (
	Connections = "tcp connections" // a connection for each request
	Requests    = "tcp requests"    // on connections that stay open
	Upload      = "tcp upload"      // on one connection, by offloads
)

// Metrics of the results.
const (
	MetricRate   = "rate"   // connections, requests or bits a second
	MetricRatio  = "ratio"  // of that to the one of direct
	MetricFailed = "failed" // % of what was tried; 100: the upload did not arrive as it was sent
	MetricCPU    = "cpu"    // that the peer's processor took for each, or for a KiB, in ns
)

// direct is the peer that is the unit of ratios. It is the servers alone: where it
// fails nothing can be measured.
const direct = "direct"

// site is the LAN with servers and clients.
type site struct {
	*lan.LAN
	options  Options
	servers  *servers
	asker    asker
	uploader uploader
	exact    builtIn // its uploads are counted
	offloads bool    // on, on all hosts
	run      *bench.Run
	progress bench.Progress
}

// Measure measures all peers side by side and records what it finds. It needs root:
// without, it fails with lab.ErrPrivilege. What a peer lacks on this machine is
// noted in r as skipped, and so is one that fails to start. When the context ends, what is complete is in r. The
// progress may be nil.
func Measure(ctx context.Context, r *bench.Run, o Options, p bench.Progress) (err error) {
	if err := o.complete(); err != nil {
		return err
	}
	if p == nil {
		p = bench.Silent{}
	}
	s, err := newSite(r, o, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	defer plots(r)
	cases, err := s.prepare(ctx)
	for _, note := range s.Notes() {
		r.Skip(note.What, note.Why)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		r.Interrupted = true
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	defer ratios(r)
	return r.Rounds(ctx, o.Rounds, cases, p)
}

func newSite(r *bench.Run, o Options, p bench.Progress) (*site, error) {
	l, err := lan.New(lan.Options{
		Program: o.Program, Servers: o.Servers,
		Ports: []lan.Port{
			{Protocol: peer.TCP, Number: webPort},
			{Protocol: peer.TCP, Number: uploadPort},
			{Protocol: peer.TCP, Number: iperfPort, OneServer: true},
		},
	})
	if err != nil {
		return nil, err
	}
	return &site{LAN: l, options: o, exact: builtIn{l.Client.Host}, run: r, progress: p}, nil
}

// close ends everything.
func (s *site) close() error {
	err := s.LAN.Close()
	if s.servers != nil {
		err = errors.Join(err, s.servers.stop())
	}
	return err
}

// prepare starts servers, clients and peers, and returns what is measured.
func (s *site) prepare(ctx context.Context) (cases []bench.Case, err error) {
	s.progress.Show(bench.Status{What: "start servers and clients"})
	if s.servers, err = startServers(ctx, s.LAN, s.options.BuiltIn); err != nil {
		return nil, err
	}
	if err := s.chooseClients(ctx); err != nil {
		return nil, err
	}
	peers, err := lan.Choose(lan.Peers(), s.options.Peers)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		s.progress.Show(bench.Status{What: "start " + p.Name})
		way, err := s.add(ctx, p)
		switch {
		case errors.Is(err, bench.ErrSkip):
			s.run.Skip(p.Name, err.Error())
		case err != nil && (ctx.Err() != nil || s.Err() != nil || p.Name == direct):
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		case err != nil: // of this peer's making: the others are as good
			s.run.Skip(p.Name, "it failed: "+err.Error())
		default:
			cases = append(cases, s.cases(way)...)
		}
	}
	return cases, s.switchOffloads(true)
}

// add starts a peer that carries traffic. Errors that wrap bench.ErrSkip say what is
// missing.
func (s *site) add(ctx context.Context, p lan.Peer) (*lan.Way, error) {
	way, err := s.Add(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.carries(ctx, way.Addr); err != nil {
		return nil, errors.Join(err, s.Remove(way))
	}
	return way, nil
}

// chooseClients takes the machine's programs where it has them.
func (s *site) chooseClients(ctx context.Context) (err error) {
	s.asker, s.uploader = &s.exact, &s.exact
	if s.options.BuiltIn {
		return nil
	}
	set := s.Split.Loads()
	switch w, err := newWrk(s.Client.Host, max(1, set.Count())); {
	case errors.Is(err, bench.ErrSkip):
		s.run.Skip("wrk", "the built-in client asks in its place, which is slower: "+err.Error())
	case err != nil:
		return err
	default:
		s.asker = w
	}
	switch i, err := newIperf3(ctx, s.Client.Host, s.Servers[0].Host); {
	case errors.Is(err, bench.ErrSkip):
		s.run.Skip("iperf3", "the built-in client sends in its place: "+err.Error())
	case err != nil:
		return err
	default:
		s.uploader = i
	}
	if s.servers.web != "nginx" {
		s.run.Skip("nginx", "the built-in web server answers in its place, which is slower: apt-get install nginx-light")
	}
	return nil
}

// proofBytes is the upload of which every byte is counted before others are
// measured.
const proofBytes = 16 << 20

// carries finds out whether a way works at all: two answers on one connection, one
// on a connection that then ends, and an upload that arrives to the byte.
func (s *site) carries(ctx context.Context, to netip.Addr) error {
	return s.Client.Do(func() error {
		for _, anew := range []bool{false, true} {
			if err := answers(ctx, to, anew); err != nil {
				return fmt.Errorf("ask for a page: %w", err)
			}
		}
		arrived := uint64(0)
		return send(ctx, netip.AddrPortFrom(to, uploadPort), func(sent uint64) bool { return sent < proofBytes }, &arrived)
	})
}

// answers asks twice.
func answers(ctx context.Context, to netip.Addr, anew bool) error {
	l, c := newAskLoop(netip.AddrPortFrom(to, webPort), anew), newConn(ctx)
	defer c.end()
	for range 2 {
		if err := l.once(c); err != nil {
			return err
		}
		if anew {
			c.close()
		}
	}
	return nil
}
