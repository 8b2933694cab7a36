package healthcheck

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeLAN answers the dialling of probes.
type fakeLAN struct {
	mu      sync.Mutex
	behave  map[uint16]func(context.Context) error // by port; nil error: connected
	starts  map[uint16][]time.Time
	running map[uint16]int
	t       *testing.T
}

func newLAN(t *testing.T) *fakeLAN {
	return &fakeLAN{
		t: t, behave: map[uint16]func(context.Context) error{},
		starts: map[uint16][]time.Time{}, running: map[uint16]int{},
	}
}

func alive(context.Context) error  { return nil }
func refuse(context.Context) error { return syscall.ECONNREFUSED }
func silence(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func slow(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *fakeLAN) set(port uint16, how func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behave[port] = how
}

func (l *fakeLAN) startsOf(port uint16) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.starts[port])
}

func (l *fakeLAN) way(_ Spec, _ Target) Way {
	return Way{Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
		port := netip.MustParseAddrPort(address).Port()
		l.mu.Lock()
		how := l.behave[port]
		l.starts[port] = append(l.starts[port], time.Now())
		if l.running[port]++; l.running[port] > 1 {
			l.t.Errorf("%d probes of port %d at once", l.running[port], port)
		}
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			l.running[port]--
			l.mu.Unlock()
		}()
		if how == nil {
			how = alive
		}
		if err := how(ctx); err != nil {
			return nil, err
		}
		a, b := net.Pipe()
		b.Close()
		return a, nil
	}}
}

// record keeps events; read it after synctest.Wait.
type record struct {
	mu   sync.Mutex
	list []Event
}

func (r *record) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
}

// take returns the events so far as "key:state" and forgets them.
func (r *record) take() (text []string) {
	for _, e := range r.takeEvents() {
		text = append(text, e.Key+":"+e.To.String())
	}
	return text
}

func (r *record) takeEvents() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func expect(t *testing.T, r *record, want ...string) {
	t.Helper()
	synctest.Wait()
	got := r.take()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func sub(key string, port uint16) Subscription {
	return Subscription{Key: key, Spec: Defaults(), Target: Target{Addr: rip, VIP: vip, Port: port, Name: "rs" + key}}
}

// monitored runs fn in a bubble with a monitor on a fake LAN.
func monitored(t *testing.T, fn func(t *testing.T, m *Monitor, lan *fakeLAN, r *record)) {
	synctest.Test(t, func(t *testing.T) {
		lan, r := newLAN(t), &record{}
		m := NewMonitor(Options{Notify: r.add, Way: lan.way})
		defer m.Close()
		fn(t, m, lan, r)
	})
}

func mustSet(t *testing.T, m *Monitor, subs ...Subscription) {
	t.Helper()
	if err := m.Set(subs); err != nil {
		t.Fatal(err)
	}
}

func TestMonitorUpDownUp(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		mustSet(t, m, sub("a", 1), sub("b", 2))
		lan.set(2, refuse)
		time.Sleep(firstWithin)
		expect(t, r, "a:up")
		if s, ok := m.Status("b"); !ok || s.State != Unknown || s.Failures != 1 || s.Message != "connection refused" {
			t.Errorf("b: %+v", s)
		}
		time.Sleep(2 * DefaultEvery)
		expect(t, r, "b:down")
		lan.set(2, alive)
		lan.set(1, silence)
		time.Sleep(2 * DefaultEvery)
		expect(t, r, "b:up")
		time.Sleep(DefaultEvery + DefaultTimeout)
		synctest.Wait()
		events := r.takeEvents()
		if len(events) != 1 || events[0].Key != "a" || events[0].From != Up || events[0].Message != "no answer within 1s" {
			t.Errorf("events %+v", events)
		}
		if s, _ := m.Status("a"); s.State != Down || s.Failures != 3 || !s.Since.Equal(events[0].Time) {
			t.Errorf("a: %+v", s)
		}
		if _, ok := m.Status("nonesuch"); ok {
			t.Error("a status for no subscription")
		}
	})
}

