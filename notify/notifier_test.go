package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lvsdr/admin/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a receiver that does what a test says.
type script struct {
	do     func(ctx context.Context, hurry <-chan struct{}, e *api.Event) error
	mu     sync.Mutex
	got    []string
	busy   int
	closed bool
}

func (s *script) deliver(ctx context.Context, hurry <-chan struct{}, e *api.Event) error {
	s.mu.Lock()
	s.got = append(s.got, text(e))
	s.busy++
	if s.busy > 1 {
		panic("two deliveries at once")
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if s.do == nil {
		return nil
	}
	return s.do(ctx, hurry, e)
}

func (s *script) close() { s.closed = true }

func text(e *api.Event) string {
	if e.Kind == api.LostEvent {
		return fmt.Sprintf("lost %d", e.Lost)
	}
	return fmt.Sprintf("%s %d", e.Kind, e.Seq)
}

func server(n int) api.Event {
	return api.Event{Seq: uint64(n), Kind: api.ServerEvent, Service: "web", Server: "192.0.2.21:80", From: "up", To: "down"}
}

// open gives a notifier a receiver in place of its program.
func open(n *Notifier, s *script, queue int) {
	n.program = openOutlet("script", s, queue, &n.programs, n.log)
}

func soon(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func within(t *testing.T, test func(t *testing.T, n *Notifier, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		test(t, New(slog.New(slog.NewTextHandler(&log, nil))), &log)
	})
}

// TestOrder: all are told, one after the other.
func TestOrder(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
		s := &script{do: func(context.Context, <-chan struct{}, *api.Event) error {
			time.Sleep(time.Second)
			return nil
		}}
		open(n, s, 100)
		var want []string
		for i := range 20 {
			e := server(i)
			n.Send(e)
			want = append(want, text(&e))
		}
		time.Sleep(5 * time.Second)
		if st := n.Status()[0]; st.Kind != "program" || st.To != "script" || st.Waiting+int(st.Delivered) < 19 || st.Waiting < 14 {
			t.Errorf("after five seconds: %+v", st)
		}
		n.Close(soon(t, time.Minute))
		if !slices.Equal(s.got, want) || !s.closed {
			t.Errorf("told %v", s.got)
		}
		if st := n.Status()[0]; st.Delivered != 20 || st.Waiting+int(st.Lost)+int(st.Failed) != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestOverflow: who sends does not wait for a receiver that hangs; the oldest events are
// dropped, and the receiver is told how many.
func TestOverflow(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
		hang := make(chan struct{})
		s := &script{do: func(context.Context, <-chan struct{}, *api.Event) error {
			<-hang
			return nil
		}}
		open(n, s, 10)
		n.Send(server(1))
		synctest.Wait()
		for i := range 1000 {
			n.Send(server(2 + i))
		}
		if st := n.Status()[0]; st.Waiting != 10 || st.Lost != 990 || st.Delivered != 0 {
			t.Errorf("while it hangs: %+v", st)
		}
		close(hang)
		n.Close(soon(t, time.Minute))
		want := []string{"server 1", "lost 990"}
		for i := range 10 {
			want = append(want, fmt.Sprintf("server %d", 992+i))
		}
		if !slices.Equal(s.got, want) {
			t.Errorf("told %v", s.got)
		}
	})
}

// TestStop: the end waits for what is left, but not for ever; what it did not wait for is
// counted.
func TestStop(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, log *bytes.Buffer) {
		s := &script{do: func(ctx context.Context, _ <-chan struct{}, _ *api.Event) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		open(n, s, 10)
		for i := range 5 {
			n.Send(server(i))
		}
		synctest.Wait()
		began := time.Now()
		n.Close(soon(t, 3*time.Second))
		if took := time.Since(began); took != 3*time.Second || !s.closed {
			t.Errorf("it took %v", took)
		}
		if st := n.Status()[0]; st.Lost != 5 || st.Delivered != 0 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		if !strings.Contains(log.String(), `msg="events were not told: there was no time left" to=script events=4`) {
			t.Errorf("log:\n%s", log)
		}
		n.Send(server(9)) // is nobody's any more
	})
}

