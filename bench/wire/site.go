package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"

	"lvsdr/bench"
	"lvsdr/bench/generator"
	"lvsdr/bench/peer"
	"lvsdr/bench/processor"
	"lvsdr/bench/sink"
	"lvsdr/lab"
)

// addresses are those of a site, of one family.
type addresses struct {
	vip       netip.Addr
	near      netip.Prefix // of a peer's host, towards the generator
	far       netip.Prefix // towards the servers
	firstReal netip.Addr
}

// They are set aside for documentation (RFC 5737, RFC 3849).
var (
	ipv4 = addresses{
		vip:       netip.MustParseAddr("192.0.2.10"),
		near:      netip.MustParsePrefix("192.0.2.2/24"),
		far:       netip.MustParsePrefix("198.51.100.2/24"),
		firstReal: netip.MustParseAddr("198.51.100.21"),
	}
	ipv6 = addresses{
		vip:       netip.MustParseAddr("2001:db8:0:1::10"),
		near:      netip.MustParsePrefix("2001:db8:0:1::2/64"),
		far:       netip.MustParsePrefix("2001:db8:0:2::2/64"),
		firstReal: netip.MustParseAddr("2001:db8:0:2::15"),
	}
)

// maxServers fit behind firstReal in the subnet.
const maxServers = 200

const servicePort = 80

// addresses are those of the family that is measured.
func (o *Options) addresses() *addresses {
	if o.IPv6 {
		return &ipv6
	}
	return &ipv4
}

// real is the address of a real server.
func (a *addresses) real(server int) netip.Addr {
	b := a.firstReal.AsSlice()
	b[len(b)-1] += byte(server)
	addr, _ := netip.AddrFromSlice(b) // of the length that it had
	return addr
}

// sites counts those that this process made, for names of interfaces that are
// unique on the machine.
var sites atomic.Int32

// site is the LAN: a host that sends, a host that is all real servers, and
// between them a host for each peer.
type site struct {
	lab        *lab.Lab
	processors processor.Split
	options    Options
	number     int32
	generator  *lab.Host
	servers    *lab.Host
	segments   []*segment
	progress   *progress
	notes      []bench.Skip // what is not as it should be
}

// newSite needs root: it fails with lab.ErrPrivilege. The progress may be nil.
func newSite(o Options, p bench.Progress) (*site, error) {
	chosen, err := processor.Choose()
	if err != nil {
		return nil, err
	}
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = bench.Silent{}
	}
	s := &site{lab: l, processors: chosen, options: o, number: sites.Add(1), progress: &progress{Progress: p}}
	s.generator, s.servers = l.Host("generator"), l.Host("servers")
	if !chosen.Apart {
		s.note("processors", "there is one only: the generator and what it measures take it from each other")
	}
	return s, nil
}

// note keeps what the reader of the figures should know.
func (s *site) note(what, why string) { s.notes = append(s.notes, bench.Skip{What: what, Why: why}) }

// close stops the peers and removes the LAN.
func (s *site) close() error {
	var err error
	for _, g := range s.segments {
		err = errors.Join(err, g.close())
	}
	return errors.Join(err, s.lab.Close())
}

// segment is one peer's part of the site.
type segment struct {
	site *site
	peer Peer
	host *lab.Host // nil: there is none

	near, far string    // the host's interfaces
	link      *lab.Link // from the generator
	out       *lab.Link // to the servers, from the host; the same as link if there is no host
	nearMAC   [6]byte   // what frames are sent to

	generator generator.Generator
	kind      generator.Kind
	sink      *sink.Sink
	forwarder peer.Running // nil: there is no host
	receiving []int        // kernel threads that receive for the host
}