func TestFirstProbesAtOnceThenEvenly(t *testing.T) {
	const n = 100
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, _ *record) {
		var subs []Subscription
		for i := range n {
			subs = append(subs, sub(fmt.Sprint(i), uint16(1+i)))
		}
		begin := time.Now()
		mustSet(t, m, subs...)
		time.Sleep(10*DefaultEvery + firstWithin)
		synctest.Wait()
		var firsts, slots []time.Duration
		for i := range n {
			starts := lan.startsOf(uint16(1 + i))
			firsts = append(firsts, starts[0].Sub(begin))
			if gap := starts[1].Sub(starts[0]); gap > DefaultEvery {
				t.Errorf("target %d: %v between the first and second probe", i, gap)
			}
			for k := 2; k < len(starts); k++ {
				if gap := starts[k].Sub(starts[k-1]); gap != DefaultEvery {
					t.Errorf("target %d: %v between probes %d and %d", i, gap, k-1, k)
				}
			}
			slots = append(slots, starts[5].Sub(begin)%DefaultEvery)
		}
		evenly(t, "first probes", firsts, firstWithin)
		evenly(t, "slots", slots, DefaultEvery)
	})
}

// TestManyFirstProbes: beyond 200 targets, the first probes take longer.
func TestManyFirstProbes(t *testing.T) {
	const n, within = 1000, 500 * time.Millisecond
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, _ *record) {
		mustSet(t, m, sub("a", 5000)) // is there already, and does not count
		var subs []Subscription
		for i := range n {
			subs = append(subs, sub(fmt.Sprint(i), uint16(1+i)))
		}
		begin := time.Now()
		mustSet(t, m, subs...)
		time.Sleep(within)
		synctest.Wait()
		var firsts []time.Duration
		for i := range n {
			if starts := lan.startsOf(uint16(1 + i)); len(starts) > 0 {
				firsts = append(firsts, starts[0].Sub(begin))
			}
		}
		if len(firsts) < n {
			t.Fatalf("%d of %d were asked within %v", len(firsts), n, within)
		}
		evenly(t, "first probes", firsts, within)
	})
}

// evenly wants no gap in a circle of length d of more than three times the mean.
func evenly(t *testing.T, what string, at []time.Duration, d time.Duration) {
	t.Helper()
	slices.Sort(at)
	if at[0] < 0 || at[len(at)-1] > d {
		t.Errorf("%s from %v to %v, want within %v", what, at[0], at[len(at)-1], d)
	}
	for i := range at {
		gap := at[(i+1)%len(at)] - at[i]
		if i == len(at)-1 {
			gap += d
		}
		if mean := d / time.Duration(len(at)); gap > 3*mean {
			t.Errorf("%s: a gap of %v, mean %v", what, gap, mean)
		}
	}
}

func TestLateProbesDoNotPileUp(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, _ *record) {
		s := sub("a", 1)
		s.Spec.Timeout = s.Spec.Every
		mustSet(t, m, s)
		time.Sleep(time.Second)
		// Deaf to its context, as a hung system call would be.
		lan.set(1, func(context.Context) error { time.Sleep(7 * DefaultEvery / 2); return nil })
		time.Sleep(20 * DefaultEvery)
		lan.set(1, alive)
		time.Sleep(5 * DefaultEvery)
		synctest.Wait()
		starts := lan.startsOf(1) // dial fails the test when two run at once
		n := len(starts)
		if gap := starts[n-1].Sub(starts[n-2]); gap != DefaultEvery {
			t.Errorf("after the hang: %v between probes", gap)
		}
		if n > 14 {
			t.Errorf("%d probes: missed ones were made up for", n)
		}
	})
}