// TestFailures: the log has the first of them and their end.
func TestFailures(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, log *bytes.Buffer) {
		s := &script{do: func(_ context.Context, _ <-chan struct{}, e *api.Event) error {
			if e.Seq < 5 {
				return errors.New("mailbox full")
			}
			return nil
		}}
		open(n, s, 10)
		for i := range 5 {
			n.Send(server(i))
			synctest.Wait()
		}
		if st := n.Status()[0]; st.Failed != 5 || st.Error != "mailbox full" {
			t.Errorf("%+v", st)
		}
		n.Send(server(5))
		n.Close(soon(t, time.Second))
		if st := n.Status()[0]; st.Failed != 5 || st.Delivered != 1 || st.Error != "" {
			t.Errorf("%+v", st)
		}
		if text := log.String(); strings.Count(text, "mailbox full") != 1 || !strings.Contains(text, `msg="events can be told again" to=script failed=5`) {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestKinds(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
		s := new(script)
		open(n, s, 10)
		n.options.Kinds = []api.EventKind{api.ServiceEvent, api.OrderEvent}
		n.Send(server(1))
		n.Send(api.Event{Seq: 2, Kind: api.OrderEvent})
		n.Send(api.Event{Seq: 3, Kind: api.ServiceEvent})
		n.Close(soon(t, time.Second))
		if want := []string{"order 2", "service 3"}; !slices.Equal(s.got, want) {
			t.Errorf("told %v", s.got)
		}
	})
}

// TestSet: a receiver that stays keeps its queue, one that goes is told the rest.
func TestSet(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
		if err := n.Set(Options{Queue: 10}); err != nil || len(n.Status()) != 0 {
			t.Errorf("nobody: %v, %+v", err, n.Status())
		}
		hang := make(chan struct{})
		s := &script{do: func(context.Context, <-chan struct{}, *api.Event) error {
			<-hang
			return nil
		}}
		open(n, s, 10)
		n.options.Program.Command = []string{"script"}
		for i := range 8 {
			n.Send(server(i))
		}
		synctest.Wait()
		if err := n.Set(Options{Queue: 4}); err != nil {
			t.Error(err)
		}
		n.Send(server(8))
		if st := n.Status()[0]; st.Waiting != 0 { // it has gone
			t.Errorf("%+v", st)
		}
		close(hang)
		n.Close(soon(t, time.Second))
		if len(s.got) != 8 || !s.closed {
			t.Errorf("told %v", s.got)
		}
		if st := n.Status(); len(st) != 1 || st[0].Delivered != 8 {
			t.Errorf("%+v", st)
		}
	})
}

// TestSetAgain: the same receivers go on with what waits for them, with another bound.
func TestSetAgain(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
		o := Options{Queue: 10, Webhook: Webhook{URL: "http://192.0.2.1/", Timeout: time.Second}}
		hang, s := make(chan struct{}), new(script)
		s.do = func(context.Context, <-chan struct{}, *api.Event) error { <-hang; return nil }
		n.options = o
		n.webhook = openOutlet("script", s, 10, &n.webhooks, n.log)
		for i := range 11 {
			n.Send(server(i))
			synctest.Wait()
		}
		o.Queue, o.Kinds = 3, []api.EventKind{api.ServerEvent}
		if err := n.Set(o); err != nil || n.webhook.receiver != receiver(s) {
			t.Fatalf("another receiver: %v", err)
		}
		n.Send(server(11))
		if st := n.Status()[0]; st.Kind != "webhook" || st.Waiting != 3 || st.Lost != 8 {
			t.Errorf("%+v", st)
		}
		close(hang)
		n.Close(soon(t, time.Second))
	})
}

func TestSetRefused(t *testing.T) {
	n := New(slog.New(slog.DiscardHandler))
	err := n.Set(Options{
		Queue:   1,
		Program: Program{Command: []string{"/bin/true"}, User: "no-such-user", Timeout: time.Second},
		Webhook: Webhook{URL: "https://hooks.example.org/secret", CA: "/no/such/file", Timeout: time.Second},
	})
	for _, want := range []string{`notify by program /bin/true: user "no-such-user" does not exist`, "notify by webhook https://hooks.example.org: open /no/such/file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	n.Send(server(1))
	n.Close(t.Context())
}
