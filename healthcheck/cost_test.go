package healthcheck

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkProbes is what 2,000 real servers at one probe a second cost, over
// the loopback with the servers in another process: an operation is a probe.
// 100 % is one core. What the kernel does for the servers' side of a handshake
// is done on the loopback within the probe's system calls, and counted too.
//
//	go test -run - -bench Probes -benchtime 20000x ./healthcheck
func BenchmarkProbes(b *testing.B) {
	const servers, every = 2000, time.Second
	port := startChild(b, "accept").port(b)
	var probes atomic.Int64
	m := NewMonitor(Options{Way: func(Spec, Target) Way {
		return Way{Control: func(_, _ string, _ syscall.RawConn) error { probes.Add(1); return nil }}
	}})
	defer m.Close()
	subs := loopbacks(servers, every, port)
	if err := m.Set(subs); err != nil {
		b.Fatal(err)
	}
	reach := func(n int64) {
		for probes.Load() < n {
			time.Sleep(every / 100)
		}
	}
	reach(2 * servers) // stacks have their size now
	before, at := heap(), probes.Load()
	cpu, begin := cpuTime(b), time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	reach(at + int64(b.N))
	b.StopTimer()
	used, wall, n := cpuTime(b)-cpu, time.Since(begin), probes.Load()-at
	b.ReportMetric(float64(used)/float64(n), "cpu-ns/probe")
	b.ReportMetric(100*float64(used)/float64(wall), "%core")
	b.ReportMetric(float64(n)/wall.Seconds(), "probes/s")
	b.ReportMetric(float64(heap()-before)/1024, "growth-KiB")
	failed := uint64(0)
	for _, s := range subs {
		known, _ := m.Status(s.Key)
		failed += known.Failed
	}
	// A machine that is short of time makes some fail; what most do is no cost of
	// a probe.
	all := float64(probes.Load())
	b.ReportMetric(100*float64(failed)/all, "%failed")
	if float64(failed) > all/2 {
		b.Fatalf("%d probes of %.0f failed", failed, all)
	}
}

// heap returns the bytes that are in use after a collection, stacks included.
func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse)
}

// cpuTime returns what this process has used of all cores so far.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
