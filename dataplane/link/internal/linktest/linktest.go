// Package linktest holds what every implementation of package link must do, as
// tests that run over any of them: order, bytes, offload header, VLAN tag,
// interrupt, close, and the rules of lending. It owns no link: the caller
// opens one, with the far end of its cable.
package linktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"lvsdr/dataplane/link"
)

// Far is the far end of the cable.
type Far interface {
	// Inject sends p towards the Receiver under test.
	Inject(p Packet) error
	// Next returns the next frame that the Sender under test sent.
	Next(ctx context.Context) (Packet, error)
}

// Rig is a link under test. Its Receiver takes IPv4 and IPv6 frames for MAC,
// and nothing else is on the cable. Both handles are closed by the caller.
type Rig struct {
	Receiver link.Receiver
	Sender   link.Sender
	Far      Far
	MAC      [6]byte
}

// deadline ends a test that waits for a frame that never comes.
const deadline = 20 * time.Second

// Run runs all tests, each on a Rig of its own.
func Run(t *testing.T, open func(t *testing.T) *Rig) {
	tests := []struct {
		name string
		run  func(t *testing.T, r *Rig)
	}{
		{"bytes", testBytes},
		{"order", testOrder},
		{"tags", testTags},
		{"lend", testLend},
		{"small batches", testSmallBatches},
		{"own memory", testOwnMemory},
		{"bad frames", testBadFrames},
		{"empty batch", testEmptyBatch},
		{"interrupt", testInterrupt},
		{"close", testClose},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func (r *Rig) inject(t *testing.T, ps ...Packet) {
	t.Helper()
	for i, p := range ps {
		if err := r.Far.Inject(p); err != nil {
			t.Fatalf("inject frame %d of %d bytes: %v", i, len(p.Data), err)
		}
	}
}

func (r *Rig) next(t *testing.T) Packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	p, err := r.Far.Next(ctx)
	if err != nil {
		t.Fatalf("far end: %v", err)
	}
	return p
}

// receive waits for frames. They come up in bounded time or the test's own
// timeout ends it; an empty return is allowed at any time.
func (r *Rig) receive(t *testing.T, batch []link.Frame) []link.Frame {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		n, err := r.Receiver.Receive(batch)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		if n > 0 {
			return batch[:n]
		}
	}
	t.Fatal("receive: no frame came")
	return nil
}

// forward receives n frames and sends them on from where they lie, with new
// addresses, as the dataplane does.
func (r *Rig) forward(t *testing.T, n int) {
	t.Helper()
	batch := make([]link.Frame, 32)
	for n > 0 {
		frames := r.receive(t, batch)
		for i := range frames {
			readdress(frames[i].Data())
			r.Sender.Send(&frames[i])
		}
		if dropped := r.Sender.Flush(); dropped != 0 {
			t.Fatalf("flush: %d frames dropped: %+v", dropped, r.Sender.Stats())
		}
		n -= len(frames)
	}
}

// check compares a lent frame with what was injected.
func check(f *link.Frame, want Packet) error {
	got := Packet{Data: f.Data(), TCI: f.TCI, TPID: f.TPID}
	copy(got.VNet[:], f.VNet())
	if f.WireLen != len(f.Data()) || f.Truncated() {
		return fmt.Errorf("wire length %d of a frame of %d bytes", f.WireLen, len(f.Data()))
	}
	return got.differs(want)
}

func testBytes(t *testing.T, r *Rig) {
	sizes := []int{60, 61, 590, 1513, 1514}
	for _, size := range sizes {
		r.inject(t, UDP(r.MAC, size, size))
	}
	super := []Packet{TCP(r.MAC, 20_000), TCP(r.MAC, MaxTCP), TCP(r.MAC, 1514)}
	r.inject(t, super...)
	r.inject(t, UDP(r.MAC, 60, 0))
	r.forward(t, len(sizes)+len(super)+1)
	for _, size := range sizes {
		expect(t, r.next(t), UDP(r.MAC, size, size))
	}
	for _, want := range super {
		expect(t, r.next(t), want)
	}
	expect(t, r.next(t), UDP(r.MAC, 60, 0))
	stats := r.Receiver.Stats()
	if want := (link.ReceiveStats{Frames: uint64(len(sizes) + len(super) + 1)}); stats != want {
		t.Errorf("receive stats %+v, want %+v", stats, want)
	}
	if want := (link.SendStats{Frames: stats.Frames}); r.Sender.Stats() != want {
		t.Errorf("send stats %+v, want %+v", r.Sender.Stats(), want)
	}
}

