package afpacket

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/bpf"
)

var testMACs = [][6]byte{{2, 0, 0, 0, 0, 1}, {0, 0, 0x5e, 0, 1, 51}}

// wanted is the slow twin of frameFilter.
func wanted(data []byte, macs [][6]byte) bool {
	for off := 12; off <= 20 && off+2 <= len(data); off += 4 {
		switch binary.BigEndian.Uint16(data[off:]) {
		case typeIPv4, typeIPv6:
			for _, mac := range macs {
				if bytes.Equal(data[:6], mac[:]) {
					return true
				}
			}
			return false
		case typeVLAN, typeQinQ:
		default:
			return false
		}
	}
	return false
}

// randomFrame is one that often comes close to being accepted.
func randomFrame(rng *rand.Rand) []byte {
	b := make([]byte, rng.IntN(64))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	macs := append([][6]byte{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {2, 0, 0, 0, 1, 1}, {3, 0, 0, 0, 0, 1}}, testMACs...)
	copy(b, macs[rng.IntN(len(macs))][:])
	types := []uint16{typeIPv4, typeIPv6, typeVLAN, typeQinQ, 0x0806, 0x9100}
	for off := 12; off <= 20 && off+2 <= len(b); off += 4 {
		binary.BigEndian.PutUint16(b[off:], types[rng.IntN(len(types))])
	}
	return b
}

func TestFrameFilterAgreesWithTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range len(testMACs) + 1 {
		vm, err := bpf.NewVM(frameFilter(testMACs[:n]))
		if err != nil {
			t.Fatal(err)
		}
		accepted := 0
		for range 20_000 {
			b := randomFrame(rng)
			got, err := vm.Run(b)
			if err != nil {
				t.Fatal(err)
			}
			if want := wanted(b, testMACs[:n]); (got > 0) != want {
				t.Fatalf("% x: kept %d bytes, want kept: %v", b, got, want)
			}
			if got > 0 {
				accepted++
			}
		}
		if n > 0 && accepted < 100 {
			t.Errorf("only %d random frames were accepted: the test says little", accepted)
		}
	}
}

func TestLongestFilterAssembles(t *testing.T) {
	raw, err := bpf.Assemble(receiveFilter(make([][6]byte, maxMACs)))
	if err != nil || len(raw) > 4096 {
		t.Errorf("%d instructions, %v", len(raw), err)
	}
}
