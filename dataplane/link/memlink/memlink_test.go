package memlink

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"lvsdr/dataplane/link"
)

func open(t testing.TB, w *Wire) (*Receiver, *Sender) {
	t.Helper()
	r, err := w.OpenReceiver()
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.OpenSender()
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

// flow is a frame of an IPv4 flow that differs in its source port.
func flow(port int) []byte {
	b := make([]byte, 60)
	b[12], b[13], b[14] = 0x08, 0x00, 0x45
	b[34], b[35] = byte(port>>8), byte(port)
	return b
}

func TestDownAndUp(t *testing.T) {
	w := New(Config{})
	r, s := open(t, w)
	batch := make([]link.Frame, 4)
	w.InjectBytes(flow(1))
	w.SetUp(false)
	if w.InjectBytes(flow(2)) {
		t.Error("a frame was received while the interface was down")
	}
	if n, err := r.Receive(batch); n != 1 || err != nil {
		t.Errorf("receive of what came before: %d, %v", n, err)
	}
	if _, err := r.Receive(batch); !errors.Is(err, link.ErrDown) {
		t.Errorf("receive: %v, want %v", err, link.ErrDown)
	}
	f := (&Packet{Data: flow(3)}).Frame()
	s.Send(&f)
	if got := s.Flush(); got != 1 || s.Stats().Down != 1 {
		t.Errorf("%d frames dropped, stats %+v", got, s.Stats())
	}
	w.SetUp(true)
	w.InjectBytes(flow(4))
	if n, err := r.Receive(batch); n != 1 || err != nil {
		t.Errorf("receive after up: %d, %v", n, err)
	}
	s.Send(&f)
	if got := s.Flush(); got != 0 || w.Sent() != 1 {
		t.Errorf("%d frames dropped, %d sent", got, w.Sent())
	}
}

func TestDeleteAndCreate(t *testing.T) {
	w := New(Config{})
	r, s := open(t, w)
	batch := make([]link.Frame, 4)
	f := (&Packet{Data: flow(3)}).Frame()
	w.Delete()
	if _, err := w.OpenReceiver(); !errors.Is(err, link.ErrGone) {
		t.Errorf("open receiver: %v", err)
	}
	if _, err := w.OpenSender(); !errors.Is(err, link.ErrGone) {
		t.Errorf("open sender: %v", err)
	}
	w.Create()
	for range 2 {
		if _, err := r.Receive(batch); !errors.Is(err, link.ErrGone) {
			t.Errorf("receive on the old handle: %v", err)
		}
		s.Send(&f)
		if s.Flush() != 1 {
			t.Error("the old handle sent a frame")
		}
	}
	r, s = open(t, w)
	w.InjectBytes(flow(1))
	if n, err := r.Receive(batch); n != 1 || err != nil {
		t.Errorf("receive on a new handle: %d, %v", n, err)
	}
	s.Send(&f)
	if s.Flush() != 0 {
		t.Error("a new handle does not send")
	}
}

func TestLimits(t *testing.T) {
	w := New(Config{Queue: 2, MTU: 100})
	r, s := open(t, w)
	for i, want := range []bool{true, true, false} {
		if got := w.InjectBytes(flow(i)); got != want {
			t.Errorf("inject %d: %v", i, got)
		}
	}
	if got := r.Stats().Dropped; got != 1 {
		t.Errorf("%d frames dropped by the ring", got)
	}
	send := func(p Packet) {
		f := p.Frame()
		s.Send(&f)
	}
	w.Refuse(1)
	long := make([]byte, 115)
	gso := Packet{Data: long}
	gso.VNet[1] = link.VNetGSOTCP4
	send(Packet{Data: flow(1)})
	send(Packet{Data: flow(2)})
	send(Packet{Data: long[:114]})
	send(Packet{Data: long})
	send(gso)
	if got := s.Flush(); got != 2 {
		t.Errorf("%d frames dropped, want 2", got)
	}
	if want := (link.SendStats{Frames: 3, NoSpace: 1, TooLong: 1}); s.Stats() != want {
		t.Errorf("stats %+v, want %+v", s.Stats(), want)
	}
	if got := w.Take(); len(got) != 3 || got[0].Data[35] != 2 || len(w.Take()) != 0 {
		t.Errorf("far end took %d frames", len(got))
	}
}

func TestCutFrame(t *testing.T) {
	w := New(Config{})
	r, s := open(t, w)
	w.Inject(Packet{Data: flow(1), WireLen: 61})
	batch := make([]link.Frame, 1)
	if _, err := r.Receive(batch); err != nil || !batch[0].Truncated() || r.Stats().Truncated != 1 {
		t.Errorf("cut frame: %+v, %v", r.Stats(), err)
	}
	s.Send(&batch[0])
	if s.Flush() != 1 {
		t.Error("a cut frame was sent")
	}
}

func TestReceiversShareFlows(t *testing.T) {
	const workers, flows = 3, 300
	w := New(Config{})
	var rs []*Receiver
	for range workers {
		r, _ := open(t, w)
		rs = append(rs, r)
	}
	for range 2 {
		for port := range flows {
			w.InjectBytes(flow(port))
		}
	}
	batch := make([]link.Frame, 2*flows)
	owner := map[byte]map[byte]int{}
	total := 0
	for i, r := range rs {
		n, _ := r.Receive(batch)
		if n < flows/workers {
			t.Errorf("receiver %d got %d of %d frames", i, n, 2*flows)
		}
		total += n
		for _, f := range batch[:n] {
			hi, lo := f.Data()[34], f.Data()[35]
			if owner[hi] == nil {
				owner[hi] = map[byte]int{}
			}
			if was, ok := owner[hi][lo]; ok && was != i {
				t.Errorf("port %d%d came up at receivers %d and %d", hi, lo, was, i)
			}
			owner[hi][lo] = i
		}
	}
	if total != 2*flows {
		t.Errorf("%d of %d frames came up", total, 2*flows)
	}
}

// TestWaiting: nothing sleeps, so a bubble with a fake clock sees every wait.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Config{})
		r, s := open(t, w)
		done := make(chan int)
		go func() {
			batch, total := make([]link.Frame, 2), 0
			for {
				n, err := r.Receive(batch)
				if err != nil {
					done <- total
					return
				}
				for i := range batch[:n] {
					s.Send(&batch[i])
				}
				s.Flush()
				total += n
			}
		}()
		synctest.Wait()
		for i := range 5 {
			w.InjectBytes(flow(i))
		}
		if err := w.Idle(t.Context()); err != nil {
			t.Error(err)
		}
		if ps, err := w.NextN(t.Context(), 5); err != nil || len(ps) != 5 || ps[4].Data[35] != 4 {
			t.Errorf("%d frames at the far end, %v", len(ps), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("next: %v", err)
		}
		w.Delete()
		if got := <-done; got != 5 {
			t.Errorf("%d frames received", got)
		}
	})
}

