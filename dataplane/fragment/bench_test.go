package fragment

import (
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/frame"
)

// benchDatagrams is a number of datagrams that is coprime to benchStep.
const benchDatagrams, benchStep = 50_000, 7919

// benchKey is the i-th of benchDatagrams datagrams from many clients to one VIP,
// in an order that memory does not like.
func benchKey(i int) Key {
	i = i * benchStep % benchDatagrams
	return Key{src: frame.AddrFrom4(0x0b000000 + uint32(i>>8)), dst: frame.AddrFrom4(0xc000020a), id: uint64(i&0xff)<<8 | 17}
}

// BenchmarkFollow is a later fragment of one of 50,000 datagrams whose first has
// come; each brings the next 8 bytes, and no datagram becomes complete.
func BenchmarkFollow(b *testing.B) {
	table := newTable(b, Options{})
	for i := range benchDatagrams {
		k := benchKey(i)
		table.First(&k, Piece{End: unit, More: true}, 1, 0)
	}
	f := link.Frame{Raw: make([]byte, link.Headroom+1514)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		start := uint16(1+i/benchDatagrams%8190) * unit
		k := benchKey(i)
		if _, o := table.Follow(&k, Piece{start, start + unit, true}, &f, 0); o != Passes {
			b.Fatal(o)
		}
		i++
	}
}

// BenchmarkDatagram is a datagram of two fragments beside 50,000 others that are
// not complete. An operation is both fragments.
func BenchmarkDatagram(b *testing.B) {
	for _, order := range []string{"in order", "reversed"} {
		b.Run(order, func(b *testing.B) {
			table := newTable(b, Options{})
			for i := range benchDatagrams {
				k := benchKey(i)
				table.First(&k, Piece{End: unit, More: true}, 1, 0)
			}
			f := link.Frame{Raw: make([]byte, link.Headroom+562)}
			raw := make([]byte, len(f.Raw))
			first, last := Piece{0, 1480, true}, Piece{1480, 2008, false}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				k := benchKey(i)
				k.id |= 1 << 40
				if order == "reversed" {
					table.Follow(&k, last, &f, 0)
				}
				w := table.First(&k, first, 1, 0)
				if order == "in order" {
					table.Follow(&k, last, &f, 0)
				} else if w.Len() == 0 {
					b.Fatal("nothing waited")
				}
				for w.Len() > 0 {
					w.Next(raw)
				}
				i++
			}
			if got := table.Stats().Completed; got != uint64(i) {
				b.Fatalf("%d of %d datagrams are complete", got, i)
			}
		})
	}
}

// BenchmarkFlood is a later fragment of a datagram that nobody knows, while all
// places are taken by its like.
func BenchmarkFlood(b *testing.B) {
	table := newTable(b, Options{})
	f := link.Frame{Raw: make([]byte, link.Headroom+60)}
	var i uint64
	send := func() {
		k := Key{src: frame.AddrFrom4(0x0b000000), dst: frame.AddrFrom4(0xc000020a), id: i << 8}
		i++
		if _, o := table.Follow(&k, Piece{1480, 1488, true}, &f, 0); o != Waits {
			b.Fatal(o)
		}
	}
	for table.Stats().Evicted == 0 {
		for range 1000 {
			send()
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

// BenchmarkSweep looks at a full table of which nothing has expired.
func BenchmarkSweep(b *testing.B) {
	table := newTable(b, Options{})
	for i := range benchDatagrams {
		k := benchKey(i)
		table.First(&k, Piece{End: unit, More: true}, 1, 0)
	}
	for b.Loop() {
		if table.Sweep(1) != 0 {
			b.Fatal("a datagram expired")
		}
	}
}
