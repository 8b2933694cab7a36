package kernel

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/dataplane/link/afxdp"
	"lvsdr/lab"
)

// TestLANOpenSender: which way each mode takes, on an interface with one queue.
func TestLANOpenSender(t *testing.T) {
	l := lab.ForTest(t)
	h := l.Host("host")
	l.Connect(h, l.Host("peer"), lab.LinkConfig{Name: "eth0"})
	index := h.Interface("eth0").Index()
	var log bytes.Buffer
	open := func(index, queue int, send Send) (link.Sender, error) {
		var s link.Sender
		err := h.Do(func() (err error) {
			s, err = OpenSender(SenderConfig{
				Interface: "eth0", Index: index, Queue: queue, Send: send, Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			return err
		})
		if err == nil {
			t.Cleanup(func() { _ = s.Close() })
		}
		return s, err
	}
	first, err := open(index, 0, SendAuto)
	if _, ok := first.(*afxdp.Sender); !ok || log.Len() != 0 {
		t.Errorf("auto: %T, %v, log %q", first, err, &log)
	}
	second, err := open(index, 0, SendAuto)
	if _, ok := second.(*afpacket.Sender); !ok || !strings.Contains(log.String(), "another AF_XDP socket has it") {
		t.Errorf("auto on a queue that is taken: %T, %v, log %q", second, err, &log)
	}
	if s, err := open(index, 0, SendXDP); !errors.Is(err, afxdp.ErrBusy) {
		t.Errorf("xdp on a queue that is taken: %T, %v", s, err)
	}
	if s, err := open(index, 1, SendXDP); err == nil {
		t.Errorf("xdp on a queue that is not there: %T", s)
	}
	if s, err := open(index, 0, SendPacket); err != nil {
		t.Errorf("packet: %T, %v", s, err)
	}
	if s, err := open(index+1000, 0, SendAuto); !errors.Is(err, link.ErrGone) {
		t.Errorf("auto on an interface that is not there: %T, %v", s, err)
	}
}

// TestLANPreferThread: it changes the calling thread, and no other.
func TestLANPreferThread(t *testing.T) {
	lab.ForTest(t) // it needs the privilege
	niceness := func(tid int) int {
		n, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		if err != nil {
			t.Error(err)
		}
		return 20 - n // as the system call tells it
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own := unix.Gettid()
	before := niceness(own)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if err := PreferThread(afpacket.PollSpin); err != nil || niceness(unix.Gettid()) != before {
			t.Errorf("a thread that spins has niceness %d, %v", niceness(unix.Gettid()), err)
		}
		if err := PreferThread(afpacket.PollAdaptive); err != nil || niceness(unix.Gettid()) != nice {
			t.Errorf("niceness %d, want %d: %v", niceness(unix.Gettid()), nice, err)
		}
	}()
	<-done
	if n := niceness(own); n != before {
		t.Errorf("another thread has niceness %d, had %d", n, before)
	}
}
