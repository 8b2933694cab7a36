package dataplane

import (
	"bytes"
	"testing"

	"lvsdr/dataplane/link"
)

// TestStage: frames lie beside each other, and none is lost that is kept.
func TestStage(t *testing.T) {
	var s stage
	s.init()
	fill := func(b byte, n int) *link.Frame {
		t.Helper()
		if !s.has(1, n) {
			t.Fatalf("no room for %d bytes", n)
		}
		f := s.next(n)
		copy(f.Raw, bytes.Repeat([]byte{b}, n))
		return f
	}
	first, second := fill('a', 1000), fill('b', 2000)
	s.keep()
	for s.has(1, longestFrame) {
		fill('c', longestFrame)
	}
	s.clear()
	for s.has(1, 70) {
		fill('d', 70)
	}
	if s.count != stageFrames {
		t.Errorf("%d small frames have room", s.count)
	}
	for _, f := range []*link.Frame{first, second} {
		if n := bytes.Count(f.Raw, f.Raw[:1]); n != len(f.Raw) || f.Raw[0] > 'b' {
			t.Errorf("a frame that is kept has %d bytes of %d left", n, len(f.Raw))
		}
	}
	s.release()
	s.clear()
	if !s.has(1, stageBytes) || s.has(1, stageBytes+1) || s.has(stageFrames+1, 0) {
		t.Error("released, but the room is not as before")
	}
}
