package wire

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/bench/sink"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/guard"
)

// forwarder sends each frame of an AF_PACKET ring on to one server, with nothing
// in between: what is left is what the director's own way would cost without the
// director.
type forwarder struct {
	receiver *afpacket.Receiver
	sender   *afpacket.Sender
	to, from [6]byte
	thread   int
	guard    func() error // takes it away
	stopping atomic.Bool
	done     chan error
}

func startForwarder(_ context.Context, g *segment) (forwarding, error) {
	f := &forwarder{to: sink.MAC(0), from: g.farMAC, done: make(chan error, 1)}
	if err := g.host.Do(func() error { return f.open(g) }); err != nil {
		return nil, errors.Join(err, f.close())
	}
	ready := make(chan int)
	go f.run(ready)
	f.thread = <-ready
	return f, nil
}

// open runs in the host's network. The guard keeps the host's kernel from looking
// at the frames too, as the director does.
func (f *forwarder) open(g *segment) (err error) {
	kept, err := guard.Install(guard.Config{Interface: g.near, VIPs: []netip.Addr{vip}})
	if err != nil {
		return skip("%w", err)
	}
	f.guard = func() error { return g.host.Do(kept.Remove) }
	if f.receiver, err = afpacket.OpenReceiver(afpacket.ReceiverConfig{Interface: g.near}); err != nil {
		return err
	}
	f.sender, err = afpacket.OpenSender(afpacket.SenderConfig{Interface: g.far})
	return err
}

// run has a thread of its own, which ends with it.
func (f *forwarder) run(ready chan<- int) {
	runtime.LockOSThread()
	ready <- unix.Gettid()
	frames := make([]link.Frame, afpacket.DefaultBatch)
	for {
		n, err := f.receiver.Receive(frames)
		if err != nil || n == 0 && f.stopping.Load() {
			f.done <- err
			return
		}
		for i := range frames[:n] {
			data := frames[i].Data()
			copy(data[0:], f.to[:])
			copy(data[6:], f.from[:])
			f.sender.Send(&frames[i])
		}
		f.sender.Flush()
	}
}

func (f *forwarder) threads() ([]int, error) { return []int{f.thread}, nil }

func (f *forwarder) drops(context.Context) (Drops, error) {
	return Drops{
		Ring:    f.receiver.Stats().Dropped,
		Reasons: map[string]uint64{"send": f.sender.Stats().Dropped()},
	}, nil
}

func (f *forwarder) stop() error {
	f.stopping.Store(true)
	f.receiver.Interrupt()
	err := <-f.done
	if err != nil {
		err = fmt.Errorf("forwarder: %w", err)
	}
	return errors.Join(err, f.close())
}

func (f *forwarder) close() error {
	var err error
	if f.receiver != nil {
		err = f.receiver.Close()
	}
	if f.sender != nil {
		err = errors.Join(err, f.sender.Close())
	}
	if f.guard != nil {
		err = errors.Join(err, f.guard())
	}
	return err
}
