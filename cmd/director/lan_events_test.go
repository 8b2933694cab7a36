package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// hook is a web server on the director's host that notes the events it is sent.
type hook struct {
	mu   sync.Mutex
	got  []api.Event
	hang chan struct{} // nil: it answers at once
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e api.Event
	err := json.NewDecoder(r.Body).Decode(&e)
	h.mu.Lock()
	hang := h.hang
	if err == nil {
		h.got = append(h.got, e)
	}
	h.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
}

func (h *hook) events() []api.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// serveHook runs a hook on a port of the director's own address.
func serveHook(t *testing.T, c *cluster) (h *hook, url string) {
	t.Helper()
	l, err := c.Director.Listen("tcp4", net.JoinHostPort(c.Director.Addr.String(), "9999"))
	if err != nil {
		t.Fatal(err)
	}
	h = new(hook)
	server, ended := &http.Server{Handler: h}, make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	return h, "http://" + l.Addr().String() + "/events"
}

// decoded are the events in lines of JSON.
func decoded(t *testing.T, text string) (events []api.Event) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e api.Event
		if !strings.HasSuffix(line, "\n") {
			break // it is being written
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// TestLANEvents: what happens is told in order by the stream, to a program and to a
// webhook. A webhook that hangs keeps nobody from anything; the end does not wait for it
// for long.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22  fails its checks, and passes them again
//	director .2 ──┘              └── web3 .23  is drained
//	  a webhook at :9999
func TestLANEvents(t *testing.T) {
	c := layCluster(t, clusterConfig{Serve: serveGo, StaticARP: true, Check: checkBeside})
	checks := answerChecks(t, c)
	hook, url := serveHook(t, c)
	told := filepath.Join(c.Dir, "told")
	c.cfg.Settings = fmt.Sprintf("notify:\n  program: [/bin/sh, -c, 'cat >> %s']\n  webhook: {url: %q, timeout: 30s}\n", told, url)
	c.WriteConfig(c.Config())
	c.Start()
	stream := directorCommand(context.Background(), c.Director.Host, "events", "--follow", "--since", "1h", "--socket", c.socket())
	if err := stream.Start(); err != nil {
		t.Fatal(err)
	}
	c.WaitServing()
	web2, web3 := c.Servers[1], c.Servers[2]
	checks.fail(web2)
	c.waitServer(web2, "down")
	checks.pass(web2)
	c.waitServer(web2, "up")
	c.Ask("drain", "192.0.2.23")
	c.waitServer(web3, "maintenance")

	program := func() []api.Event {
		text, err := os.ReadFile(told)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return decoded(t, string(text))
	}
	// all waits until the last event is one to this, and returns the events so far.
	all := func(who, to string, events func() []api.Event) []api.Event {
		t.Helper()
		got, ok := poll(10*time.Millisecond, patience, events, func(e []api.Event) bool { return len(e) > 0 && e[len(e)-1].To == to })
		if !ok {
			t.Fatalf("%s: %+v", who, got)
		}
		return got
	}
	streamed := func() []api.Event { return decoded(t, stream.Stdout()) }
	want := all("the stream", "maintenance", streamed)
	var what []string
	for i, e := range want {
		if e.Seq != uint64(i+1) {
			t.Errorf("event %d has number %d", i+1, e.Seq)
		}
		if e.Server == "192.0.2.22:80" || e.Server == "192.0.2.23:80" {
			what = append(what, fmt.Sprintf("%s %s %s>%s", e.Kind, e.Server, e.From, e.To))
		}
	}
	slices.Sort(what[:2]) // nobody knows which is checked first
	if got, want := strings.Join(what, "\n"), `server 192.0.2.22:80 unknown>up
server 192.0.2.23:80 unknown>up
server 192.0.2.22:80 up>down
server 192.0.2.22:80 down>up
order 192.0.2.23:80 >drain
server 192.0.2.23:80 up>draining
server 192.0.2.23:80 draining>maintenance`; got != want {
		t.Errorf("events:\n%s", got)
	}
	if last := want[len(want)-3]; !strings.HasPrefix(last.By, "root") {
		t.Errorf("nobody ordered it: %+v", last)
	}
	if got := all("the program", "maintenance", program); !slices.Equal(got, want) {
		t.Errorf("the program was told %+v", got)
	}
	if got := all("the webhook", "maintenance", hook.events); !slices.Equal(got, want) {
		t.Errorf("the webhook was told %+v", got)
	}

	hook.mu.Lock()
	hook.hang = make(chan struct{})
	hook.mu.Unlock()
	began := time.Now()
	c.Ask("undrain", "192.0.2.23")
	c.Ask("disable", "192.0.2.22")
	if served := c.ServedBy(10, "/"); served["web2"] != 0 || len(served) != 2 {
		t.Errorf("while the webhook hangs, served by %v", served)
	}
	all("the stream, while the webhook hangs", "maintenance", streamed)
	want = all("the program, while the webhook hangs", "maintenance", program)
	if got := streamed(); !slices.Equal(got, want) {
		t.Errorf("the program was told %+v, the stream %+v", want, got)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("it took %v", took)
	}
	s := c.Status()
	if len(s.Notifications) != 2 || s.Notifications[0].Waiting != 0 || s.Notifications[1].Waiting == 0 || s.Notifications[1].To != "webhook http://192.0.2.2:9999" {
		t.Errorf("notifications: %+v", s.Notifications)
	}
	began = time.Now()
	c.Stop()
	if took := time.Since(began); took < tellTimeout || took > tellTimeout+2*time.Second {
		t.Errorf("the end took %v", took)
	}
	if log := c.Run.Output(); !strings.Contains(log, `msg="events were not told: there was no time left" to="webhook http://192.0.2.2:9999" events=`) {
		t.Error("the log does not say what is lost")
	}
	if err := stream.Wait(); err == nil || stream.ExitCode() != 1 || !strings.Contains(stream.Stderr(), "the director has ended") {
		t.Errorf("the stream ended with %v: %s", err, stream.Stderr())
	}
}
