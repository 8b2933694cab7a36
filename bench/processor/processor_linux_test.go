package processor

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func setOf(processors ...int) (set unix.CPUSet) {
	for _, p := range processors {
		set.Set(p)
	}
	return set
}

func TestMask(t *testing.T) {
	for want, set := range map[string]unix.CPUSet{
		"00000000":                   setOf(),
		"00000001":                   setOf(0),
		"80000006":                   setOf(1, 2, 31),
		"00000001,00000000":          setOf(32),
		"00000002,00000000,00000001": setOf(0, 65),
	} {
		if got := mask(set); got != want {
			t.Errorf("mask %s, want %s", got, want)
		}
	}
}

// TestReceives: a thread is known by its whole name, and by what an older kernel
// leaves of it.
func TestReceives(t *testing.T) {
	for _, c := range []struct {
		comm, name string
		want       bool
	}{
		{"napi/eth0-17", "eth0", true},
		{"napi/eth01-17", "eth0", false},
		{"napi/i123456789abcde-8193", "i123456789abcde", true},
		{"napi/i123456789", "i123456789abcde", true},
		{"napi/i123456789", "i123456789", true}, // cut before its number
		{"napi/i12345678", "i123456789", false},
		{"napi/i12345678-", "i12345678", true},
		{"napi/eth0", "eth0", false},
	} {
		if got := receives(c.comm, c.name); got != c.want {
			t.Errorf("%s receives on %s: %v", c.comm, c.name, got)
		}
	}
}

// TestConfine: no thread of the process stays on the peer's processor, and later
// all may use each again.
func TestConfine(t *testing.T) {
	s, err := Choose()
	if err != nil {
		t.Fatal(err)
	}
	loads := s.Loads()
	if loads.Count() != s.all.Count()-1 || s.Apart != (s.all.Count() > 1) {
		t.Fatalf("of %d processors the load has %d, apart %v", s.all.Count(), loads.Count(), s.Apart)
	}
	restore, err := s.Confine()
	if err != nil {
		t.Fatal(err)
	}
	want := s.all
	if s.Apart {
		want = loads
	}
	checkThreads(t, want)
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	checkThreads(t, s.all)
}

// checkThreads: all threads of this process may use these processors.
func checkThreads(t *testing.T, want unix.CPUSet) {
	t.Helper()
	threads, err := Threads(os.Getpid())
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads %v: %v", threads, err)
	}
	for _, thread := range threads {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(thread, &set); err != nil && err != unix.ESRCH || err == nil && set != want {
			t.Errorf("thread %d: %v, error %v", thread, set, err)
		}
	}
}

// TestTime: a thread that computes takes time, and its processor is not idle then.
func TestTime(t *testing.T) {
	s, err := Choose()
	if err != nil {
		t.Fatal(err)
	}
	const work = 100 * time.Millisecond
	err = Pinned(s.Peer, func() error {
		self := []int{unix.Gettid()}
		before, err := Time(self)
		if err != nil {
			return err
		}
		idle, err := Idle(s.Peer)
		if err != nil {
			return err
		}
		began := time.Now()
		took := time.Duration(0)
		for took < work {
			runtime.Gosched()
			now, err := Time(self)
			if err != nil {
				return err
			}
			took = now - before
		}
		wall := time.Since(began)
		after, err := Idle(s.Peer)
		if rest := after - idle; rest < 0 || rest > wall-work+2*tick {
			t.Errorf("of %v the processor was idle for %v, and a thread took %v", wall, rest, took)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Idle(100_000); err == nil {
		t.Error("a processor that is not there was idle")
	}
}
