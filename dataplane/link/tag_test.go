package link_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/internal/linktest"
)

// TestPushTag compares with a tag that is written into a copy.
func TestPushTag(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		p := linktest.UDP([6]byte{2, 0, 0, 0, 0, 1}, 60+rng.IntN(1455), rng.IntN(1000))
		f := link.Frame{Raw: append(make([]byte, link.Headroom), p.Data...), TPID: 0x88a8, TCI: uint16(rng.Uint32())}
		want := append(append([]byte{}, make([]byte, link.VNetHeaderLen)...), p.Data[:12]...)
		want = append(want, 0x88, 0xa8, byte(f.TCI>>8), byte(f.TCI))
		want = append(want, p.Data[12:]...)
		if got := f.PushTag(); !bytes.Equal(got, want) {
			t.Fatalf("% x, want % x", got[:40], want[:40])
		}
	}
	p := linktest.TCP([6]byte{2, 0, 0, 0, 0, 1}, 3000)
	f := link.Frame{Raw: append(make([]byte, link.Headroom), p.Data...), TPID: 0x8100}
	copy(f.VNet(), p.VNet[:])
	b := f.PushTag()
	if h := link.VNetHeader(b[:link.VNetHeaderLen]); h.ChecksumStart() != 38 || h.HeaderLen() != 58 ||
		h.ChecksumOffset() != 16 || h.GSOSize() != 1448 {
		t.Errorf("virtio_net header of a tagged frame: % x", h)
	}
}
