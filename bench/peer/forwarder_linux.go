package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/dataplane/link/kernel"
	"lvsdr/guard"
)

// forwarder sends each frame of an AF_PACKET ring on to one server, with nothing
// in between: what is left is what the director's own way would cost without the
// director.
type forwarder struct {
	receiver *afpacket.Receiver
	sender   link.Sender
	to, from [6]byte
	thread   int
	guard    func() error // takes it away
	stopping atomic.Bool
	sleep    chan chan struct{} // the thread takes from it what then wakes it
	awake    chan struct{}      // closed to wake it; nil: it is not asleep
	done     chan error
	ended    chan struct{} // closed when the thread forwards no more
}

// ForwarderConfig says how a forwarder moves frames.
type ForwarderConfig struct {
	Poll afpacket.Poll // default: afpacket.PollAdaptive
	Send kernel.Send   // default: kernel.SendAuto
}

// Forwarder starts it. Its links and its thread are those of a director. The first
// server gets all frames; its MAC address must be given.
func Forwarder(_ context.Context, s *Site, c ForwarderConfig) (Running, error) {
	f := &forwarder{
		to: [6]byte(s.servers()[0].MAC), from: [6]byte(s.Host.Interface(s.Far).MAC()),
		sleep: make(chan chan struct{}), done: make(chan error, 1), ended: make(chan struct{}),
	}
	if err := s.Host.Do(func() error { return f.open(s, c) }); err != nil {
		return nil, errors.Join(err, f.close())
	}
	ready := make(chan error)
	go f.run(ready, c.Poll)
	if err := <-ready; err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// open runs in the host's network. The guard keeps the host's kernel from looking
// at the frames too, as the director does.
func (f *forwarder) open(s *Site, c ForwarderConfig) error {
	kept, err := guard.Install(guard.Config{Interface: s.Near, VIPs: []netip.Addr{s.VIP}})
	if err != nil {
		return skip("%w", err)
	}
	f.guard = func() error { return s.Host.Do(kept.Remove) }
	if f.receiver, err = afpacket.OpenReceiver(afpacket.ReceiverConfig{Interface: s.Near, Poll: c.Poll}); err != nil {
		return err
	}
	f.sender, err = kernel.OpenSender(kernel.SenderConfig{
		Interface: s.Far, Index: s.Host.Interface(s.Far).Index(), Send: c.Send,
	})
	return err
}

// run has a thread of its own, which ends with it.
func (f *forwarder) run(ready chan<- error, poll afpacket.Poll) {
	runtime.LockOSThread()
	f.thread = unix.Gettid()
	err := kernel.PreferThread(poll)
	if ready <- err; err != nil {
		return
	}
	defer close(f.ended)
	frames := make([]link.Frame, afpacket.DefaultBatch)
	for {
		n, err := f.receiver.Receive(frames)
		if err != nil || n == 0 && f.stopping.Load() {
			f.done <- err
			return
		}
		if n == 0 { // interrupted, and not to stop
			awake := <-f.sleep
			<-awake
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

func (f *forwarder) Threads() ([]int, error) { return []int{f.thread}, nil }

func (f *forwarder) Drops(context.Context) (Drops, error) {
	return Drops{
		Ring:    f.receiver.Stats().Dropped,
		Reasons: map[string]uint64{"send": f.sender.Stats().Dropped()},
	}, nil
}

// Sleep returns when the forwarder takes no more processor time; frames wait in its
// ring.
func (f *forwarder) Sleep() error {
	if f.awake != nil {
		return nil
	}
	awake := make(chan struct{})
	f.receiver.Interrupt()
	select {
	case f.sleep <- awake:
		f.awake = awake
		return nil
	case <-f.ended: // Stop tells why
		return errors.New("it forwards no more")
	}
}

// Wake ends a sleep.
func (f *forwarder) Wake() error {
	if f.awake != nil {
		close(f.awake)
		f.awake = nil
	}
	return nil
}

func (f *forwarder) Stop() error {
	f.stopping.Store(true)
	_ = f.Wake() // never fails
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
