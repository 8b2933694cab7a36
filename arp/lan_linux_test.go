package arp_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/ethernet"

	"lvsdr/arp"
	"lvsdr/arp/arptest"
	"lvsdr/frame"
	"lvsdr/lab"
)

// segment is a LAN with two hosts; arp is spoken on the left one's interface:
//
//	left .1      right .2
//	   └──── lan ────┘
type segment struct {
	left, right *lab.Link
	leftHost    *lab.Host
}

func newSegment(t *testing.T) *segment {
	t.Helper()
	l := lab.ForTest(t)
	lan, left := l.Switch("lan"), l.Host("left")
	s := &segment{leftHost: left}
	s.left = l.Connect(left, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
	s.right = l.Connect(l.Host("right"), lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
	return s
}

// listen opens a socket on the left interface that takes frames for mac, too.
func (s *segment) listen(t *testing.T, mac frame.MAC) (sock arp.Socket) {
	t.Helper()
	err := s.leftHost.Do(func() error {
		ifi, err := net.InterfaceByName(s.left.Name())
		if err != nil {
			return err
		}
		sock, err = arp.Listen(ifi, mac)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sock.Close() })
	return sock
}

// ask returns a request from the right host, marked by its target address.
func (s *segment) ask(t *testing.T, to frame.MAC, mark byte) []byte {
	t.Helper()
	mac := frame.MAC(s.right.MAC())
	ip := ourIP.As4()
	ip[3] = mark
	return arptest.Encode(t, arp.Packet{
		Destination: to, Source: mac, Operation: arp.Request,
		SenderMAC: mac, SenderIP: otherIP, TargetIP: netip.AddrFrom4(ip),
	})
}

// tagged returns an ARP frame with a VLAN tag.
func tagged(t *testing.T, b []byte) []byte {
	t.Helper()
	f := ethernet.Frame{
		Destination: b[:6], Source: b[6:12], VLAN: &ethernet.VLAN{ID: 5},
		EtherType: ethernet.EtherTypeARP, Payload: b[14:],
	}
	b, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLANFilter(t *testing.T) {
	t.Parallel()
	for name, mac := range map[string]frame.MAC{"own": {}, "virtual": virtualMAC} {
		t.Run(name, func(t *testing.T) {
			s := newSegment(t)
			own := frame.MAC(s.left.MAC())
			if mac.IsZero() {
				mac = own
			}
			sock := s.listen(t, mac)
			foreign := s.ask(t, frame.Broadcast, 207)
			foreign[15] = 6 // not Ethernet
			for _, b := range [][]byte{
				s.ask(t, frame.MAC{2, 9, 9, 9, 9, 9}, 201), // another host's
				tagged(t, s.ask(t, frame.Broadcast, 202)),  // another LAN's
				tagged(t, s.ask(t, own, 203)),
				foreign,
				s.ask(t, frame.Broadcast, 101),
				s.ask(t, own, 102),
				s.ask(t, mac, 103),
			} {
				if err := s.right.Inject(b); err != nil {
					t.Fatal(err)
				}
			}
			if err := sock.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			var got []byte
			for b := make([]byte, 128); len(got) < 3; {
				n, err := sock.Read(b)
				if err != nil {
					t.Fatalf("read %v, then: %v", got, err)
				}
				// The kernels may have their own things to ask.
				if p, err := arp.Decode(b[:n]); err == nil && p.TargetIP.As4()[3] > 100 {
					got = append(got, p.TargetIP.As4()[3])
				}
			}
			same(t, "frames that came up", []byte{101, 102, 103}, got)
		})
	}
}

func TestLANSocket(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	sock := s.listen(t, frame.MAC(s.left.MAC()))
	wire := s.right.Capture()
	want := s.ask(t, frame.Broadcast, 104)
	copy(want[6:12], s.left.MAC())
	if _, err := sock.Write(want); err != nil {
		t.Fatal(err)
	}
	_, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
		p, err := arp.Decode(f.Data)
		return err == nil && p.TargetIP.As4()[3] == 104
	})
	if err != nil {
		t.Fatal(err)
	}
	await := func(want bool, wantErr error) {
		t.Helper()
		var up bool
		var err error
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if up, err = sock.Up(); up == want && errors.Is(err, wantErr) {
				return
			}
		}
		t.Fatalf("Up = %v, %v, want %v, %v", up, err, want, wantErr)
	}
	await(true, nil)
	s.left.Down()
	await(false, nil)
	s.left.Up()
	await(true, nil)
	s.left.Peer.Down() // carrier
	await(false, nil)
	s.left.Peer.Up()
	await(true, nil)
	s.left.Delete()
	await(false, arp.ErrInterfaceGone)
}
