package dataplane

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// flowFrame writes the client of flow i, and flags, into a frame over IPv4.
// Checksums of TCP are left wrong: nobody here reads them.
func flowFrame(data []byte, i int, flags uint8) {
	h := frame.IPv4(data[14:])
	h.SetSrc(frame.AddrFrom4(0x0b000000 + uint32(i>>14)))
	h.UpdateChecksum()
	port := uint16(i&0x3fff) + 1024
	data[34], data[35] = byte(port>>8), byte(port)
	data[47] = flags
}

// benchHarness has a table for n connections and a wire that keeps nothing.
func benchHarness(b *testing.B, n int, d service.Definition) *harness {
	h := newHarnessWith(b, setting{Options: Options{Connections: max(n, conntable.MinCapacity)}}, d)
	h.wire.Discard()
	return h
}

// feed gives n frames, made by next, to the worker.
func (h *harness) feed(n int, next func(data []byte, i int)) {
	frames := newBatch(tcp(client4, syn).bytes(h))
	for i := 0; i < n; i += BatchSize {
		frames.restore()
		batch := frames.frames[:min(BatchSize, n-i)]
		for j := range batch {
			next(batch[j].Data(), i+j)
		}
		h.worker.batch(batch)
	}
}

// BenchmarkForward is the whole way of a frame, in batches of 64, over a wire in
// memory that lends the same 65,536 frames again and again: established TCP
// connections, at random among all. An operation is a frame. What the wire itself
// costs is BenchmarkWire.
func BenchmarkForward(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) {
			h := benchHarness(b, n, define(21, 22, 23, 24))
			for _, flags := range []uint8{syn, ack} {
				h.feed(n, func(data []byte, i int) { flowFrame(data, i, flags) })
			}
			if got := h.plane.Connections().Connections; got < n*99/100 {
				b.Fatalf("%d connections", got)
			}
			h.wire.Loop(loop(b, n)...)
			before := h.plane.Counters()[Forward]
			moved := receiveAll(b, h, h.worker.batch)
			if got := h.plane.Counters()[Forward] - before; got != moved {
				b.Fatalf("%d of %d frames forwarded", got, moved)
			}
		})
	}
}

// loop is 65,536 frames of random flows among n.
func loop(b *testing.B, n int) []memlink.Packet {
	r := rand.New(rand.NewPCG(1, 2))
	packets := make([]memlink.Packet, 1<<16)
	for i := range packets {
		packets[i].Data = tcp(client4, ack).bytes(b)
		flowFrame(packets[i].Data, r.IntN(n), ack)
	}
	return packets
}

// receiveAll receives b.N frames and gives them to fn in batches.
func receiveAll(b *testing.B, h *harness, fn func([]link.Frame)) (moved uint64) {
	b.ReportAllocs()
	b.ResetTimer()
	for moved < uint64(b.N) {
		n, err := h.worker.ports.Ingress.Receive(h.worker.frames[:])
		if err != nil {
			b.Fatal(err)
		}
		fn(h.worker.frames[:n])
		moved += uint64(n)
	}
	b.StopTimer()
	return moved
}

// BenchmarkWire is what BenchmarkForward costs without the dataplane.
func BenchmarkWire(b *testing.B) {
	h := benchHarness(b, 0, define(21))
	h.wire.Loop(loop(b, 1000)...)
	out := h.worker.ports.Egress
	receiveAll(b, h, func(frames []link.Frame) {
		for i := range frames {
			out.Send(&frames[i])
		}
		out.Flush()
	})
}

// BenchmarkNewConnections is a SYN of a new client: lookup, wlc over 32 servers,
// insertion. The table is emptied, untimed, whenever it is full.
func BenchmarkNewConnections(b *testing.B) {
	const n = 1 << 20
	for _, scheduler := range []string{"wlc", "rr", "mh"} {
		b.Run(scheduler, func(b *testing.B) {
			d := define()
			d.Scheduler = scheduler
			for i := range 32 {
				d.Servers = append(d.Servers, service.ServerDefinition{Addr: addrOf(i), Port: 80, HashPort: 80, Weight: 1 + i%3})
			}
			h := benchHarness(b, 2*n, d)
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += n {
				h.feed(min(n, b.N-done), func(data []byte, i int) { flowFrame(data, i, syn) })
				b.StopTimer()
				h.advance(time.Hour)
				b.StartTimer()
			}
			if got := h.plane.Connections().Inserted; got != uint64(b.N) {
				b.Fatalf("%d of %d connections", got, b.N)
			}
		})
	}
}

// BenchmarkSYNFlood is a SYN of a flood from 10 M clients against a table of 1 M
// that has 100,000 established connections; at the end these and new clients are
// still served. An operation is a SYN of the flood.
func BenchmarkSYNFlood(b *testing.B) {
	const places, old, flood = 1_000_000, 100_000, 10_000_000
	d := define(21, 22, 23, 24)
	h := newHarnessWith(b, setting{Options: Options{
		Connections: places,
		Settings:    with(func(s *Settings) { s.HalfOpenQuota, s.UDPQuota = 25, 50 }),
	}}, d)
	h.wire.Discard()
	for _, flags := range []uint8{syn, ack} {
		h.feed(old, func(data []byte, i int) { flowFrame(data, i, flags) })
	}
	// The half-open part of the table is full from the start.
	h.feed(places/4, func(data []byte, i int) { flowFrame(data, old+i, syn) })
	before := h.plane.Counters()[Forward]
	b.ReportAllocs()
	b.ResetTimer()
	h.feed(b.N, func(data []byte, i int) { flowFrame(data, old+i%flood, syn) })
	b.StopTimer()
	h.feed(old, func(data []byte, i int) { flowFrame(data, i, ack) })
	for _, flags := range segments {
		h.feed(1000, func(data []byte, i int) { flowFrame(data, old+flood+i, flags) })
	}
	if got, want := h.plane.Counters()[Forward]-before, uint64(b.N+old+1000*len(segments)); got != want {
		b.Fatalf("%d of %d frames forwarded: %v", got, want, h.plane.Counters())
	}
	if c := h.plane.Connections(); c.Connections-c.HalfOpen < old || c.HalfOpen > places/4 {
		b.Fatalf("%+v", c)
	}
}

func addrOf(i int) frame.Addr { return frame.AddrFrom4(0xc0000221 + uint32(i)) }

// BenchmarkRefuse is an answer made by the director itself.
func BenchmarkRefuse(b *testing.B) {
	for name, data := range map[string][]byte{
		"rst":         tcp(client4, ack).bytes(b),
		"unreachable": udp(client4).bytes(b),
		"echo":        echo4(b, 8, 0),
	} {
		b.Run(name, func(b *testing.B) {
			h := benchHarness(b, 0, define(21))
			frames := newBatch(data)
			b.ReportAllocs()
			for range b.N / BatchSize {
				frames.restore()
				h.worker.limits.init(h.worker.now)
				h.worker.batch(frames.frames[:])
			}
		})
	}
}
