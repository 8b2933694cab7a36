package healthcheck

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The process that TestStopped stops asks so many servers so often.
const (
	stoppedServers = 600
	stoppedEvery   = 600 * time.Millisecond
)

// TestStopped: a process that is stopped for more than two intervals, and goes
// on, asks each server once, and not all at once.
func TestStopped(t *testing.T) {
	serving := startChild(t, "accept")
	asking := startChild(t, "ask", "PORT="+strconv.Itoa(int(serving.port(t))))
	if _, err := asking.out.ReadString('\n'); err != nil { // it has asked all twice
		t.Fatal(err)
	}
	// The servers go on after it: no answer has come when it looks.
	for _, step := range []struct {
		who   *process
		what  syscall.Signal
		after time.Duration
	}{
		{serving, syscall.SIGSTOP, 0},
		{asking, syscall.SIGSTOP, 0},
		{asking, syscall.SIGCONT, 5 * stoppedEvery / 2},
		{serving, syscall.SIGCONT, stoppedEvery / 10},
	} {
		time.Sleep(step.after)
		if err := step.who.Process.Signal(step.what); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := asking.out.ReadString('\n'); err != nil { // it has asked all twice more
		t.Fatal(err)
	}
	asking.in.Close()
	text, err := io.ReadAll(asking.out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	// A sixth of the slow ones wait for their answer at any time: 25. On a busy
	// machine the process may have stood still over the probe before as well, and
	// then this one counts.
	if failed, err := strconv.Atoi(lines[0]); err != nil || failed > 8 {
		t.Errorf("%s probes over which it was stopped failed", lines[0])
	}
	var starts []time.Duration
	for _, line := range lines[1:] {
		ns, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, time.Duration(ns))
	}
	begin := 1 // the first start after the longest gap
	for i := range starts {
		if i > 0 && starts[i]-starts[i-1] > starts[begin]-starts[begin-1] {
			begin = i
		}
	}
	if gap := starts[begin] - starts[begin-1]; gap < 2*stoppedEvery {
		t.Fatalf("the longest time without probes is %v: it was not stopped", gap)
	}
	within := func(d time.Duration) (n int) {
		for _, s := range starts[begin:] {
			if s-starts[begin] < d {
				n++
			}
		}
		return n
	}
	// Each at once, and each at its slot.
	if n := within(stoppedEvery); n > 2*stoppedServers {
		t.Errorf("%d probes of %d servers in the first %v", n, stoppedServers, stoppedEvery)
	}
	// Spread over half a millisecond for each. The margin is for busy machines.
	if n, d := within(stoppedEvery/10), stoppedEvery/10; n > stoppedServers*6/10 {
		t.Errorf("%d probes of %d servers in the first %v", n, stoppedServers, d)
	}
}

// askMain asks the servers at PORT, every fourth for a page. It prints a line each
// time that it has asked all twice, and when its input ends the number of probes
// that failed after so long that it was stopped meanwhile, and the times of all
// starts.
func askMain() {
	port, err := strconv.ParseUint(os.Getenv("PORT"), 10, 16)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	var starts []time.Duration
	failed := 0
	begin := time.Now()
	notify := func(e Event) {
		text, ok := strings.CutPrefix(e.Message, "no answer within ")
		if d, err := time.ParseDuration(text); ok && err == nil && d > 2*stoppedEvery {
			mu.Lock()
			defer mu.Unlock()
			failed++
		}
	}
	m := NewMonitor(Options{Notify: notify, Way: func(Spec, Target) Way {
		return Way{Control: func(_, _ string, _ syscall.RawConn) error {
			mu.Lock()
			defer mu.Unlock()
			starts = append(starts, time.Since(begin))
			if len(starts)%(2*stoppedServers) == 0 {
				fmt.Println("twice")
			}
			return nil
		}}
	}})
	subs := loopbacks(stoppedServers, stoppedEvery, uint16(port))
	for i := range subs {
		if i%4 == 0 {
			subs[i].Spec.Kind, subs[i].Spec.Fall = "http", 1
		}
	}
	if err := m.Set(subs); err != nil {
		panic(err)
	}
	io.Copy(io.Discard, os.Stdin)
	m.Close()
	fmt.Println(failed)
	for _, s := range starts {
		fmt.Println(int64(s))
	}
}

// loopbacks are subscriptions to n servers, each with an address of its own in
// 127/8: the ports that TIME_WAIT holds are counted by address.
func loopbacks(n int, every time.Duration, port uint16) (subs []Subscription) {
	for i := range n {
		spec := Defaults()
		spec.Via, spec.Every = ViaReal, every
		spec.Timeout = min(spec.Timeout, every)
		addr := netip.AddrFrom4([4]byte{127, 1, byte(i / 250), byte(1 + i%250)})
		subs = append(subs, Subscription{Key: fmt.Sprint(i), Spec: spec, Target: Target{Addr: addr, Port: port}})
	}
	return subs
}
