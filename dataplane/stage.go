package dataplane

import (
	"os"

	"lvsdr/dataplane/link"
)

const (
	// stageBytes holds three of the longest frames, or 150 of 1514 bytes.
	stageBytes  = 256 << 10
	stageFrames = 256
	// longestFrame is the most that one frame takes.
	longestFrame = link.Headroom + link.MaxFrame
)

// stage is memory for frames that come from no ring: pieces of packets, and
// fragments that have waited. They must not change until they are flushed.
type stage struct {
	memory []byte
	frames [stageFrames]link.Frame
	bytes  int // used
	count  int // frames
	kept   struct{ bytes, count int }
}

// init sets the memory aside, and has it resident.
func (s *stage) init() {
	s.memory = make([]byte, stageBytes)
	for i := 0; i < stageBytes; i += os.Getpagesize() {
		s.memory[i] = 0
	}
}

// has reports whether there is room for n frames of together so many bytes.
func (s *stage) has(n, bytes int) bool {
	return s.count+n <= stageFrames && s.bytes+bytes <= stageBytes
}

// next returns a frame of so many bytes, headroom included, for which there is
// room.
func (s *stage) next(bytes int) *link.Frame {
	f := &s.frames[s.count]
	*f = link.Frame{Raw: s.memory[s.bytes : s.bytes+bytes : s.bytes+bytes]}
	s.bytes, s.count = s.bytes+bytes, s.count+1
	return f
}

// keep lets the frames so far stay as they are when the stage is cleared, until
// release.
func (s *stage) keep() { s.kept.bytes, s.kept.count = s.bytes, s.count }

func (s *stage) release() { s.kept.bytes, s.kept.count = 0, 0 }

// clear makes room again, when all was flushed but what is kept.
func (s *stage) clear() { s.bytes, s.count = s.kept.bytes, s.kept.count }

// makeRoom sees to it that the stage has room for n frames. If need be, what is
// queued is sent before the batch ends.
func (w *Worker) makeRoom(n, bytes int) {
	if !w.stage.has(n, bytes) {
		w.lost += w.ports.Egress.Flush()
		w.stage.clear()
	}
}
