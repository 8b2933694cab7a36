package afxdp

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/dataplane/link/internal/linktest"
	"lvsdr/lab"
)

const nearEnd, farEnd = "near", "far"

// cable is  near (under test) ---veth--- far,  in two namespaces.
type cable struct {
	near, far *lab.Host
	link      *lab.Link
}

func newCable(t testing.TB) *cable {
	t.Helper()
	l := lab.ForTest(t)
	c := &cable{near: l.Host("near"), far: l.Host("far")}
	c.lay(l)
	return c
}

func (c *cable) lay(l *lab.Lab) {
	c.link = l.Connect(c.near, c.far, lab.LinkConfig{Name: nearEnd}, lab.LinkConfig{Name: farEnd})
}

func (c *cable) mac() [6]byte { return [6]byte(c.link.MAC()) }

func do(t testing.TB, h *lab.Host, fn func() error) {
	t.Helper()
	if err := h.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// open opens a Sender on the near end, and what it falls back to.
func (c *cable) open(t testing.TB) (s *Sender) {
	t.Helper()
	do(t, c.near, func() (err error) {
		s, err = c.tryOpen(0)
		return err
	})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (c *cable) tryOpen(queue int) (*Sender, error) {
	fallback, err := afpacket.OpenSender(afpacket.SenderConfig{Interface: nearEnd})
	if err != nil {
		return nil, err
	}
	s, err := OpenSender(Config{Interface: nearEnd, Index: c.link.Index(), Queue: queue, Fallback: fallback})
	if err != nil {
		return nil, errors.Join(err, fallback.Close())
	}
	return s, nil
}

func (c *cable) openFar(t testing.TB) (f *linktest.FarSocket) {
	t.Helper()
	do(t, c.far, func() (err error) {
		f, err = linktest.OpenFarSocket(farEnd)
		return err
	})
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func frameOf(p linktest.Packet) link.Frame {
	f := link.Frame{Raw: append(make([]byte, link.Headroom), p.Data...), TCI: p.TCI, TPID: p.TPID}
	copy(f.VNet(), p.VNet[:])
	return f
}

// next waits for a frame at the far end.
func next(t *testing.T, f *linktest.FarSocket) linktest.Packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p, err := f.Next(ctx)
	if err != nil {
		t.Fatalf("far end: %v", err)
	}
	return p
}

func TestLANConformance(t *testing.T) {
	linktest.Run(t, func(t *testing.T) *linktest.Rig {
		c := newCable(t)
		rig := &linktest.Rig{Sender: c.open(t), Far: c.openFar(t), MAC: c.mac()}
		do(t, c.near, func() (err error) {
			rig.Receiver, err = afpacket.OpenReceiver(afpacket.ReceiverConfig{Interface: nearEnd, Slots: 150})
			return err
		})
		t.Cleanup(func() { _ = rig.Receiver.Close() })
		return rig
	})
}

// TestLANBoth: frames that take either way leave in the order in which they came.
func TestLANBoth(t *testing.T) {
	c := newCable(t)
	s, f := c.open(t), c.openFar(t)
	sizes := []int{60, 1514, 5000, 61, 9000, 5001, 1000, 62, 63, 7000, 64}
	for range 50 {
		for _, size := range sizes {
			p := linktest.UDP(c.mac(), size, size)
			if size > 1514 {
				p = linktest.TCP(c.mac(), size)
			}
			frame := frameOf(p)
			s.Send(&frame)
		}
		if n := s.Flush(); n != 0 {
			t.Fatalf("%d frames dropped: %+v", n, s.Stats())
		}
		for _, size := range sizes {
			if got := next(t, f); len(got.Data) != size {
				t.Fatalf("a frame of %d bytes, want %d", len(got.Data), size)
			}
		}
	}
	if by, want := s.fallback.Stats().Frames, uint64(50*4); by != want {
		t.Errorf("%d frames went by the fallback, want %d", by, want)
	}
}

// TestLANDownAndUp: frames for an interface that is down are lost at once, and
// none of them leaves when it comes up.
func TestLANDownAndUp(t *testing.T) {
	c := newCable(t)
	s, f := c.open(t), c.openFar(t)
	for round := range 3 {
		c.link.Down()
		for i := range queueLen + 44 {
			frame := frameOf(linktest.UDP(c.mac(), 60, i))
			s.Send(&frame)
		}
		want := link.SendStats{
			Frames: uint64(round), Down: uint64(round+1) * (queueLen + 44),
		}
		if n := s.Flush(); n != queueLen+44 || s.Stats() != want {
			t.Fatalf("round %d: %d frames dropped, stats %+v, want %+v", round, n, s.Stats(), want)
		}
		c.link.Up()
		frame := frameOf(linktest.UDP(c.mac(), 700, round))
		s.Send(&frame)
		if n := s.Flush(); n != 0 {
			t.Fatalf("round %d: %d frames dropped after up: %+v", round, n, s.Stats())
		}
		if got := next(t, f); len(got.Data) != 700 {
			t.Fatalf("round %d: the first frame after up has %d bytes", round, len(got.Data))
		}
		if len(s.free) != chunks {
			t.Fatalf("round %d: %d of %d chunks are free", round, len(s.free), chunks)
		}
	}
}

// TestLANDelete: an interface that is gone takes no frame, and the one that is made
// anew is another.
func TestLANDelete(t *testing.T) {
	l := lab.ForTest(t)
	c := &cable{near: l.Host("near"), far: l.Host("far")}
	c.lay(l)
	s := c.open(t)
	c.link.Delete()
	frame := frameOf(linktest.UDP([6]byte{2}, 60, 1))
	s.Send(&frame)
	if n := s.Flush(); n != 1 || s.Stats().Down != 1 {
		t.Errorf("%d frames dropped, stats %+v", n, s.Stats())
	}
	do(t, c.near, func() error {
		if _, err := OpenSender(Config{Interface: nearEnd, Index: c.link.Index()}); !errors.Is(err, link.ErrGone) {
			t.Errorf("open: %v, want %v", err, link.ErrGone)
		}
		return nil
	})
	c.lay(l)
	s, f := c.open(t), c.openFar(t)
	s.Send(&frame)
	if n := s.Flush(); n != 0 || len(next(t, f).Data) != 60 {
		t.Errorf("%d frames dropped, stats %+v", n, s.Stats())
	}
}

// TestLANQueues: a queue has one socket, and is free again when that is closed.
func TestLANQueues(t *testing.T) {
	c := newCable(t)
	s := c.open(t)
	do(t, c.near, func() error {
		if _, err := c.tryOpen(0); !errors.Is(err, ErrBusy) {
			t.Errorf("a second socket: %v, want %v", err, ErrBusy)
		}
		if _, err := c.tryOpen(1); err == nil || errors.Is(err, ErrBusy) {
			t.Errorf("a queue that is not there: %v", err)
		}
		return nil
	})
	for range 20 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = c.open(t)
	}
}

// TestLANFull: what the interface has no room for is lost and counted, and the
// chunks come back.
func TestLANFull(t *testing.T) {
	c := newCable(t)
	s := c.open(t)
	c.link.Peer.Down() // the carrier goes with it
	const n = 1000
	for i := range n {
		frame := frameOf(linktest.UDP(c.mac(), 60, i))
		s.Send(&frame)
	}
	if lost := s.Flush(); lost != n || s.Stats() != (link.SendStats{NoSpace: n}) {
		t.Errorf("%d frames dropped, stats %+v", lost, s.Stats())
	}
	if len(s.free) != chunks {
		t.Errorf("%d of %d chunks are free", len(s.free), chunks)
	}
}

func TestLANNoAllocations(t *testing.T) {
	c := newCable(t)
	s := c.open(t)
	short, partial := frameOf(linktest.UDP(c.mac(), 60, 1)), frameOf(linktest.TCP(c.mac(), 1514))
	if got := testing.AllocsPerRun(100, func() {
		for range 20 {
			s.Send(&short)
			s.Send(&partial)
		}
		s.Flush()
	}); got != 0 {
		t.Errorf("%v allocations a batch", got)
	}
}

// TestLANReceiveOnly: a queue that receives only can be bound and takes nothing; the
// fallback sends instead, once that is known.
func TestLANReceiveOnly(t *testing.T) {
	l := lab.ForTest(t)
	c := &cable{near: l.Host("near"), far: l.Host("far")}
	do(t, c.near, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.NumRxQueues, attrs.NumTxQueues = nearEnd, 2, 1
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "peer"}); err != nil {
			return err
		}
		for _, name := range []string{nearEnd, "peer"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(link); err != nil {
				return err
			}
		}
		i, err := net.InterfaceByName(nearEnd)
		if err != nil {
			return err
		}
		fallback, err := afpacket.OpenSender(afpacket.SenderConfig{Interface: nearEnd})
		if err != nil {
			return err
		}
		s, err := OpenSender(Config{Interface: nearEnd, Index: i.Index, Queue: 1, Fallback: fallback})
		if err != nil {
			return errors.Join(err, fallback.Close())
		}
		defer func() { _ = s.Close() }()
		for range 3 {
			for range 2 {
				frame := frameOf(linktest.UDP([6]byte{2}, 60, 1))
				s.Send(&frame)
			}
			s.Flush()
		}
		if want := (link.SendStats{Frames: 4, Failed: 2}); s.Stats() != want {
			t.Errorf("stats %+v, want %+v", s.Stats(), want)
		}
		return nil
	})
}
