package generator

import (
	"context"
	"fmt"
	"time"
)

// Load is one go of a generator.
type Load struct {
	// Rate in frames a second; 0: as fast as possible. It is kept evenly, frame
	// by frame; a generator that fell behind by more than 1 ms does not make up
	// for what it missed before that.
	Rate float64
	// Time is how long; it is needed.
	Time time.Duration
	// Frames is after how many to end before that; 0: never.
	Frames uint64
	// Open makes each frame one that opens its flow, and none of them a new one:
	// Flows frames open them all.
	Open bool
	// Again makes the frames those of the flows of the load before, in their order.
	// Without Open they open none of them, nor new ones: they establish connections.
	Again bool
}

// Sent is what became of a load.
type Sent struct {
	// Frames that were handed to the interface; whether it took them is in the
	// interface's counters.
	Frames uint64
	// Refused are those of them that the interface did not take, as far as it tells
	// the generator: it does with AF_PACKET.
	Refused uint64
	// Time from the first frame until the load ended.
	Time time.Duration
	// Gaps is how often the kernel had to be called again, each for 20 ms without
	// a frame.
	Gaps int
}

// Generator sends frames out of one interface. It belongs to one goroutine, but
// for Frames.
type Generator interface {
	// Run sends one load. It takes the calling goroutine's thread for itself, on
	// the processors that the thread may use. When the context ends it returns
	// early, with what was sent and the context's cause.
	Run(ctx context.Context, l Load) (Sent, error)
	// Frames is how many frames of the present load, or else of the last, were
	// handed to the interface. Any goroutine may ask, until Close.
	Frames() uint64
	// Close frees it.
	Close() error
}

// Kind is a way to send.
type Kind string

// The ways to send.
const (
	LiveFrames Kind = "BPF live frames"
	Packet     Kind = "AF_PACKET"
)

// Open returns the fastest generator that the kernel has for the interface, and
// which one that is. Where it is not the fastest of all, why says what kept it
// from being that. It is called in the interface's network namespace, as are the
// generator's methods.
//
// Live frames need a driver that sends what XDP programs of others redirect to it;
// a veth does if its other end has GRO on. Where the kernel does not tell (before Linux
// 6.3), they are not sent.
func Open(name string, t Traffic) (g Generator, kind Kind, why error, err error) {
	return open(name, t, false, xdpFeatures)
}

// OpenSending is Open for an interface whose driver is known to send live frames,
// whether or not the kernel tells.
func OpenSending(name string, t Traffic) (g Generator, kind Kind, why error, err error) {
	return open(name, t, true, xdpFeatures)
}

func open(name string, t Traffic, trust bool, ask func(index int) (uint64, error)) (g Generator, kind Kind, why error, err error) {
	live, why := openLive(name, t, trust, ask)
	if why == nil {
		return live, LiveFrames, nil, nil
	}
	packet, err := OpenPacket(name, t)
	if err != nil {
		return nil, "", nil, fmt.Errorf("open generator on %s: %w", name, err)
	}
	return packet, Packet, why, nil
}

func (l *Load) validate() error {
	if l.Time <= 0 || l.Rate < 0 || l.Rate > maxRate {
		return fmt.Errorf("load of %v frames/s for %v: want 0 to %.0f, and a time", l.Rate, l.Time, maxRate)
	}
	return nil
}

// maxRate is in frames a second: an interval of one nanosecond.
const maxRate = float64(time.Second)
