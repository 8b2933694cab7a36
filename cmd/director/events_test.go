package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// happened are events of each kind.
func happened() []api.Event {
	at := time.Date(2026, 3, 5, 16, 30, 0, 250e6, time.Local)
	return []api.Event{
		{Seq: 7, Time: at, Kind: api.ServerEvent, Service: "web", Server: "192.0.2.21:80", From: "up", To: "down", Reason: "connection refused"},
		{Seq: 8, Time: at, Kind: api.ServiceEvent, Service: "web", Server: "192.0.2.99:80", From: "normal", To: "sorry", Reason: "its servers have weight 1"},
		{Seq: 9, Time: at, Kind: api.OrderEvent, Service: "web", Server: "192.0.2.21:80", To: "drain within 10m0s", By: "root (for alice)"},
		{Time: at, Kind: api.LostEvent, Lost: 3, Reason: "3 events were not read in time"},
	}
}

func TestEvents(t *testing.T) {
	var asked api.EventFilter
	socket := serve(t, &fake{events: func(f api.EventFilter, yield func([]api.Event) bool) error {
		asked = f
		yield(happened())
		return nil
	}})
	code, stdout, stderr := runDirector("events", "--text", "--socket", socket)
	const want = `2026-03-05 16:30:00.250 server  web 192.0.2.21:80 up -> down: connection refused
2026-03-05 16:30:00.250 service web 192.0.2.99:80 normal -> sorry: its servers have weight 1
2026-03-05 16:30:00.250 order   web 192.0.2.21:80 drain within 10m0s, by root (for alice)
2026-03-05 16:30:00.250 lost    3 events were not read in time
`
	if diff := cmp.Diff(want, stdout); diff != "" || code != 0 || stderr != "" || asked != (api.EventFilter{}) {
		t.Errorf("exit code %d, asked for %+v\n%s%s", code, asked, stderr, diff)
	}
	code, stdout, stderr = runDirector("events", "--since", "2026-03-05T16:30:00Z", "--socket", socket)
	var got []api.Event
	for line := range strings.Lines(stdout) {
		var e api.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, e)
	}
	if diff := cmp.Diff(happened(), got); diff != "" || code != 0 || stderr != "" || asked.Follow ||
		!asked.Since.Equal(time.Date(2026, 3, 5, 16, 30, 0, 0, time.UTC)) {
		t.Errorf("exit code %d, asked for %+v\n%s%s", code, asked, stderr, diff)
	}
	began := time.Now()
	code, _, stderr = runDirector("events", "--follow", "--since", "10m", "--socket", socket)
	if ago := began.Sub(asked.Since); code != 1 || !asked.Follow || ago < 9*time.Minute || ago > 10*time.Minute ||
		stderr != "director: events: the director has ended\n" {
		t.Errorf("exit code %d, asked for %+v\n%s", code, asked, stderr)
	}
	if runDirector("events", "-f", "--socket", socket); asked.Since.Before(began) {
		t.Errorf("followed from %v on, not from %v", asked.Since, began)
	}
}

// TestEventsReaderLeaves, as head does.
func TestEventsReaderLeaves(t *testing.T) {
	socket := serve(t, &fake{events: func(_ api.EventFilter, yield func([]api.Event) bool) error {
		for yield(happened()) {
		}
		return errors.New("the reader left")
	}})
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	var stderr strings.Builder
	if code := execute(newRootCommand(), []string{"events", "--follow", "--socket", socket}, write, &stderr); code != 0 || stderr.Len() != 0 {
		t.Errorf("exit code %d\n%s", code, &stderr)
	}
	write.Close()
}
