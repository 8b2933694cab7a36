package afpacket

import (
	"encoding/binary"
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/internal/linktest"
)

// TestLANFilter sends what must not come up, then what must; the first frame
// that comes up is of the second kind.
func TestLANFilter(t *testing.T) {
	near, far := newCable(t)
	r, _ := openPair(t, near, ReceiverConfig{Interface: nearEnd, MACs: testMACs}, SenderConfig{Interface: nearEnd})
	f := newFarSocket(t, far, farEnd)
	typed := func(etherType uint16) linktest.Packet {
		p := linktest.UDP(nearMAC, 60, 1)
		binary.BigEndian.PutUint16(p.Data[12:], etherType)
		return p
	}
	tag := func(p linktest.Packet) linktest.Packet {
		p.TPID, p.TCI = typeVLAN, 42
		return p
	}
	inner := linktest.UDP(testMACs[1], 64, 3) // a second tag, in the frame
	copy(inner.Data[16:], linktest.UDP(testMACs[1], 60, 3).Data[12:])
	binary.BigEndian.PutUint32(inner.Data[12:], typeVLAN<<16|7)
	innerARP := inner.Clone()
	binary.BigEndian.PutUint16(innerARP.Data[16:], 0x0806)

	for _, p := range []linktest.Packet{
		linktest.UDP([6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 60, 1),
		linktest.UDP([6]byte{1, 0, 0x5e, 0, 0, 1}, 60, 1),
		linktest.UDP([6]byte{2, 0, 0, 0, 0, 2}, 60, 1),
		tag(linktest.UDP([6]byte{2, 0, 0, 0, 0, 2}, 60, 1)),
		typed(0x0806), typed(0x88cc), tag(typed(0x0806)), innerARP, tag(innerARP),
	} {
		near.must(f.Inject(p))
	}
	want := []linktest.Packet{
		linktest.UDP(testMACs[0], 60, 1), linktest.UDP(testMACs[1], 60, 2),
		typed(typeIPv6), tag(typed(typeIPv4)), tag(inner),
	}
	for _, p := range want {
		near.must(f.Inject(p))
	}
	batch := make([]link.Frame, 1)
	for i, p := range want {
		if _, err := receiveUntil(r, batch); err != nil {
			t.Fatal(err)
		}
		if got := string(batch[0].Data()); got != string(p.Data) || batch[0].TPID != p.TPID {
			t.Fatalf("frame %d: % x tag %#x, want % x tag %#x", i, got, batch[0].TPID, p.Data, p.TPID)
		}
	}
	if got := r.Stats(); got.Frames != uint64(len(want)) || got.Dropped != 0 {
		t.Errorf("stats %+v", got)
	}
}

// TestLANMembership: the interface takes frames to a further address while,
// and only while, the Receiver is open, and is promiscuous only if told so.
func TestLANMembership(t *testing.T) {
	near, _ := newCable(t)
	promiscuity := func() (n int) {
		near.do(func() { n = near.link(nearEnd).Attrs().Promisc })
		return n
	}
	for _, promiscuous := range []bool{false, true} {
		before := promiscuity()
		r, _ := openPair(t, near,
			ReceiverConfig{Interface: nearEnd, MACs: testMACs, Promiscuous: promiscuous}, SenderConfig{Interface: nearEnd})
		during := promiscuity()
		if promiscuous && during == 0 {
			t.Error("not promiscuous")
		}
		near.must(r.Close())
		if after := promiscuity(); after != before {
			t.Errorf("promiscuity %d before, %d while open, %d after", before, during, after)
		}
	}
}

// TestLANOwnOutput: frames that this host sends to an address that we receive
// for, from our own Sender through the queueing discipline or from another
// socket, do not come up. A veth reflects nothing by itself.
func TestLANOwnOutput(t *testing.T) {
	for _, workers := range []int{1, 2} {
		near, far := newCable(t)
		rc := ReceiverConfig{Interface: nearEnd, Workers: workers, Poll: PollBlock}
		r, s := openPair(t, near, rc, SenderConfig{Interface: nearEnd, Qdisc: true})
		for i := range 300 {
			f := frameOf(linktest.UDP(nearMAC, 60, i))
			s.Send(&f)
		}
		if got := s.Flush(); got != 0 {
			t.Fatalf("%d frames dropped", got)
		}
		own := newFarSocket(t, near, nearEnd)
		near.must(own.Inject(linktest.UDP(nearMAC, 60, 1)))
		near.must(newFarSocket(t, far, farEnd).Inject(linktest.UDP(nearMAC, 61, 1)))
		batch := make([]link.Frame, 4)
		if n, err := receiveUntil(r, batch); n != 1 || err != nil || len(batch[0].Data()) != 61 {
			t.Errorf("%d workers: receive %d frames of %d bytes, %v", workers, n, len(batch[0].Data()), err)
		}
		if got := r.Stats().Frames; got != 1 {
			t.Errorf("%d workers: %d frames came up", workers, got)
		}
	}
}
