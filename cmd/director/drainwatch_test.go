package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// drainScript is a director of one real server that is being drained, look by look.
type drainScript struct {
	*fake
	looks []api.RealServer // what each look finds; the last one again and again
}

var drainNow = time.Date(2026, 3, 5, 16, 30, 0, 0, time.UTC)

func (s *drainScript) Status(context.Context) (*api.Status, error) {
	rs := s.looks[0]
	if len(s.looks) > 1 {
		s.looks = s.looks[1:]
	}
	out := &api.Status{Now: drainNow, Services: []api.Service{{Name: "web"}}}
	if rs.Address != "" {
		out.Services[0].Servers = []api.RealServer{rs}
	}
	return out, nil
}

// watched is a server of which so many connections are left.
func watched(state string, left int, orders ...api.Duty) api.RealServer {
	rs := api.RealServer{Address: "192.0.2.21:80", State: state, Active: left, Reason: "drained: no connection is left"}
	if state == "draining" {
		rs.Until = drainNow.Add(time.Minute)
	}
	for _, o := range orders {
		rs.Orders = append(rs.Orders, api.Order{Duty: o})
	}
	return rs
}

// watch shows how the server becomes empty.
func watch(t *testing.T, asJSON, live bool, looks ...api.RealServer) (string, error) {
	t.Helper()
	tick := make(chan time.Time, len(looks))
	for range looks {
		tick <- drainNow
	}
	socket := serve(t, &drainScript{fake: new(fake), looks: looks})
	var out bytes.Buffer
	w := &drainWatch{
		client: api.NewClient(socket), out: &out, json: asJSON, live: live, look: tick, stop: func() {},
		servers: []api.OrderedServer{{Service: "web", Server: "192.0.2.21:80", State: "draining", Left: 3}}, reasons: make([]string, 1),
	}
	err := w.run(t.Context())
	return out.String(), err
}

func TestDrainWatch(t *testing.T) {
	drain := []api.RealServer{
		watched("draining", 3, api.Drain), watched("draining", 2, api.Drain), watched("draining", 2, api.Drain),
		watched("maintenance", 0, api.Drain),
	}
	const (
		two   = "192.0.2.21:80 of web: draining, 2 connections left, cut off in 1m0s\n"
		three = "192.0.2.21:80 of web: draining, 3 connections left, cut off in 1m0s\n"
		done  = "192.0.2.21:80 of web: maintenance (drained: no connection is left)\n"
	)
	got, err := watch(t, false, false, drain...)
	if diff := cmp.Diff(two+done, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	got, err = watch(t, false, true, drain...)
	live := strings.ReplaceAll(three+two+done, "\n", "\x1b[K\n")
	if diff := cmp.Diff("\x1b[1A"+strings.ReplaceAll(live, "\n1", "\n\x1b[1A1"), got); diff != "" || err != nil {
		t.Errorf("on a terminal: %v\n%s", err, diff)
	}
	got, err = watch(t, true, false, drain...)
	var lefts []int
	for line := range strings.Lines(got) {
		var o api.Ordered
		if err := json.Unmarshal([]byte(line), &o); err != nil || len(o.Servers) != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		lefts = append(lefts, o.Servers[0].Left)
	}
	if diff := cmp.Diff([]int{2, 0}, lefts); diff != "" || err != nil {
		t.Errorf("JSON: %v\n%s", err, diff)
	}
}

// TestDrainWatchEnds where there is nothing more to wait for.
func TestDrainWatchEnds(t *testing.T) {
	got, err := watch(t, false, false, api.RealServer{})
	if want := "192.0.2.21:80 of web: gone (the configuration has it no more)\n"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	got, err = watch(t, false, false, watched("up", 3))
	if err == nil || err.Error() != "192.0.2.21:80 of web: somebody ended the drain; it is up" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err = watch(t, false, false, watched("maintenance", 0, api.Disable)); err != nil || !strings.Contains(got, "maintenance") {
		t.Errorf("disabled meanwhile: %q, %v", got, err)
	}
}

// TestDrainWatchInterrupted leaves the drain as it is.
func TestDrainWatchInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &drainWatch{stop: func() {}, servers: []api.OrderedServer{{State: "draining"}}}
	if err := w.run(ctx); err == nil || err.Error() != "interrupted: the drain goes on; director undrain ends it" {
		t.Error(err)
	}
}
