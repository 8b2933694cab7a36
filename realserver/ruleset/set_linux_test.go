package ruleset

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// boundAfterSlowly looks at each element.
func (s *setOf) boundAfterSlowly(key []byte) (after []byte) {
	for _, e := range s.elements {
		if bytes.Compare(e.key, key) > 0 && (after == nil || bytes.Compare(e.key, after) < 0) {
			after = e.key
		}
	}
	return after
}

func TestBoundAfter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s := &setOf{interval: true}
		for range random.IntN(12) {
			s.elements = append(s.elements, element{key: []byte{byte(random.IntN(2)), byte(random.IntN(8))}})
		}
		for range 20 {
			key := []byte{byte(random.IntN(2)), byte(random.IntN(9))}
			if got, _ := s.boundAfter(key); !bytes.Equal(got, s.boundAfterSlowly(key)) {
				t.Fatalf("after %v in %v: %v", key, s.elements, got)
			}
		}
	}
}

// TestLargeSet would take hours if each range looked at each other.
func TestLargeSet(t *testing.T) {
	s := &setOf{interval: true, keyLen: 4}
	for n := range uint32(200_000) {
		s.elements = append(s.elements,
			element{key: binary.BigEndian.AppendUint32(nil, n<<8)},
			element{key: binary.BigEndian.AppendUint32(nil, n<<8+128), end: true})
	}
	for key, want := range map[uint32]answer{100_000<<8 + 127: yes, 100_000<<8 + 128: no} {
		if got, _ := s.find(knownValue(binary.BigEndian.AppendUint32(nil, key))); got != want {
			t.Errorf("%d is in the set: %v, want %v", key, got, want)
		}
	}
	if got, _ := s.find(unknownValue(4)); got != perhaps {
		t.Errorf("an address that is not known is in the set: %v, want perhaps", got)
	}
}