func TestSharedProbe(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		web, alias := sub("web", 80), sub("alias", 80)
		alias.Target.Name = "another name"
		other := sub("other", 443)
		other.Spec.Port = 80                    // asks the same
		web.Spec.Via = ""                       // means the same
		alias.Spec.EveryDown = alias.Spec.Every // the same
		mustSet(t, m, web, alias, other)
		time.Sleep(firstWithin)
		expect(t, r, "alias:up", "other:up", "web:up")
		if n := len(lan.startsOf(80)); n != 1 {
			t.Errorf("%d probes at once", n)
		}
		// Whoever joins is told at once; whoever stays notices nothing.
		late := sub("late", 80)
		late.Spec.Kind = ""
		mustSet(t, m, late, alias)
		expect(t, r, "late:up")
		lan.set(80, refuse)
		time.Sleep(3 * DefaultEvery)
		expect(t, r, "alias:down", "late:down")
		if n := len(lan.startsOf(80)); n != 4 && n != 5 {
			t.Errorf("%d probes in 3 intervals", n)
		}
	})
}

// TestNotSharedProbe: what is asked in another way, of another address or at other
// times has a probe of its own.
func TestNotSharedProbe(t *testing.T) {
	for name, change := range map[string]func(*Subscription){
		"port":               func(s *Subscription) { s.Target.Port = 81 },
		"address":            func(s *Subscription) { s.Target.Addr = s.Target.Addr.Next() },
		"kind":               func(s *Subscription) { s.Spec.Kind = "http" },
		"via":                func(s *Subscription) { s.Spec.Via = ViaReal },
		"every":              func(s *Subscription) { s.Spec.Every *= 2 },
		"every_down":         func(s *Subscription) { s.Spec.EveryDown = 2 * s.Spec.Every },
		"timeout":            func(s *Subscription) { s.Spec.Timeout /= 2 },
		"jitter":             func(s *Subscription) { s.Spec.Jitter = 10 },
		"rise":               func(s *Subscription) { s.Spec.Rise++ },
		"fall":               func(s *Subscription) { s.Spec.Fall++ },
		"retry":              func(s *Subscription) { s.Spec.Retry = 2 },
		"delay_before_retry": func(s *Subscription) { s.Spec.Retry, s.Spec.DelayBeforeRetry = 1, time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			monitored(t, func(t *testing.T, m *Monitor, _ *fakeLAN, _ *record) {
				a, b := sub("a", 80), sub("b", 80)
				a.Spec.Retry = 1
				b.Spec.Retry = 1
				change(&b)
				mustSet(t, m, a, b)
				if len(m.probes) != 2 {
					t.Errorf("%d probes", len(m.probes))
				}
			})
		})
	}
	// Who asks no port asks the same of all.
	monitored(t, func(t *testing.T, m *Monitor, _ *fakeLAN, _ *record) {
		for _, kind := range []string{"icmp", "arp", "file"} {
			a, b := sub("a", 80), sub("b", 81)
			a.Spec = a.Spec.WithKind(kind)
			if kind == "file" {
				a.Spec.File = "/nowhere"
			}
			b.Spec = a.Spec
			mustSet(t, m, a, b)
			if len(m.probes) != 1 {
				t.Errorf("%s: %d probes", kind, len(m.probes))
			}
		}
		mustSet(t, m)
	})
	monitored(t, func(t *testing.T, m *Monitor, _ *fakeLAN, _ *record) {
		a, b, c := sub("a", 80), sub("b", 80), sub("c", 80)
		for _, s := range []*Subscription{&a, &b, &c} {
			s.Spec.Via = ViaVIP
		}
		c.Target.VIP = c.Target.VIP.Next()
		mustSet(t, m, a, b, c)
		if len(m.probes) != 2 || m.subs["a"] != m.subs["b"] {
			t.Errorf("by two VIPs: %d probes", len(m.probes))
		}
	})
}

