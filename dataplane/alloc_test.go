package dataplane

import (
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// TestNoAllocations gives batches of each kind of frame to a worker.
func TestNoAllocations(t *testing.T) {
	long := tcp(client4, ack)
	long.payload = 1400
	dying := tcp(client4, ack)
	dying.ttl = 1
	cases := map[string]struct {
		data []byte
		want Verdict
	}{
		"established":        {tcp(client4, ack).bytes(t), Forward},
		"established6":       {tcp(client6, ack).bytes(t), Forward},
		"udp":                {udp(client4).bytes(t), Forward},
		"two tags":           {tagged(tcp(client4, ack).bytes(t), 0x88a80009, 0x81000007), Forward},
		"icmp error":         {message4(t, 3, 4, quote(t, client4, vip4+":80")), Forward},
		"echo":               {echo4(t, 8, 0), ReplyEcho},
		"echo6":              {message6(t, "2001:db8:1::7", 128, 0, make([]byte, 8)), ReplyEcho},
		"rst":                {tcp(client4, ack).port("81").bytes(t), ReplyRST},
		"unreachable":        {udp(client6).port("81").bytes(t), ReplyUnreachable},
		"too long":           {long.bytes(t), ReplyFragmentation},
		"time exceeded":      {dying.bytes(t), ReplyTimeExceeded},
		"no connection":      {tcp("198.51.100.1:5", rst).bytes(t), DropNoConnection},
		"not a vip":          {ether(quote(t, client4, "192.0.2.99:80")), IgnoreNotVIP},
		"malformed":          {tcp(client4, ack).bytes(t)[:30], Malformed(frame.TruncatedIPv4)},
		"reopened each time": {tcp("198.51.100.3:5", syn).bytes(t), Forward},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHarnessWith(t, setting{mtu: 1300, Options: Options{Settings: hop}},
				define(21, 22), udpOf(define(21)), define6(21), udpOf(define6(21)))
			h.wire.Discard()
			for _, p := range []packet{tcp(client4, syn), tcp(client6, syn), udp(client4)} {
				h.inject(memlink.Packet{Data: p.bytes(h)})
			}
			b := newBatch(c.data)
			refill := func() {
				b.restore()
				h.worker.limits.init(h.plane.conns.Now())
			}
			refill()
			h.worker.batch(b.frames[:])
			before := h.plane.Counters()[c.want]
			const runs = 20
			allocs := testing.AllocsPerRun(runs, func() {
				refill()
				if name == "reopened each time" {
					h.plane.conns.RemoveServers(func(uint32) bool { return true })
				}
				h.worker.batch(b.frames[:])
			})
			if allocs != 0 {
				t.Errorf("%v allocations a batch", allocs)
			}
			if got := h.plane.Counters()[c.want] - before; got != (runs+1)*BatchSize {
				t.Errorf("%d frames were %v, want %d", got, c.want, (runs+1)*BatchSize)
			}
		})
	}
}

// TestNoAllocationsOnOverflow: with a full table too.
func TestNoAllocationsOnOverflow(t *testing.T) {
	h := newHarness(t, define(21, 22))
	h.fill()
	h.wire.Discard()
	b := newBatch(tcp(client4, syn).bytes(t), tcp("198.51.100.1:7", ack).bytes(t))
	if n := testing.AllocsPerRun(20, func() { b.restore(); h.worker.batch(b.frames[:]) }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// TestNoAllocationsWhenRefused: nor when nobody can be served.
func TestNoAllocationsWhenRefused(t *testing.T) {
	for _, reject := range []service.Reject{service.RejectRST, service.RejectICMP, service.RejectDrop} {
		d := define()
		d.Reject = reject
		h := newHarness(t, d)
		h.wire.Discard()
		b := newBatch(tcp(client4, syn).bytes(t))
		if n := testing.AllocsPerRun(20, func() { b.restore(); h.worker.batch(b.frames[:]) }); n != 0 {
			t.Errorf("reject %d: %v allocations a batch", reject, n)
		}
	}
}

// batch is a full batch of lent frames that can be lent again.
type batch struct {
	frames [BatchSize]link.Frame
	data   [][]byte
}

func newBatch(data ...[]byte) *batch {
	b := &batch{data: data}
	for i := range b.frames {
		p := memlink.Packet{Data: data[i%len(data)]}
		b.frames[i] = p.Frame()
	}
	return b
}

// restore undoes what a worker did to the frames.
func (b *batch) restore() {
	for i := range b.frames {
		copy(b.frames[i].Data(), b.data[i%len(b.data)])
	}
}
