package peer

import (
	"context"
	"fmt"

	"lvsdr/bench"
)

// Running is a peer that forwards.
type Running interface {
	// Threads are those that it keeps busy, apart from the kernel's receiving.
	Threads() ([]int, error)
	// Drops are the frames that it lost itself since its start.
	Drops(ctx context.Context) (Drops, error)
	// Stop ends it.
	Stop() error
}

// Sleeper is a peer that can be kept from taking processor time while others are
// measured: one that spins. Its methods are called from one goroutine.
type Sleeper interface {
	Sleep() error
	Wake() error
}

// Drops are what a peer itself tells of frames that it lost.
type Drops struct {
	Ring    uint64            // the receive ring was full
	Reasons map[string]uint64 // what it dropped, by its own words
}

// missing is the error that leaves a peer out. It wraps bench.ErrSkip, and says
// what it wants to say only.
type missing struct{ error }

func (missing) Is(target error) bool { return target == bench.ErrSkip }

func skip(format string, args ...any) error { return missing{fmt.Errorf(format, args...)} }
