package afpacket

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/internal/linktest"
)

// forwardAll sends every frame on until stop, on a thread of its own, and
// returns the CPU time of that thread.
func forwardAll(r link.Receiver, s *Sender, batch []link.Frame, stop *atomic.Bool) (cpu time.Duration, frames int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadCPU()
	for !stop.Load() {
		n, err := r.Receive(batch)
		if err != nil {
			return 0, 0
		}
		for i := range batch[:n] {
			data := batch[i].Data()
			copy(data[6:], data[:6])
			copy(data, linktest.FarMAC[:])
			s.Send(&batch[i])
		}
		s.Flush()
		frames += n
	}
	return threadCPU() - start, frames
}

func threadCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLANRoundTrip is a frame there and back, on a veth, with a far end
// that spins: as fast as it goes, and one a millisecond.
func BenchmarkLANRoundTrip(b *testing.B) {
	for _, pace := range []time.Duration{0, time.Millisecond} {
		for _, poll := range []Poll{PollBlock, PollAdaptive, PollSpin} {
			b.Run(fmt.Sprintf("pace=%v/poll=%s", pace, poll), func(b *testing.B) {
				near, far := newCable(b)
				r, s := openPair(b, near, ReceiverConfig{Interface: nearEnd, Poll: poll}, SenderConfig{Interface: nearEnd})
				roundTrips(b, near, far, r, s, pace)
			})
		}
		b.Run(fmt.Sprintf("pace=%v/TPACKET_V3", pace), func(b *testing.B) {
			near, far := newCable(b)
			s := openOut(b, near, SenderConfig{Interface: nearEnd})
			roundTrips(b, near, far, openBlockRing(b, near, nearEnd), s, pace)
		})
	}
}

func roundTrips(b *testing.B, near, far *host, r link.Receiver, s *Sender, pace time.Duration) {
	fd, buf := newFarSocket(b, far, farEnd).FD(), make([]byte, 1<<11)
	near.must(unix.SetNonblock(fd, true))
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		forwardAll(r, s, make([]link.Frame, 64), &stop)
		close(done)
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	frame := append(make([]byte, link.VNetHeaderLen), linktest.UDP(nearMAC, 60, 1).Data...)
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for next := time.Now(); len(took) < b.N; {
		for time.Now().Before(next) {
		}
		start := time.Now()
		near.must(writeAll(fd, frame))
		for {
			if _, err := unix.Read(fd, buf); err == nil {
				break
			}
			if time.Since(start) > time.Second {
				b.Fatal("a frame did not come back")
			}
		}
		took = append(took, time.Since(start))
		next = start.Add(pace)
	}
	b.StopTimer()
	stop.Store(true)
	r.Interrupt()
	<-done
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-us")
}

func writeAll(fd int, b []byte) error {
	_, err := unix.Write(fd, b)
	return err
}

// BenchmarkLANForward is the least that a forwarder can do, against a sender
// that saturates it from the other core. ns/frame is CPU time of its thread.
func BenchmarkLANForward(b *testing.B) {
	type open = func(near *host) link.Receiver
	with := func(c ReceiverConfig) open {
		c.Interface = nearEnd
		return func(near *host) (r link.Receiver) {
			near.do(func() {
				rr, err := OpenReceiver(c)
				near.must(err)
				near.t.Cleanup(func() { _ = rr.Close() })
				r = rr
			})
			return r
		}
	}
	v3 := func(near *host) link.Receiver { return openBlockRing(b, near, nearEnd) }
	standard := with(ReceiverConfig{})
	for _, v := range []struct {
		name        string
		open        open
		batch, size int
	}{
		{"default", standard, 64, 60},
		{"TPACKET_V3", v3, 64, 60},
		{"poll=block", with(ReceiverConfig{Poll: PollBlock}), 64, 60},
		{"poll=spin", with(ReceiverConfig{Poll: PollSpin}), 64, 60},
		{"slot=2048", with(ReceiverConfig{SlotSize: 2048}), 64, 60},
		{"slots=512", with(ReceiverConfig{Slots: 512}), 64, 60},
		{"slots=16384", with(ReceiverConfig{Slots: 16384}), 64, 60},
		{"batch=1", standard, 1, 60},
		{"batch=8", standard, 8, 60},
		{"batch=256", standard, 256, 60},
		{"size=1514", standard, 64, 1514},
		{"size=9014_copied", standard, 64, 9014},
		{"size=9014_in_slots", with(ReceiverConfig{SlotSize: 9280}), 64, 9014},
	} {
		b.Run(v.name, func(b *testing.B) { forwardFrames(b, v.open, v.batch, v.size) })
	}
}

func forwardFrames(b *testing.B, open func(near *host) link.Receiver, batch, size int) {
	near, far := newCable(b)
	sink := newHost(b)
	near.cable("out", sink, "sink", [6]byte{2, 0, 0, 0, 0, 3}, [6]byte{2, 0, 0, 0, 0, 4})
	for _, end := range []struct {
		h    *host
		name string
	}{{near, nearEnd}, {far, farEnd}, {near, "out"}, {sink, "sink"}} {
		end.h.setMTU(end.name, 9000)
	}
	s := openOut(b, near, SenderConfig{Interface: "out", Batch: batch})
	generator := openOut(b, far, SenderConfig{Interface: farEnd})
	r := open(near)

	var stop atomic.Bool
	type result struct {
		cpu    time.Duration
		frames int
	}
	done := make(chan result)
	b.ResetTimer()
	go func() {
		cpu, frames := forwardAll(r, s, make([]link.Frame, batch), &stop)
		done <- result{cpu, frames}
	}()
	frames := make([]link.Frame, 64)
	for i := range frames {
		frames[i] = frameOf(linktest.UDP(nearMAC, size, i))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for s.Stats().Frames < uint64(b.N) {
		for range 16 {
			for i := range frames {
				generator.Send(&frames[i])
			}
			generator.Flush()
		}
	}
	b.StopTimer()
	stop.Store(true)
	r.Interrupt()
	res := <-done
	if res.frames == 0 {
		b.Fatal("nothing was forwarded")
	}
	b.ReportMetric(float64(res.frames)/b.Elapsed().Seconds()/1e3, "kframes/s")
	b.ReportMetric(float64(res.cpu.Nanoseconds())/float64(res.frames), "cpu-ns/frame")
	sent := float64(generator.Stats().Frames)
	b.ReportMetric((sent-float64(res.frames))/sent*100, "%lost")
}
