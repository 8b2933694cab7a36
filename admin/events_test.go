package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

func event(i int) api.Event {
	return api.Event{
		Seq: uint64(i), Time: time.Date(2026, 3, 5, 16, 30, i%60, 0, time.UTC), Kind: api.ServerEvent, Service: "web",
		Server: "192.0.2.21:80", From: "up", To: "down", Reason: "connection refused\n<&>", By: "root (for alice)",
	}
}

func TestEventsArrive(t *testing.T) {
	path, source := socketPath(t), always(nil)
	var got api.EventFilter
	source.events = func(_ context.Context, f api.EventFilter, yield func([]api.Event) bool) error {
		got = f
		for i := range 1000 {
			if !yield([]api.Event{event(2 * i), event(2*i + 1)}) {
				return errors.New("the reader left")
			}
		}
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	for _, want := range []api.EventFilter{
		{}, {Follow: true}, {Since: time.Date(2026, 3, 5, 16, 30, 0, 123456789, time.UTC)},
	} {
		n := 0
		err := api.NewClient(path).Events(t.Context(), want, func(e api.Event) error {
			if e != event(n) {
				t.Fatalf("event %d: %+v", n, e)
			}
			n++
			return nil
		})
		if err != nil || n != 2000 || got != want {
			t.Errorf("%d events, %v; asked for %+v, want %+v", n, err, got, want)
		}
	}
}

// TestEventsAreSentAtOnce: none waits for the next, and a sign of life is none.
func TestEventsAreSentAtOnce(t *testing.T) {
	path, source := socketPath(t), always(nil)
	arrived := make(chan struct{})
	source.events = func(_ context.Context, _ api.EventFilter, yield func([]api.Event) bool) error {
		yield(nil)
		for i := range 3 {
			yield([]api.Event{event(i)})
			<-arrived
			yield(nil)
		}
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	n := 0
	err := api.NewClient(path).Events(t.Context(), api.EventFilter{Follow: true}, func(e api.Event) error {
		if e != event(n) {
			t.Errorf("event %d: %+v", n, e)
		}
		n++
		arrived <- struct{}{}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d events, %v", n, err)
	}
}

// TestEventReaderLeaves: the director hears of it though nothing happens.
func TestEventReaderLeaves(t *testing.T) {
	path, source := socketPath(t), always(nil)
	left := make(chan struct{})
	source.events = func(ctx context.Context, _ api.EventFilter, yield func([]api.Event) bool) error {
		defer close(left)
		yield([]api.Event{event(1)})
		<-ctx.Done()
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	enough := errors.New("enough")
	if err := api.NewClient(path).Events(t.Context(), api.EventFilter{Follow: true}, func(api.Event) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	<-left
}

// TestEventReadersAreFew: those who only follow leave the socket to others.
func TestEventReadersAreFew(t *testing.T) {
	path, source := socketPath(t), always(sample())
	began := make(chan struct{})
	source.events = func(ctx context.Context, _ api.EventFilter, yield func([]api.Event) bool) error {
		yield(nil)
		began <- struct{}{}
		<-ctx.Done()
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	follow := func() {
		ended <- api.NewClient(path).Events(ctx, api.EventFilter{Follow: true}, func(api.Event) error { return nil })
	}
	for range 16 {
		go follow()
		<-began
	}
	go follow()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "16 streams of events are being read already: wait for one to end") {
		t.Errorf("the seventeenth: %v", err)
	}
	if _, err := api.NewClient(path).Status(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	for range 16 {
		<-ended
	}
}

func TestEventsRefused(t *testing.T) {
	path, source := socketPath(t), always(nil)
	source.events = func(context.Context, api.EventFilter, func([]api.Event) bool) error {
		return fmt.Errorf("events: %w", &api.Error{Message: "no"})
	}
	_, stop := serve(t, admin.Options{Socket: path, Source: source})
	defer stop()
	err := api.NewClient(path).Events(t.Context(), api.EventFilter{}, func(api.Event) error { return nil })
	if err == nil || !strings.HasSuffix(err.Error(), ": no") {
		t.Error(err)
	}
	for query, want := range map[string]string{
		"since=yesterday": "since: \"yesterday\" is no time such as 2006-01-02T15:04:05Z", "follow=perhaps": "follow: \"perhaps\" is neither true nor false",
		"service=web": "service: there is no such key; there are since, follow",
	} {
		if code, body := getUnix(t, path, "/v1/events?"+query); code != 400 || !strings.Contains(body, strings.ReplaceAll(want, `"`, `\"`)) {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}
