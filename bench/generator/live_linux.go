package generator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// liveGenerator sends from an XDP program that the kernel runs over and over.
type liveGenerator struct {
	frame   []byte
	program *ebpf.Program
	array   *ebpf.Map // of one walk
}

// OpenLive returns a generator that sends live frames, in the calling thread's
// network namespace. It needs CAP_BPF and CAP_NET_ADMIN, or root, and Linux 5.18.
// Where the kernel does not tell whether the driver sends them (before Linux 6.3), it
// trusts the caller.
func OpenLive(name string, t Traffic) (Generator, error) {
	return openLive(name, t, true, xdpFeatures)
}

// openLive asks whether the driver sends such frames, and takes no answer for a yes
// if it is told to.
func openLive(name string, t Traffic, trust bool, ask func(index int) (uint64, error)) (Generator, error) {
	if err := t.Complete(); err != nil {
		return nil, err
	}
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("live frames on %s: %w", name, err)
	}
	if err := transmits(device.Index, ask); err != nil && !(trust && errors.Is(err, errUntold)) {
		return nil, fmt.Errorf("live frames on %s: %w", name, err)
	}
	made := newTemplate(&t)
	g := &liveGenerator{frame: made.frame}
	if err := g.load(made, newWalk(&t), device.Index); err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("live frames on %s: %w", name, err)
	}
	return g, nil
}

func (g *liveGenerator) load(t *template, w walk, ifindex int) (err error) {
	g.array, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "bench_walk", Type: ebpf.Array, KeySize: 4, ValueSize: walkSize, MaxEntries: 1,
	})
	if err != nil {
		return fmt.Errorf("make map: %w", err)
	}
	g.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bench_generator", Type: ebpf.XDP, License: "GPL",
		Instructions: program(t, g.array.FD(), ifindex),
	})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	w.Done = 1
	if err := g.array.Put(uint32(0), &w); err != nil {
		return fmt.Errorf("write map: %w", err)
	}
	// A kernel that knows no live frames says so here.
	if errno := runLive(g.program.FD(), g.frame, 1); errno != 0 && errno != unix.EINTR {
		return fmt.Errorf("run program: %w (live frames need Linux 5.18)", errno)
	}
	return nil
}

// Run sends one load.
func (g *liveGenerator) Run(ctx context.Context, l Load) (Sent, error) {
	if err := l.validate(); err != nil {
		return Sent{}, err
	}
	w, err := g.read()
	if err != nil {
		return Sent{}, err
	}
	w.load(l)
	if err := g.array.Put(uint32(0), &w); err != nil {
		return Sent{}, fmt.Errorf("write map: %w", err)
	}
	calls, err := g.runUntilDone(ctx)
	if err != nil {
		return Sent{}, err
	}
	if w, err = g.read(); err != nil {
		return Sent{}, err
	}
	sent := Sent{Frames: w.Sent, Gaps: max(0, calls-1), Time: l.Time}
	if w.Start == 0 { // the context had ended before
		sent.Time = 0
	} else if w.Done == 0 || w.Sent == w.Limit {
		sent.Time = min(l.Time, time.Duration(monotonic()-w.Start))
	}
	return sent, context.Cause(ctx)
}

func (g *liveGenerator) read() (w walk, err error) {
	if err := g.array.Lookup(uint32(0), &w); err != nil {
		return w, fmt.Errorf("read map: %w", err)
	}
	return w, nil
}

// runUntilDone calls the kernel until the walk is done or the context ends, and
// returns how often. The call itself comes back only when a signal ends it.
func (g *liveGenerator) runUntilDone(ctx context.Context) (calls int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	over, returned := make(chan struct{}), make(chan struct{})
	go g.interrupt(ctx, unix.Gettid(), over, returned)
	defer func() { close(returned); <-over }()
	for {
		w, err := g.read()
		if err != nil || w.Done == 1 || ctx.Err() != nil {
			return calls, err
		}
		calls++
		if errno := runLive(g.program.FD(), g.frame, math.MaxInt32); errno != 0 && !errors.Is(errno, unix.EINTR) {
			return calls, fmt.Errorf("send live frames: %w", errno)
		}
	}
}

// interrupt signals the thread from the moment on at which the walk is done or
// the context ends, until the thread has noticed. The runtime takes SIGURG for a
// preemption, and so for nothing.
func (g *liveGenerator) interrupt(ctx context.Context, thread int, over chan<- struct{}, returned <-chan struct{}) {
	defer close(over)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-returned:
			return
		case <-look.C:
			w, err := g.read()
			if err != nil || w.Done == 1 || ctx.Err() != nil {
				_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
			}
		}
	}
}

// Frames is how many were sent. A map that cannot be read is an error of Run's.
func (g *liveGenerator) Frames() uint64 {
	w, err := g.read()
	if err != nil {
		return 0
	}
	return w.Sent
}

// Close frees the program.
func (g *liveGenerator) Close() error {
	var err error
	if g.program != nil {
		err = g.program.Close()
	}
	if g.array != nil {
		err = errors.Join(err, g.array.Close())
	}
	return err
}
