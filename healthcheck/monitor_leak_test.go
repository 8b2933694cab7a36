package healthcheck

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestMonitorLeaks: 10,000 probes and 100 reloads leave neither descriptors nor
// goroutines nor memory behind, while servers answer, refuse and are silent.
func TestMonitorLeaks(t *testing.T) {
	const reloads, each = 100, 100
	targets := []Target{
		listen(t, hold), listen(t, answer("HTTP/1.1 200 OK\r\n\r\n")), listen(t, func(net.Conn) {}), refused(t), silent(t),
	}
	var probes, events atomic.Int64
	enough := make(chan struct{}, 1)
	m := NewMonitor(Options{
		Notify: func(Event) { events.Add(1) },
		Way: func(Spec, Target) Way {
			return Way{Control: func(_, _ string, _ syscall.RawConn) error {
				if probes.Add(1)%each == 0 {
					select {
					case enough <- struct{}{}:
					default:
					}
				}
				return nil
			}}
		},
	})
	defer m.Close()
	rnd := rand.New(rand.NewPCG(3, 4))
	reload := func() {
		var subs []Subscription
		for i := range 40 {
			s := Subscription{Key: fmt.Sprint(i), Spec: Defaults(), Target: targets[rnd.IntN(len(targets))]}
			s.Spec.Kind, s.Spec.Via = []string{"tcp", "http"}[rnd.IntN(2)], ViaReal
			s.Spec.Every, s.Spec.Timeout = minEvery, minEvery
			s.Spec.Fall, s.Spec.Retry, s.Spec.Jitter = 2+i/4, i%2, 10*(i%3)
			subs = append(subs, s)
		}
		mustSet(t, m, subs[:20+rnd.IntN(20)]...)
	}
	limit := time.After(20 * time.Second)
	until := func(n int64) {
		for probes.Load() < n {
			select {
			case <-enough:
			case <-limit:
				t.Fatalf("only %d probes in 20 s", probes.Load())
			}
		}
	}
	// The first ones make what stays: the runtime's own descriptors, pools.
	reload()
	until(each)
	mustSet(t, m)
	before := settle(t, holdings{})
	for range reloads {
		reload()
		until(probes.Load() + each)
	}
	mustSet(t, m)
	after := settle(t, before)
	if after.files > before.files || after.goroutines > before.goroutines || after.bytes > before.bytes+1<<20 {
		t.Errorf("before %+v, after %d probes %+v", before, probes.Load(), after)
	}
	if events.Load() < reloads {
		t.Errorf("only %d events: did the servers answer?", events.Load())
	}
	if len(m.probes)+len(m.subs)+len(m.restored) != 0 {
		t.Errorf("%d probes, %d subscriptions left", len(m.probes), len(m.subs))
	}
}

// holdings are what probes may leave behind.
type holdings struct {
	files, goroutines int
	bytes             int64 // of the heap that are in use
}

func held(t *testing.T) holdings {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return holdings{len(files), runtime.NumGoroutine(), int64(s.HeapAlloc)}
}

// settle waits until no more is held than before or, if that is nothing, until
// it stays the same: the servers of tests end after their clients.
func settle(t *testing.T, before holdings) (now holdings) {
	t.Helper()
	for range 500 {
		last := now
		now = held(t)
		if before.files == 0 && now.files == last.files && now.goroutines == last.goroutines {
			return now
		}
		if now.files <= before.files && now.goroutines <= before.goroutines {
			return now
		}
		time.Sleep(2 * time.Millisecond)
	}
	return now
}