func expect(t *testing.T, got, injected Packet) {
	t.Helper()
	want := injected.Clone()
	readdress(want.Data)
	if err := got.differs(want); err != nil {
		t.Errorf("at the far end: %v", err)
	}
}

// testOrder sends more frames than any queue or ring in the way is long, and
// every hundredth takes the way of long frames.
func testOrder(t *testing.T, r *Rig) {
	const rounds, each = 60, 50
	for round := range rounds {
		var want []Packet
		for i := range each {
			p := UDP(r.MAC, 60+i, round*each+i)
			if (round*each+i)%100 == 99 {
				p = TCP(r.MAC, 5000+i)
			}
			want = append(want, p)
		}
		r.inject(t, want...)
		r.forward(t, each)
		for _, p := range want {
			expect(t, r.next(t), p)
		}
	}
}

func testTags(t *testing.T, r *Rig) {
	tagged := func(p Packet, tpid, tci uint16) Packet {
		p.TPID, p.TCI = tpid, tci
		return p
	}
	want := []Packet{
		tagged(UDP(r.MAC, 60, 1), 0x8100, 42),
		UDP(r.MAC, 60, 2),
		tagged(UDP(r.MAC, 1514, 3), 0x8100, 0xffff),
		tagged(UDP(r.MAC, 100, 4), 0x88a8, 7),
		tagged(TCP(r.MAC, 1514), 0x8100, 42),
		tagged(TCP(r.MAC, MaxTCP), 0x8100, 42),
		tagged(UDP(r.MAC, 60, 5), 0x8100, 0), // a priority tag
	}
	r.inject(t, want...)
	batch := make([]link.Frame, len(want))
	for i := 0; i < len(want); {
		frames := r.receive(t, batch)
		for j := range frames {
			if err := check(&frames[j], want[i]); err != nil {
				t.Errorf("frame %d: %v", i, err)
			}
			readdress(frames[j].Data())
			r.Sender.Send(&frames[j])
			i++
		}
		r.Sender.Flush()
	}
	for _, p := range want {
		expect(t, r.next(t), p)
	}
}

// testLend looks at lent frames only after others arrived, and writes all over
// them, headroom included, before it gives them back.
func testLend(t *testing.T, r *Rig) {
	injected, seen := 0, 0
	packet := func(i int) Packet { return UDP(r.MAC, 100+i%50, i) }
	more := func(n int) {
		for range n {
			r.inject(t, packet(injected))
			injected++
		}
	}
	more(8)
	batch := make([]link.Frame, 4)
	for range 200 {
		frames := r.receive(t, batch)
		more(len(frames))
		for i := range frames {
			if err := check(&frames[i], packet(seen)); err != nil {
				t.Fatalf("frame %d: %v", seen, err)
			}
			seen++
		}
		for i := range frames {
			scribble(frames[i].Raw)
		}
	}
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
}

