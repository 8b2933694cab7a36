package generator

import (
	"math"
	"time"
)

// Fixed points of the pace. A time of 2^53 ns is 104 days.
const (
	paceShift  = 10                     // a moment is in 1/1024 ns
	paceBurst  = 1_000_000 << paceShift // this late, what was missed is given up
	shareShift = 32                     // a share is in 1/2^32
)

// walk is what a generator keeps from frame to frame: when the next one is due,
// and of which flow it is. It is struct walk of the kernel's program too: its
// fields are 8 bytes each, in the order of the off… constants.
type walk struct {
	Start    uint64 // ns; 0: with the first frame
	Length   uint64 // ns
	Interval uint64 // between frames, in 1/1024 ns; 0: as fast as possible
	Next     uint64 // when the next is due, in 1/1024 ns after Start
	Sent     uint64 // frames
	Limit    uint64 // of them
	Done     uint64 // 1: no more frames
	Flow     uint64 // of the next frame of an open flow
	Flows    uint64
	Stride   uint64 // from flow to flow
	Share    uint64 // of fresh flows, in 1/2^32
	Due      uint64 // of a fresh flow, the same
	Fresh    uint64 // the next fresh flow
	End      uint64 // of the fresh flows
	Kind     uint64 // of all frames: mixed, opening or confirming
	Begin    uint64 // flow of the load's first frame
}

// Kinds of frames.
const (
	mixed      = iota // of known flows, and of the share of fresh ones
	opening           // all open their flow, which is none of the fresh ones
	confirming        // none does, nor is it one of these
)

// Offsets in struct walk.
const (
	offStart = iota * 8
	offLength
	offInterval
	offNext
	offSent
	offLimit
	offDone
	offFlow
	offFlows
	offStride
	offShare
	offDue
	offFresh
	offEnd
	offKind
	offBegin
	walkSize
)

// newWalk begins a walk through the traffic's flows.
func newWalk(t *Traffic) walk {
	return walk{
		Flows: uint64(t.Flows), Stride: stride(uint64(t.Flows)),
		Share: uint64(t.New * (1 << shareShift)),
		Fresh: uint64(t.Flows), End: uint64(t.Flows + t.Fresh()),
	}
}

// load sets out for one load; the walk goes on where the last one ended.
func (w *walk) load(l Load) {
	w.Start, w.Next, w.Sent, w.Done, w.Kind = 0, 0, 0, 0, mixed
	w.Length, w.Limit = uint64(l.Time), math.MaxUint64
	w.Interval = interval(l.Rate)
	if l.Frames > 0 {
		w.Limit = l.Frames
	}
	switch {
	case l.Open:
		w.Kind = opening
	case l.Again:
		w.Kind = confirming
	}
	if l.Again {
		w.Flow = w.Begin
	}
	w.Begin = w.Flow
}

// stride returns a step that leads through all flows before one comes again, in
// an order that no cache foresees: about 0.618 of them, with no common divisor.
func stride(flows uint64) uint64 {
	for step := uint64(float64(flows) * 0.6180339887); step > 1; step-- {
		if gcd(step, flows) == 1 {
			return step
		}
	}
	return 1 % flows
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// interval returns the time between frames for a rate in frames a second, in
// 1/1024 ns. Rate 0 is as fast as possible.
func interval(rate float64) uint64 {
	if rate <= 0 {
		return 0
	}
	return max(1, uint64(math.Round(float64(time.Second)*(1<<paceShift)/rate)))
}

// due reports whether a frame is to be sent at a moment, in ns, and plans the
// next. It is the twin of the kernel's program.
func (w *walk) due(now uint64) bool {
	if w.Start == 0 {
		w.Start = now
	}
	elapsed := now - w.Start
	if w.Done == 1 || elapsed >= w.Length || w.Sent >= w.Limit {
		w.Done = 1
		return false
	}
	if w.Interval != 0 {
		moment := elapsed << paceShift
		if moment < w.Next {
			return false
		}
		if moment-w.Next > paceBurst {
			w.Next = moment - paceBurst
		}
		w.Next += w.Interval
	}
	w.Sent++
	return true
}

// step returns the next frame's flow, and whether it opens it.
func (w *walk) step() (flow uint32, opens bool) {
	if w.Kind == mixed {
		w.Due += w.Share
		if w.Due >= 1<<shareShift {
			w.Due -= 1 << shareShift
			fresh := w.Fresh
			if w.Fresh++; w.Fresh == w.End {
				w.Fresh = w.Flows
			}
			return uint32(fresh), true
		}
	}
	at := w.Flow
	if w.Flow += w.Stride; w.Flow >= w.Flows {
		w.Flow -= w.Flows
	}
	return uint32(at), w.Kind == opening
}
