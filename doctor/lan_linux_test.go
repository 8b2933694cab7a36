package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"

	"lvsdr/frame"
	"lvsdr/lab"
)

// pair is a LAN with the doctor's host and another one:
//
//	here .2      other .21
//	   └──── lan ────┘
type pair struct {
	here        *lab.Host
	link, other *lab.Link
}

func newPair(t *testing.T) *pair {
	t.Helper()
	l := lab.ForTest(t)
	lan, p := l.Switch("lan"), &pair{here: l.Host("here")}
	p.link = l.Connect(p.here, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
	p.other = l.Connect(l.Host("other"), lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.21/24")})
	return p
}

func (p *pair) listen(t *testing.T) (c *packet.Conn) {
	t.Helper()
	err := p.here.Do(func() error {
		ifi, _, err := findSegment(p.link.Name())
		if err != nil {
			return err
		}
		c, err = listen(ifi, alias)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// from returns a packet of the other host's with a mark in its TOS.
func (p *pair) from(to net.HardwareAddr, mark uint8, protocol uint8, port uint16) []byte {
	h := &host{mac: frame.MAC(p.other.MAC())}
	body := make([]byte, frame.TCPLen)
	switch protocol {
	case frame.ProtocolTCP:
		frame.TCP(body).Init(80, port, 1, 2, frame.TCPRst)
	case frame.ProtocolUDP:
		frame.UDP(body).Init(53, port, len(body)-frame.UDPLen)
	default:
		frame.ICMP(body).Init(frame.ICMPEchoReply, 0)
	}
	f := h.packet(frame.AddrFrom(web1), frame.AddrFrom(ownIP), protocol, body)
	copy(f, to)
	header := frame.IPv4(f[frame.EthernetLen:])
	header.SetTOS(mark)
	header.UpdateChecksum()
	return f
}

// later makes a later fragment of a packet.
func later(f []byte) []byte {
	header := frame.IPv4(f[frame.EthernetLen:])
	header.SetFragment(8, false)
	header.UpdateChecksum()
	return f
}

// inVLAN tags a frame.
func inVLAN(t *testing.T, f []byte) []byte {
	t.Helper()
	b, err := (&ethernet.Frame{
		Destination: f[:6], Source: f[6:12], VLAN: &ethernet.VLAN{ID: 5}, EtherType: ethernet.EtherTypeIPv4, Payload: f[14:],
	}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLANFilter(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	c := p.listen(t)
	own, all := p.link.MAC(), net.HardwareAddr(frame.Broadcast[:])
	if err := p.link.Inject(p.from(p.other.MAC(), 9, frame.ProtocolICMP, 0)); err != nil { // this host's own
		t.Fatal(err)
	}
	for _, f := range [][]byte{
		p.from(net.HardwareAddr{2, 9, 9, 9, 9, 9}, 10, frame.ProtocolICMP, 0),
		inVLAN(t, p.from(own, 11, frame.ProtocolICMP, 0)),
		p.from(own, 12, frame.ProtocolTCP, firstID-1),
		p.from(own, 13, frame.ProtocolUDP, firstID-1),
		p.from(own, 14, frame.ProtocolSCTP, firstID),
		later(p.from(own, 15, frame.ProtocolTCP, firstID)),
		p.from(own, 101, frame.ProtocolTCP, firstID),
		p.from(own, 102, frame.ProtocolUDP, 65535),
		p.from(own, 103, frame.ProtocolICMP, 0),
		p.from(all, 104, frame.ProtocolICMP, 0),
	} {
		if err := p.other.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	there := segment{mac: frame.MAC(p.other.MAC()), addrs: []netip.Prefix{netip.PrefixFrom(web1, 24)}}
	question, err := there.askARP(there.mac, web1, ip("192.0.2.7"))
	if err == nil {
		err = p.other.Inject(question)
	}
	if err == nil {
		err = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []uint8
	for b := make([]byte, 2000); ; {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		if frame.Ethernet(b).EtherType() == frame.EtherTypeARP && slices.Equal(b[:n][38:42], []byte{192, 0, 2, 7}) {
			break
		}
		if frame.Ethernet(b).EtherType() == frame.EtherTypeIPv4 {
			got = append(got, frame.IPv4(b[frame.EthernetLen:]).TOS())
		}
	}
	if want := []uint8{101, 102, 103, 104}; !slices.Equal(got, want) {
		t.Errorf("came up: %v, want %v", got, want)
	}
}

func TestLANExamineFails(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	o := Options{Interface: p.link.Name(), Services: services(both()), Window: time.Hour}
	examine := func(ctx context.Context, o Options) (err error) {
		return p.here.Do(func() error { _, err := Examine(ctx, o); return err })
	}
	ctx, cancel := context.WithCancel(t.Context())
	wire := p.other.Capture()
	go func() {
		defer cancel()
		_, _ = wire.WaitFor(ctx, func(f lab.Frame) bool { return f.EtherType() == frame.EtherTypeARP }) // or gives up
	}()
	if err := examine(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	for _, c := range []struct{ name, want string }{{"none", "no such network interface; there are " + p.link.Name()}, {"lo", "not Ethernet; there are " + p.link.Name()}} {
		o.Interface = c.name
		if err := examine(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	o.Interface = p.link.Name()
	p.link.Down()
	if err := examine(t.Context(), o); err == nil || !strings.Contains(err.Error(), "ip link set") {
		t.Errorf("down: %v", err)
	}
}
