package healthcheck

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// TestObserveExtras: what a server says besides up and down is that of the last
// success.
func TestObserveExtras(t *testing.T) {
	var s Status
	for i, tt := range []struct {
		r        Result
		weight   int
		weighted bool
		warning  string
	}{
		{Result{OK: true, Weight: 7, Weighted: true, Warning: "soon"}, 7, true, "soon"},
		{Result{Message: "no answer"}, 7, true, "soon"},
		{Result{OK: true, Weighted: true}, 0, true, ""},
		{Result{OK: true}, 0, false, ""},
	} {
		s.observe(time.Unix(1000, 0), tt.r, 1, 1)
		if s.Weight != tt.weight || s.Weighted != tt.weighted || s.Warning != tt.warning {
			t.Errorf("after %d results: %+v", i+1, s)
		}
	}
}

// TestWarningIsLogged: once, however often the certificate is seen.
func TestWarningIsLogged(t *testing.T) {
	a := newSigner(t)
	handshakes := make(chan struct{}, 1000)
	target := listen(t, secured(a.issue(t, "www.example.org", time.Now().Add(time.Hour)), func(c net.Conn) {
		handshakes <- struct{}{}
		hold(c)
	}))
	s := spec("tls")
	s.ServerName, s.CA, s.Every, s.Timeout = "www.example.org", a.file, 200*time.Millisecond, 200*time.Millisecond
	var log bytes.Buffer
	m := NewMonitor(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := m.Set([]Subscription{{Key: "a", Spec: s, Target: target}}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		<-handshakes
	}
	status, _ := m.Status("a")
	m.Close()
	if !strings.Contains(status.Warning, "expires on") {
		t.Errorf("status %+v", status)
	}
	if n := strings.Count(log.String(), "will need care"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

// TestWayWith: a socket is prepared for the way first, and for the probe then.
func TestWayWith(t *testing.T) {
	target := listenUDP(t, func(_ []byte, send func(string)) { send("x") })
	var order []string
	way := Way{}.with(func(int) error { order = append(order, "way"); return nil }).
		with(func(fd int) error { order = append(order, "probe"); return nil })
	c, err := New(spec("udp"), target, way)
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Check(t.Context()); !r.OK || strings.Join(order, " ") != "way probe" {
		t.Errorf("%v: %+v", order, r)
	}
	failing := way.with(func(int) error { return net.ErrClosed })
	if c, err = New(spec("udp"), target, failing); err != nil {
		t.Fatal(err)
	}
	if r := c.Check(t.Context()); r.OK {
		t.Errorf("got %+v", r)
	}
}
