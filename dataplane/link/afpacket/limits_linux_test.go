package afpacket

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/internal/linktest"
)

// drain receives n frames and calls see for each.
func drain(t *testing.T, r *Receiver, n int, see func(*link.Frame)) {
	t.Helper()
	batch := make([]link.Frame, 64)
	for n > 0 {
		got, err := receiveUntil(r, batch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range batch[:got] {
			see(&batch[i])
		}
		n -= got
	}
}

// TestLANOverflow: a ring that nobody empties loses frames, says how many, and
// goes on.
func TestLANOverflow(t *testing.T) {
	near, far := newCable(t)
	r, _ := openPair(t, near, ReceiverConfig{Interface: nearEnd, Slots: 66}, SenderConfig{Interface: nearEnd})
	f := newFarSocket(t, far, farEnd)
	const slots, sent = 66, 100
	for round := range 3 {
		for i := range sent {
			near.must(f.Inject(linktest.UDP(nearMAC, 60, i)))
		}
		// The kernel may still be busy with them when Inject returns.
		for r.Stats().Dropped < uint64((sent-slots)*(round+1)) {
			runtime.Gosched()
		}
		seq := 0
		drain(t, r, slots, func(fr *link.Frame) {
			if string(fr.Data()) != string(linktest.UDP(nearMAC, 60, seq).Data) {
				t.Errorf("round %d: frame %d is another", round, seq)
			}
			seq++
		})
		want := link.ReceiveStats{Frames: uint64(slots * (round + 1)), Dropped: uint64((sent - slots) * (round + 1))}
		if got := r.Stats(); got != want {
			t.Fatalf("round %d: stats %+v, want %+v", round, got, want)
		}
		// The drained slots go back with the next call.
		r.Interrupt()
		if n, err := r.Receive(make([]link.Frame, 1)); n != 0 || err != nil {
			t.Fatalf("receive: %d, %v", n, err)
		}
	}
}

// TestLANCutFrames: a burst of long frames for which the socket has no room
// comes up in order, the first ones whole, the others marked as cut; then
// long frames come up whole again.
func TestLANCutFrames(t *testing.T) {
	near, far := newCable(t)
	r, s := openPair(t, near, ReceiverConfig{Interface: nearEnd}, SenderConfig{Interface: nearEnd})
	f := newFarSocket(t, far, farEnd)
	const burst = 600
	super := linktest.TCP(nearMAC, linktest.MaxTCP)
	for range burst {
		near.must(f.Inject(super))
	}
	whole, cut := 0, 0
	drain(t, r, burst, func(fr *link.Frame) {
		if fr.WireLen != len(super.Data) || string(fr.Data()) != string(super.Data[:len(fr.Data())]) {
			t.Errorf("frame of %d bytes, wire length %d", len(fr.Data()), fr.WireLen)
		}
		if !fr.Truncated() {
			whole++
			return
		}
		cut++
		s.Send(fr)
	})
	if whole < 100 || cut == 0 {
		t.Errorf("%d frames came up whole, %d cut", whole, cut)
	}
	if got := s.Flush(); got != cut {
		t.Errorf("%d of %d cut frames were refused", got, cut)
	}
	if got := r.Stats(); got.Truncated != uint64(cut) || got.Dropped != 0 {
		t.Errorf("stats %+v, %d cut", got, cut)
	}
	near.must(f.Inject(super))
	drain(t, r, 1, func(fr *link.Frame) {
		if fr.Truncated() {
			t.Error("a long frame is cut though the socket is empty")
		}
	})
}

// TestLANRefusedFrames: an interface that takes no more (ENOBUFS, here from a
// queueing discipline that is full) and frames above the MTU cost themselves
// only.
func TestLANRefusedFrames(t *testing.T) {
	near, far := newCable(t)
	_, s := openPair(t, near, ReceiverConfig{Interface: nearEnd}, SenderConfig{Interface: nearEnd, Qdisc: true})
	f := newFarSocket(t, far, farEnd)
	for _, size := range []int{1514, 1515, 1514, 4000, 60} {
		frame := frameOf(linktest.UDP(nearMAC, size, 0))
		s.Send(&frame)
	}
	tagged := linktest.UDP(nearMAC, 1514, 0)
	tagged.TPID, tagged.TCI = typeVLAN, 42
	frame := frameOf(tagged)
	s.Send(&frame)
	if got, want := s.Flush(), (link.SendStats{Frames: 4, TooLong: 2}); got != 2 || s.Stats() != want {
		t.Errorf("%d frames dropped, stats %+v, want %+v", got, s.Stats(), want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, size := range []int{1514, 1514, 60, 1514} {
		if p, err := f.Next(ctx); err != nil || len(p.Data) != size {
			t.Errorf("far end: %d bytes, want %d, %v", len(p.Data), size, err)
		}
	}

	near.do(func() {
		near.must(netlink.QdiscAdd(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{
				LinkIndex: near.link(nearEnd).Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0),
			},
			Rate: 1000, Buffer: netlink.Xmittime(1000, 2000), Limit: 3000, // bytes a second, a burst of 2000, a queue of 3000
		}))
	})
	for i := range 200 {
		frame := frameOf(linktest.UDP(nearMAC, 1000, i))
		s.Send(&frame)
	}
	got := s.Flush()
	stats := s.Stats()
	if got < 190 || uint64(got) != stats.NoSpace || stats.Frames+stats.NoSpace != 204 || stats.Failed != 0 {
		t.Errorf("%d frames dropped, stats %+v", got, stats)
	}
}

// TestLANFanout: two workers get each frame once, both of them some, and the
// frames of one flow all at the same worker.
func TestLANFanout(t *testing.T) {
	near, far := newCable(t)
	rc := ReceiverConfig{Interface: nearEnd, Workers: 2, Poll: PollBlock}
	var workers [2]*Receiver
	for i := range workers {
		workers[i], _ = openPair(t, near, rc, SenderConfig{Interface: nearEnd})
	}
	f := newFarSocket(t, far, farEnd)
	const flows, rounds = 200, 5
	for range rounds {
		for i := range flows {
			near.must(f.Inject(linktest.UDP(nearMAC, 60, i)))
		}
	}
	var got [2]map[string]int
	var total atomic.Int64
	var wg sync.WaitGroup
	for i, r := range workers {
		got[i] = map[string]int{}
		wg.Go(func() {
			batch := make([]link.Frame, 64)
			for total.Load() < flows*rounds {
				n, err := r.Receive(batch)
				if err != nil {
					t.Error(err)
				}
				for j := range batch[:n] {
					got[i][string(batch[j].Data())]++
				}
				if total.Add(int64(n)) >= flows*rounds {
					workers[1-i].Interrupt()
				}
			}
		})
	}
	wg.Wait()
	for i := range workers {
		if n := len(got[i]); n < flows/10 {
			t.Errorf("worker %d got %d of %d flows", i, n, flows)
		}
		for key, n := range got[i] {
			if n != rounds || got[1-i][key] != 0 {
				t.Errorf("a frame sent %d times came up %d times at one worker, %d at the other", rounds, n, got[1-i][key])
			}
		}
	}
	if n := len(got[0]) + len(got[1]); n != flows {
		t.Errorf("%d of %d flows came up", n, flows)
	}
}

func TestLANNoAllocations(t *testing.T) {
	near, far := newCable(t)
	r, s := openPair(t, near, ReceiverConfig{Interface: nearEnd}, SenderConfig{Interface: nearEnd})
	f := newFarSocket(t, far, farEnd)
	const n = 60
	for range n {
		p := linktest.UDP(nearMAC, 60, 1)
		near.must(f.Inject(p))
		p = linktest.TCP(nearMAC, 5000)
		p.TPID, p.TCI = typeVLAN, 42
		near.must(f.Inject(p))
	}
	batch := make([]link.Frame, 1)
	if got := testing.AllocsPerRun(2*n-1, func() {
		if _, err := receiveUntil(r, batch); err != nil {
			t.Fatal(err)
		}
		s.Send(&batch[0])
		s.Flush()
	}); got != 0 {
		t.Errorf("%v allocations a frame", got)
	}
	if got, want := s.Stats(), (link.SendStats{Frames: 2 * n}); got != want {
		t.Errorf("stats %+v", got)
	}
	// Waiting allocates nothing either.
	if got := testing.AllocsPerRun(20, func() {
		r.Interrupt()
		_, _ = r.Receive(batch)
	}); got != 0 {
		t.Errorf("%v allocations an interrupt", got)
	}
}
