package path

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"lvsdr/dataplane"
	"lvsdr/frame"
)

var families = []family{4, 6}

// TestFrames: the director understands what is generated, as what it is.
func TestFrames(t *testing.T) {
	for _, f := range families {
		data := f.newFrame()
		seen := make(map[frame.Key]bool)
		for i := range 40_000 {
			vip, port := f.service(i % 100)
			f.address(data, i, vip, port, frame.TCPAck)
			var p frame.Packet
			if m := frame.Parse(data, &p); m != frame.OK {
				t.Fatalf("%v, flow %d: %v", f, i, m)
			}
			src, srcPort := f.client(i)
			want := frame.Key{Src: src, Dst: vip, SrcPort: srcPort, DstPort: port, Protocol: frame.ProtocolTCP}
			if p.Key != want || p.TCPFlags != frame.TCPAck || seen[want] {
				t.Fatalf("%v, flow %d: %v %v, want %v", f, i, p.Key, p.TCPFlags, want)
			}
			seen[want] = true
		}
	}
}

// TestLargestFlows: as many clients as the largest table has are different ones.
func TestLargestFlows(t *testing.T) {
	for _, f := range families {
		a, aPort := f.client(0)
		b, bPort := f.client(100_000_000)
		if a == b || aPort < 1024 || bPort < 1024 || a.Is4() != (f == 4) || b.Is4() != (f == 4) {
			t.Errorf("%v: %v:%d and %v:%d", f, a, aPort, b, bPort)
		}
	}
}

func TestDice(t *testing.T) {
	const n, throws = 10, 100_000
	var counts [n]int
	d := dice(1)
	for range throws {
		counts[d.below(n)]++
	}
	for i, c := range counts {
		if c < throws/n*9/10 || c > throws/n*11/10 {
			t.Errorf("%d came %d times of %d", i, c, throws)
		}
	}
	if a, b := dice(5), dice(5); a.below(1<<30) != b.below(1<<30) {
		t.Error("the same seed gives other numbers")
	}
}

// TestWorld: its connections are there, every one is found again, and new ones
// leave nothing behind.
func TestWorld(t *testing.T) {
	for _, f := range families {
		w, err := newWorld(t.Context(), blueprint{family: f, connections: 3000, services: 70, servers: 3})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if got := w.plane.Connections(); got.Connections != 3000 || got.HalfOpen != 0 {
			t.Fatalf("%v: %+v", f, got)
		}
		if _, err := w.forward(each(0, 3000, frame.TCPAck)); err != nil {
			t.Fatal(err)
		}
		fed, err := w.forward(established(3000, 1, time.Microsecond))
		if err != nil || fed.moved < dataplane.BatchSize || fed.took <= 0 {
			t.Fatalf("%v: %d frames in %v, %v", f, fed.moved, fed.took, err)
		}
		for range 3 {
			fed, err := w.openFresh()
			if err != nil || fed.moved != w.room() {
				t.Fatalf("%v: %d of %d frames, %v", f, fed.moved, w.room(), err)
			}
			if got := w.plane.Connections().Connections; got != 3000+w.room() {
				t.Fatalf("%v: %d connections", f, got)
			}
			w.closeFresh()
			if got := w.plane.Connections().Connections; got != 3000 {
				t.Fatalf("%v: %d connections are left", f, got)
			}
		}
		if got := w.plane.Connections().Inserted; got != uint64(3000+3*w.room()) {
			t.Errorf("%v: %d connections were made: an established one was made again", f, got)
		}
	}
}

// TestNotForwarded: a sample of frames that went elsewhere is none.
func TestNotForwarded(t *testing.T) {
	w, err := newWorld(t.Context(), blueprint{family: 4, connections: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, err = w.forward(each(50, 100, frame.TCPAck)) // half of them has no connection
	if err == nil || !strings.Contains(err.Error(), "50 of 100 frames were forwarded") {
		t.Errorf("error %v", err)
	}
}

func TestWorkers(t *testing.T) {
	w, err := newWorld(t.Context(), blueprint{family: 4, connections: 1000, workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	bursts := []burst{each(0, 1000, frame.TCPAck), each(0, 1000, frame.TCPAck), each(0, 1000, frame.TCPAck)}
	if moved, took, err := w.forwardAll(bursts); moved != 3000 || took <= 0 || err != nil {
		t.Errorf("%d frames in %v: %v", moved, took, err)
	}
}

// TestBurstInterrupted: a burst ends with its context.
func TestBurstInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := newWorld(ctx, blueprint{family: 4, connections: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cancel()
	fed, err := w.forward(established(1000, 1, time.Hour))
	if !errors.Is(err, context.Canceled) || fed.moved != checkEvery {
		t.Errorf("%d frames, %v", fed.moved, err)
	}
}

// TestMemory: the chase passes through all lines before it comes back.
func TestMemory(t *testing.T) {
	const lines = 1000
	m, err := newMemory(lines * lineBytes)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	seen := make(map[uint64]bool)
	for at := uint64(0); !seen[at]; at = m.load(at) {
		seen[at] = true
	}
	if len(seen) != lines {
		t.Errorf("a cycle of %d of %d lines", len(seen), lines)
	}
}

func TestTable(t *testing.T) {
	for _, f := range families {
		table, err := newTable(t.Context(), blueprint{family: f, connections: 2000}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		if hit, alone, miss := table.lookup(0), table.lookupAlone(), table.lookup(2000); hit != opsPerBatch || alone != opsPerBatch || miss != 0 {
			t.Errorf("%v: of %d, found %d and one by one %d; of strangers %d", f, opsPerBatch, hit, alone, miss)
		}
		var s stopwatch
		if err := table.insertAll(&s); err != nil || s.ops != table.room() {
			t.Errorf("%v: %d of %d, %v", f, s.ops, table.room(), err)
		}
		if got := table.Stats().Connections; got != 2000 {
			t.Errorf("%v: %d connections are left", f, got)
		}
	}
}