func TestLoop(t *testing.T) {
	w := New(Config{})
	r, s := open(t, w)
	w.Discard()
	w.Loop(Packet{Data: flow(1)}, Packet{Data: flow(2), TPID: 0x8100})
	batch := make([]link.Frame, 7)
	step := func() {
		n, err := r.Receive(batch)
		if n != len(batch) || err != nil {
			t.Fatalf("receive: %d, %v", n, err)
		}
		for i := range batch {
			clear(batch[i].Data()) // what the dataplane writes does not come back
			s.Send(&batch[i])
		}
		s.Flush()
	}
	for round := range 3 {
		if _, err := r.Receive(batch); err != nil {
			t.Fatal(err)
		}
		for i := range batch {
			port := (round*2*len(batch) + i) % 2
			if f := &batch[i]; int(f.Data()[35]) != port+1 || (f.TPID != 0) != (port == 1) {
				t.Fatalf("round %d, frame %d: port %d", round, i, f.Data()[35])
			}
		}
		step()
	}
	if got := testing.AllocsPerRun(100, step); got != 0 {
		t.Errorf("%v allocations a batch", got)
	}
	if w.Sent() == 0 || len(w.Take()) != 0 {
		t.Errorf("%d frames counted, %d kept", w.Sent(), len(w.Take()))
	}
	w.Loop()
	w.InjectBytes(flow(9))
	if n, _ := r.Receive(batch); n != 1 {
		t.Errorf("%d frames after the loop", n)
	}
}

func TestInjectAllocatesNothing(t *testing.T) {
	w := New(Config{})
	r, s := open(t, w)
	w.Discard()
	batch, data := make([]link.Frame, 4), flow(1)
	step := func() {
		w.InjectBytes(data)
		n, _ := r.Receive(batch)
		for i := range batch[:n] {
			s.Send(&batch[i])
		}
		s.Flush()
	}
	for range w.config.Queue {
		step() // each slot of the queue grows once
	}
	if got := testing.AllocsPerRun(100, step); got != 0 {
		t.Errorf("%v allocations a frame", got)
	}
}

// BenchmarkLoop is what the wire itself costs a benchmark of the dataplane.
func BenchmarkLoop(b *testing.B) {
	w := New(Config{})
	r, s := open(b, w)
	w.Discard()
	w.Loop(Packet{Data: flow(1)}, Packet{Data: flow(2)})
	batch := make([]link.Frame, 64)
	b.ReportAllocs()
	for left := b.N; left > 0; {
		n, _ := r.Receive(batch[:min(left, len(batch))])
		for i := range batch[:n] {
			s.Send(&batch[i])
		}
		s.Flush()
		left -= n
	}
}
