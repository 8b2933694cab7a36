package demo

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mdlayher/arp"

	"lvsdr/lab"
)

const (
	etherTypeIPv4 = 0x0800
	etherTypeARP  = 0x0806
	ethernetLen   = 14
	ipv4Len       = 20
	tcpLen        = 20
	protocolTCP   = 6
)

// arpOf returns the ARP packet in a frame.
func arpOf(f lab.Frame) (p arp.Packet, ok bool) {
	if f.EtherType() != etherTypeARP || len(f.Data) < ethernetLen {
		return p, false
	}
	return p, p.UnmarshalBinary(f.Data[ethernetLen:]) == nil
}

// isARPForVIP matches frames that ask for the VIP, claim it, or probe for it.
func isARPForVIP(f lab.Frame) bool {
	p, ok := arpOf(f)
	return ok && (p.TargetIP == vip || p.SenderIP == vip)
}

// segment is the outside of a TCP segment.
type segment struct {
	src, dst netip.Addr
	flags    byte
}

const (
	flagSYN = 0x02
	flagACK = 0x10
)

// segmentOf returns the IPv4 TCP segment in a frame.
func segmentOf(f lab.Frame) (s segment, ok bool) {
	d := f.Data
	if f.EtherType() != etherTypeIPv4 || len(d) < ethernetLen+ipv4Len {
		return s, false
	}
	d = d[ethernetLen:]
	header := int(d[0]&15) * 4
	if d[9] != protocolTCP || len(d) < header+tcpLen {
		return s, false
	}
	s.src, s.dst = netip.AddrFrom4([4]byte(d[12:16])), netip.AddrFrom4([4]byte(d[16:20]))
	s.flags = d[header+13]
	return s, true
}

// between reports whether the segment is of a connection from client to the VIP,
// and not of one of the director's health checks, which ask the VIP as well.
func (s segment) between(client netip.Addr) bool {
	return s.src == client && s.dst == vip || s.src == vip && s.dst == client
}

// opening matches the first two segments of a client's connections to the VIP.
func opening(client netip.Addr) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		s, ok := segmentOf(f)
		return ok && s.flags&flagSYN != 0 && s.between(client)
	}
}

// traffic counts the frames of the client's connections to the VIP in two places.
type traffic struct {
	client, director *lab.Capture

	received  atomic.Int64 // by the director, from clients
	sent      atomic.Int64 // by the director, to a real server
	replies   atomic.Int64 // received by the client, straight from a real server
	detoured  atomic.Int64 // received by the client, from anybody else
	intruding atomic.Int64 // replies that passed the director's port
}

// watchTraffic starts to count. What leaves the director is counted at the
// switch's end of its link: the director sends past its host's taps.
func (l *lan) watchTraffic() *traffic {
	const headers = ethernetLen + 60 + tcpLen
	t := new(traffic)
	webs := make(map[string]bool)
	for _, web := range l.webs {
		webs[web.link.MAC().String()] = true
	}
	own := l.director.link.MAC().String()
	t.director = l.director.link.Peer.Capture(lab.SnapLen(headers), lab.Only(func(f lab.Frame) bool {
		switch s, ok := segmentOf(f); {
		case !ok || !s.between(l.client.addr):
		case s.src == vip:
			t.intruding.Add(1)
		case s.dst == vip && f.Outgoing && f.Dst().String() == own:
			t.received.Add(1)
		case s.dst == vip && f.Src().String() == own && webs[f.Dst().String()]:
			t.sent.Add(1)
		}
		return false
	}))
	t.client = l.client.link.Capture(lab.SnapLen(headers), lab.Only(func(f lab.Frame) bool {
		if s, ok := segmentOf(f); ok && s.src == vip && !f.Outgoing {
			if webs[f.Src().String()] {
				t.replies.Add(1)
			} else {
				t.detoured.Add(1)
			}
		}
		return false
	}))
	return t
}

// settle stops counting once the director has sent all that it received, or
// a second has passed.
func (t *traffic) settle(ctx context.Context) error {
	deadline := time.Now().Add(time.Second)
	for {
		t.director.Frames() // waits for what has reached the link
		t.client.Frames()
		if t.received.Load() == t.sent.Load() || time.Now().After(deadline) {
			break
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	if lost := t.director.Lost() + t.client.Lost(); lost > 0 {
		return fmt.Errorf("%d frames were too fast for the captures; try fewer --requests", lost)
	}
	return nil
}

// close ends the captures; what they counted stays.
func (t *traffic) close() {
	t.director.Close() // an error could only say that it had ended
	t.client.Close()
}

// check says which claim about the way of frames does not hold.
func (t *traffic) check() error {
	var wrong []string
	claim := func(holds bool, format string, args ...any) {
		if !holds {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	claim(t.received.Load() > 0, "the director received no frame")
	claim(t.received.Load() == t.sent.Load(), "the director received %d frames and sent %d", t.received.Load(), t.sent.Load())
	claim(t.replies.Load() > 0, "no reply came straight from a real server")
	claim(t.detoured.Load() == 0, "%d replies came from somebody else", t.detoured.Load())
	claim(t.intruding.Load() == 0, "%d replies passed the director", t.intruding.Load())
	if wrong != nil {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}

// sleep waits unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