func TestSetKeepsAndStops(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		lan.set(2, silence)
		mustSet(t, m, sub("a", 1), sub("b", 2))
		time.Sleep(DefaultEvery + DefaultEvery/2)
		expect(t, r, "a:up")
		before, _ := m.Status("a")
		mustSet(t, m, sub("c", 3), sub("a", 1))
		if after, _ := m.Status("a"); after != before {
			t.Errorf("a was %+v, is %+v", before, after)
		}
		n := len(lan.startsOf(2))
		time.Sleep(10 * DefaultEvery)
		expect(t, r, "c:up")
		if len(lan.startsOf(2)) != n {
			t.Error("b is still probed")
		}
		if _, ok := m.Status("b"); ok {
			t.Error("b has a status")
		}
		// It comes back as a new one.
		lan.set(2, alive)
		mustSet(t, m, sub("b", 2))
		if s, _ := m.Status("b"); s.State != Unknown || s.Checks != 0 {
			t.Errorf("b: %+v", s)
		}
		time.Sleep(firstWithin)
		expect(t, r, "b:up")
	})
}

func TestChangedSpecKeepsTheState(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		mustSet(t, m, sub("a", 1))
		time.Sleep(firstWithin)
		expect(t, r, "a:up")
		changed := sub("a", 1)
		changed.Spec.Every, changed.Spec.Port = DefaultEvery*2, 9
		lan.set(9, refuse)
		mustSet(t, m, changed)
		expect(t, r)
		if s, _ := m.Status("a"); s.State != Up || !s.Believed || s.Checks != 0 {
			t.Errorf("a: %+v", s)
		}
		time.Sleep(3 * changed.Spec.Every)
		expect(t, r, "a:down")
		// Another address is another server: nothing is known of it.
		moved := sub("a", 1)
		moved.Target.Addr = netip.MustParseAddr("192.0.2.22")
		mustSet(t, m, moved)
		expect(t, r, "a:unknown")
	})
}

func TestRestore(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		for port := uint16(1); port <= 4; port++ {
			lan.set(port, silence)
		}
		m.Restore("a", Up)
		m.Restore("b", Down)
		m.Restore("e", Up)
		m.Restore("c", Unknown)
		mustSet(t, m, sub("a", 1), sub("b", 2), sub("c", 3), sub("d", 4))
		expect(t, r, "a:up", "b:down")
		if s, _ := m.Status("a"); s.State != Up || !s.Believed || !s.Since.Equal(time.Now()) {
			t.Errorf("a: %+v", s)
		}
		m.Restore("d", Up) // after Set, before a result
		expect(t, r, "d:up")
		m.Restore("d", Down) // something is known
		expect(t, r)
		lan.set(2, alive)
		time.Sleep(firstWithin + 2*DefaultEvery + DefaultTimeout)
		expect(t, r, "a:down", "b:up", "c:down", "d:down")
		mustSet(t, m, sub("a", 1))
		mustSet(t, m, sub("a", 1), sub("b", 2)) // what was restored was used once
		if s, _ := m.Status("b"); s.State != Unknown {
			t.Errorf("b: %+v", s)
		}
	})
}

// TestRestoreTellsChecksApart: two services ask the same server differently,
// and what one knew is nothing that the other knew.
func TestRestoreTellsChecksApart(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		lan.set(1, silence)
		lan.set(2, silence)
		a, b, c := sub("a", 1), sub("b", 1), sub("c", 1)
		b.Spec.Port = 2 // asks elsewhere than the service's port
		c.Spec.Port = 2 // asks what b asks
		m.Restore("a", Up)
		m.Restore("b", Down)
		mustSet(t, m, a, b, c)
		expect(t, r, "a:up", "b:down", "c:down")
	})
}

func TestNoneIsUp(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		none := sub("a", 1)
		none.Spec = Spec{Kind: "none"}
		mustSet(t, m, none)
		expect(t, r, "a:up")
		time.Sleep(time.Hour)
		if n := len(lan.startsOf(1)); n != 0 {
			t.Errorf("%d probes", n)
		}
		// A real check believes it until it knows better.
		lan.set(1, refuse)
		mustSet(t, m, sub("a", 1))
		time.Sleep(firstWithin + 2*DefaultEvery)
		expect(t, r, "a:down")
		mustSet(t, m, none)
		expect(t, r, "a:up")
	})
}

