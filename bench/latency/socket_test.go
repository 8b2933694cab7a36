package latency

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stampedAt is the control message of a kernel that had the datagram then.
func stampedAt(at time.Time) []byte {
	b := make([]byte, unix.CmsgSpace(16))
	body := unix.CmsgLen(0)
	binary.NativeEndian.PutUint32(b[body-8:], unix.SOL_SOCKET)
	binary.NativeEndian.PutUint32(b[body-4:], unix.SO_TIMESTAMPNS_NEW)
	binary.NativeEndian.PutUint64(b[body:], uint64(at.Unix()))
	binary.NativeEndian.PutUint64(b[body+8:], uint64(at.Nanosecond()))
	return b
}

func TestSinceStamp(t *testing.T) {
	now := time.Unix(1_700_000_000, 5_000)
	other := stampedAt(now.Add(-time.Second))
	binary.NativeEndian.PutUint32(other[unix.CmsgLen(0)-4:], unix.SO_TIMESTAMPING)
	for _, c := range []struct {
		name    string
		control []byte
		want    time.Duration
	}{
		{"a moment ago", stampedAt(now.Add(-7 * time.Microsecond)), 7 * time.Microsecond},
		{"a second ends between", stampedAt(now.Add(-6 * time.Second)), 6 * time.Second},
		{"the clock was set back", stampedAt(now.Add(time.Hour)), 0},
		{"none", nil, 0},
		{"cut", stampedAt(now.Add(-time.Second))[:unix.CmsgLen(8)], 0},
		{"of another kind", other, 0},
	} {
		if got := sinceStamp(c.control, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// echoOn answers UDP on the loopback interface until the test ends, all but each
// n-th datagram, and some of them twice.
func echoOn(t *testing.T, ignore int) netip.AddrPort {
	t.Helper()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for i := 1; ; i++ {
			n, from, err := server.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if i%ignore == 0 {
				continue
			}
			for range 1 + i%2 {
				_, _ = server.WriteToUDPAddrPort(b[:n], from)
			}
		}
	}()
	t.Cleanup(func() { server.Close(); <-done })
	return server.LocalAddr().(*net.UDPAddr).AddrPort()
}

// TestClient: each datagram is answered once or lost, in both ways to wait and with
// and without ticks.
func TestClient(t *testing.T) {
	for _, sleeps := range []bool{false, true} {
		for _, every := range []time.Duration{0, time.Millisecond} {
			c, err := newClient(netip.MustParseAddrPort("127.0.0.1:0"), echoOn(t, 10))
			if err != nil {
				t.Fatal(err)
			}
			c.sleeps, c.patience = sleeps, 50*time.Millisecond
			for range 2 {
				checkClient(t, c, every)
			}
			if err := c.close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func checkClient(t *testing.T, c *client, every time.Duration) {
	t.Helper()
	const length = 40 * time.Millisecond
	found, err := c.run(t.Context(), every, length, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.took.total()+found.lost != found.sent || found.took.total() == 0 || found.lost == 0 {
		t.Errorf("sent %d, answered %d, lost %d", found.sent, found.took.total(), found.lost)
	}
	if every > 0 && found.sent != uint64(length/every) {
		t.Errorf("sent %d in %v, one every %v", found.sent, length, every)
	}
	if median := found.took.median(); median <= 0 || median > c.patience {
		t.Errorf("median %v", median)
	}
}

// TestClientNobody: without a server, all is lost, and that is no error.
func TestClientNobody(t *testing.T) {
	c, err := newClient(netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.sleeps, c.patience = true, time.Millisecond
	found, err := c.run(t.Context(), time.Millisecond, 3*time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.sent != 3 || found.lost != 3 || found.took.total() != 0 {
		t.Errorf("sent %d, lost %d", found.sent, found.lost)
	}
}

// TestPreferred: the thread has precedence while the function runs, and no longer.
func TestPreferred(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	niceness := func() int {
		told, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		if err != nil {
			t.Fatal(err)
		}
		return 20 - told
	}
	before := niceness()
	failed := errors.New("failed")
	ran := false
	err := preferred(func() error {
		ran = true
		if n := niceness(); n != nice {
			t.Errorf("niceness %d, want %d", n, nice)
		}
		return failed
	})
	if errors.Is(err, unix.EACCES) && !ran {
		return // the test has no privilege, and is told so
	}
	if !errors.Is(err, failed) || niceness() != before {
		t.Errorf("error %v, niceness %d, was %d", err, niceness(), before)
	}
}