func testSmallBatches(t *testing.T, r *Rig) {
	const n = 100
	for i := range n {
		r.inject(t, UDP(r.MAC, 80, i))
	}
	batch := make([]link.Frame, 1)
	for i := range n {
		if err := check(&r.receive(t, batch)[0], UDP(r.MAC, 80, i)); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
}

// testOwnMemory sends frames that the caller built, more than a queue holds.
func testOwnMemory(t *testing.T, r *Rig) {
	const n = 300
	for i := range n {
		p := UDP(r.MAC, 60+i, i)
		f := link.Frame{Raw: make([]byte, link.Headroom, link.Headroom+len(p.Data))}
		f.Raw = append(f.Raw, p.Data...)
		r.Sender.Send(&f)
	}
	if dropped := r.Sender.Flush(); dropped != 0 {
		t.Fatalf("flush: %d frames dropped: %+v", dropped, r.Sender.Stats())
	}
	for i := range n {
		if err := r.next(t).differs(UDP(r.MAC, 60+i, i)); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	if dropped := r.Sender.Flush(); dropped != 0 {
		t.Errorf("flush of nothing: %d frames dropped", dropped)
	}
}

// testBadFrames: what cannot be sent is lost alone.
func testBadFrames(t *testing.T, r *Rig) {
	good := func(seq int) *link.Frame {
		p := UDP(r.MAC, 60, seq)
		return &link.Frame{Raw: append(make([]byte, link.Headroom), p.Data...)}
	}
	short := &link.Frame{Raw: make([]byte, link.Headroom+13)}
	cut := good(9)
	cut.WireLen = 61
	for _, f := range []*link.Frame{good(0), short, good(1), cut, good(2)} {
		r.Sender.Send(f)
	}
	if dropped := r.Sender.Flush(); dropped != 2 {
		t.Errorf("flush: %d frames dropped, want 2", dropped)
	}
	for i := range 3 {
		if err := r.next(t).differs(UDP(r.MAC, 60, i)); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	if want := (link.SendStats{Frames: 3, Failed: 2}); r.Sender.Stats() != want {
		t.Errorf("send stats %+v, want %+v", r.Sender.Stats(), want)
	}
}

func testEmptyBatch(t *testing.T, r *Rig) {
	r.inject(t, UDP(r.MAC, 60, 1))
	if n, err := r.Receiver.Receive(nil); n != 0 || err != nil {
		t.Errorf("receive into no batch: %d, %v", n, err)
	}
	if err := check(&r.receive(t, make([]link.Frame, 4))[0], UDP(r.MAC, 60, 1)); err != nil {
		t.Error(err)
	}
}

func testInterrupt(t *testing.T, r *Rig) {
	batch := make([]link.Frame, 4)
	r.Receiver.Interrupt()
	r.Receiver.Interrupt()
	if n, err := r.Receiver.Receive(batch); n != 0 || err != nil {
		t.Errorf("receive after interrupt: %d, %v", n, err)
	}
	for range 10 {
		done := make(chan error)
		go func() {
			n, err := r.Receiver.Receive(batch)
			if err == nil && n != 0 {
				err = fmt.Errorf("%d frames from nowhere", n)
			}
			done <- err
		}()
		r.Receiver.Interrupt()
		if err := <-done; err != nil {
			t.Errorf("receive while interrupted: %v", err)
		}
	}
	// An interrupt costs no frame, and hides none.
	r.inject(t, UDP(r.MAC, 60, 1))
	r.Receiver.Interrupt()
	if err := check(&r.receive(t, batch)[0], UDP(r.MAC, 60, 1)); err != nil {
		t.Error(err)
	}
	if n, err := r.Receiver.Receive(batch); n != 0 || err != nil {
		t.Errorf("receive after interrupt and frame: %d, %v", n, err)
	}
	r.inject(t, UDP(r.MAC, 60, 1))
	if err := check(&r.receive(t, batch)[0], UDP(r.MAC, 60, 1)); err != nil {
		t.Error(err)
	}
}

func testClose(t *testing.T, r *Rig) {
	r.inject(t, UDP(r.MAC, 60, 1), UDP(r.MAC, 60, 2))
	r.receive(t, make([]link.Frame, 1))
	for range 2 {
		if err := errors.Join(r.Receiver.Close(), r.Sender.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if n, err := r.Receiver.Receive(make([]link.Frame, 1)); n != 0 || !errors.Is(err, link.ErrClosed) {
		t.Errorf("receive after close: %d, %v; want %v", n, err, link.ErrClosed)
	}
	r.Receiver.Interrupt()
	if got := r.Receiver.Stats().Frames; got != 1 {
		t.Errorf("%d frames lent after close, want 1", got)
	}
	p := UDP(r.MAC, 60, 3)
	r.Sender.Send(&link.Frame{Raw: append(make([]byte, link.Headroom), p.Data...)})
	if dropped := r.Sender.Flush(); dropped != 1 {
		t.Errorf("flush after close: %d frames dropped, want 1", dropped)
	}
	if got := r.Sender.Stats(); got.Dropped() != 1 || !bytes.Equal(p.Data, UDP(r.MAC, 60, 3).Data) {
		t.Errorf("send stats after close: %+v", got)
	}
}