// newSegment lays the links of a peer, and starts generator, sink and peer. An
// error that wraps bench.ErrSkip says what is missing.
func (s *site) newSegment(p Peer) *segment {
	g := &segment{site: s, peer: p}
	n := len(s.segments)
	unique := fmt.Sprintf("%d%c%d", s.number, 'a'+n, os.Getpid())
	sending, receiving := fmt.Sprintf("g%d", n), fmt.Sprintf("s%d", n)
	s.segments = append(s.segments, g)
	if p.direct {
		g.link = s.lab.Connect(s.generator, s.servers, lab.LinkConfig{Name: sending}, lab.LinkConfig{Name: receiving})
		g.out, g.nearMAC = g.link, sink.MAC(0)
		return g
	}
	where := s.options.addresses()
	g.near, g.far = "i"+unique, "o"+unique
	g.host = s.lab.Host(p.Name)
	g.link = s.lab.Connect(s.generator, g.host, lab.LinkConfig{Name: sending},
		lab.LinkConfig{Name: g.near, Addrs: []netip.Prefix{where.near}})
	g.out = s.lab.Connect(g.host, s.servers, lab.LinkConfig{Name: g.far, Addrs: []netip.Prefix{where.far}},
		lab.LinkConfig{Name: receiving})
	// A veth takes frames from XDP, and has a queue of its own to receive, with
	// GRO on.
	g.link.Peer.SetOffload(lab.GRO, true)
	copy(g.nearMAC[:], g.link.Peer.MAC())
	return g
}

// traffic is what is sent to the peer.
func (g *segment) traffic() generator.Traffic {
	o := &g.site.options
	t := generator.Traffic{
		Destination: g.nearMAC, To: netip.AddrPortFrom(o.addresses().vip, servicePort),
		Protocol: o.Protocol, Flows: o.Flows, Size: o.Size, New: o.New,
	}
	copy(t.Source[:], g.link.MAC())
	return t
}

// openEnds starts the generator and the sink.
func (g *segment) openEnds() error {
	err := g.site.servers.Do(func() error {
		made, kind, why, err := sink.Open(g.out.Peer.Name(), g.site.options.Servers, g.sinks()...)
		if err != nil {
			return err
		}
		g.sink = made
		if why != nil {
			g.site.note("sink", fmt.Sprintf("frames are counted by %s, which is slow: %v", kind, why))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return g.site.generator.Do(func() error {
		// A veth, with GRO on at its other end.
		made, kind, why, err := generator.OpenSending(g.link.Name(), g.traffic())
		if err != nil {
			return err
		}
		g.generator, g.kind = made, kind
		if why != nil {
			g.site.note(string(generator.LiveFrames), fmt.Sprintf("frames are sent by %s, which is slow, and no processor time is measured: %v", kind, why))
		}
		return nil
	})
}

// sinks are the ways to count, the best one first. What the generator sends comes by
// XDP, and so does an end that takes it itself. A peer's frames from a socket lack the
// room that an XDP program may write to before a frame, and the kernel would copy each
// of them on its way to one: that would count as time of those peers, and of no others.
func (g *segment) sinks() []sink.Kind {
	if g.peer.direct {
		return []sink.Kind{sink.XDP, sink.Rules}
	}
	return []sink.Kind{sink.TC, sink.XDP, sink.Rules}
}

// receiveInThread gives the host's receiving a thread on the peer's processor.
func (g *segment) receiveInThread() {
	thread, err := processor.PollInThread(g.host, g.near)
	if err == nil && g.site.processors.Apart {
		err = processor.Pin(thread, g.site.processors.Peer)
	}
	if err != nil {
		g.site.note("processor time", fmt.Sprintf("what the kernel takes to receive is in no figure: %v", err))
		return
	}
	g.receiving = []int{thread}
}

// pinThreads keeps a peer's threads on its processor.
func (g *segment) pinThreads() error {
	if !g.site.processors.Apart {
		return nil
	}
	threads, err := g.forwarder.Threads()
	for _, thread := range threads {
		err = errors.Join(err, processor.Pin(thread, g.site.processors.Peer))
	}
	return err
}

// close stops what runs on the segment.
func (g *segment) close() error {
	var err error
	if g.generator != nil {
		err = g.generator.Close()
	}
	if g.forwarder != nil {
		err = errors.Join(err, g.forwarder.Stop())
	}
	if g.sink != nil {
		err = errors.Join(err, g.sink.Close())
	}
	g.generator, g.forwarder, g.sink = nil, nil, nil
	return err
}