func TestSetRefusesWholly(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, r *record) {
		mustSet(t, m, sub("a", 1))
		time.Sleep(firstWithin)
		expect(t, r, "a:up")
		bad := sub("bad", 2)
		bad.Spec.Rise = 0
		wrong := []Subscription{sub("n", 9), bad, sub("n", 9), sub("zero", 0)}
		err := m.Set(wrong)
		if err == nil {
			t.Fatal("no error")
		}
		if told := m.Validate(wrong); told == nil || told.Error() != err.Error() {
			t.Errorf("Validate: %v; Set: %v", told, err)
		}
		if err := m.Validate([]Subscription{sub("a", 1), sub("n", 9)}); err != nil {
			t.Errorf("Validate: %v", err)
		}
		for _, want := range []string{"bad: ", "rise", `"n" appears twice`, "zero: "} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q lacks %q", err, want)
			}
		}
		time.Sleep(DefaultEvery)
		expect(t, r)
		if s, ok := m.Status("a"); !ok || s.Checks < 2 || len(lan.startsOf(9)) > 0 {
			t.Errorf("something changed: %+v", s)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, r := newLAN(t), &record{}
		var log bytes.Buffer
		var m *Monitor
		entered := make(chan struct{}, 10)
		m = NewMonitor(Options{
			Way: lan.way, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Notify: func(e Event) {
				m.Status(e.Key) // methods may be called from here
				r.add(e)
				entered <- struct{}{}
				time.Sleep(time.Second)
			},
		})
		lan.set(3, silence)
		mustSet(t, m, sub("a", 1), sub("b", 2), sub("c", 3))
		<-entered
		m.Close() // while an event is told, others wait, and a probe runs
		m.Close()
		n := len(r.take())
		time.Sleep(time.Minute)
		if n != 1 || len(r.take()) != 0 {
			t.Errorf("%d events before Close had returned, %v after", n, r.take())
		}
		if err := m.Set(nil); err == nil {
			t.Error("Set after Close: no error")
		}
		m.Restore("a", Up)
		if text := log.String(); !strings.Contains(text, "real server is up") || !strings.Contains(text, "on 192.0.2.21") {
			t.Errorf("log: %s", text)
		}
	})
}

// TestRealSockets holds the whole together over the loopback, once.
func TestRealSockets(t *testing.T) {
	up := listen(t, answer("HTTP/1.1 200 OK\r\n\r\nfine"))
	events := make(chan Event, 10)
	m := NewMonitor(Options{Notify: func(e Event) { events <- e }})
	defer m.Close()
	s := Subscription{Key: "web", Spec: spec("http"), Target: up}
	s.Spec.Every, s.Spec.Timeout, s.Spec.Fall, s.Spec.Body = 20*time.Millisecond, 20*time.Millisecond, 2, "fine"
	dead := s
	dead.Key, dead.Target = "dead", refused(t)
	mustSet(t, m, s, dead)
	got := map[string]State{}
	for len(got) < 2 {
		select {
		case e := <-events:
			got[e.Key] = e.To
		case <-time.After(10 * time.Second):
			t.Fatalf("after 10 s only %v", got)
		}
	}
	if got["dead"] != Down {
		t.Errorf("states %v", got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	monitored(t, func(t *testing.T, m *Monitor, lan *fakeLAN, _ *record) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 50 {
					m.Set([]Subscription{sub("a", uint16(1+(g+i)%5)), sub("b", uint16(1+i%3))})
					m.Restore([]string{"a", "b", "c"}[i%3], State(1+i%2))
					m.Status("a")
					lan.set(uint16(1+i%5), []func(context.Context) error{alive, refuse, silence}[i%3])
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
	})
}
