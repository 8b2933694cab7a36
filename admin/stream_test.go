package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// TestRequestHoldsManyChanges: 100,000 lines of the longest `ipvsadm -S` are
// one request.
func TestRequestHoldsManyChanges(t *testing.T) {
	const address = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535"
	one, err := json.Marshal(api.Change{
		Op: api.DeleteService,
		Service: &api.VirtualService{
			Protocol: "sctp", Address: address, Mark: math.MaxUint32, Scheduler: "lblcr", Flags: []string{"mh-port", "mh-fallback"},
			Persistence: math.MaxInt32, Prefix: 128, OnePacket: true,
		},
		Server:   &api.Destination{Address: address, Weight: math.MaxInt32, Upper: math.MaxInt32, Lower: math.MaxInt32},
		Timeouts: &api.Timeouts{TCP: math.MaxInt32, TCPFin: math.MaxInt32, UDP: math.MaxInt32},
	})
	if err != nil {
		t.Fatal(err)
	}
	if all := 100_000 * (len(one) + len(",")); all > maxBytes {
		t.Errorf("100,000 changes may take %d bytes, a request %d", all, maxBytes)
	}
}

// slow is a director that takes longer over its connections than a request may
// take.
type slow struct {
	Source
	pause time.Duration
}

func (s slow) Connections(ctx context.Context, _ api.ConnectionFilter, yield func(api.Connection) bool) error {
	line := api.Connection{Service: "web", Client: "198.51.100.7:1"}
	for range 3 {
		for range 2000 { // more than a piece
			yield(line)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.pause):
		}
	}
	return nil
}

// TestStreamOutlivesDeadlines: those of the server are for answers of one
// piece.
func TestStreamOutlivesDeadlines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{log: slog.New(slog.DiscardHandler)}
	server := s.newHTTP(newAPI(slow{pause: 300 * time.Millisecond}))
	server.ReadTimeout, server.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	n := 0
	err = api.NewClient(path).Connections(t.Context(), api.ConnectionFilter{}, func(api.Connection) error {
		n++
		return nil
	})
	if err != nil || n != 6000 {
		t.Errorf("%d of 6000 connections, %v", n, err)
	}
	server.Close()
	<-ended
}

// follower is a director to which nothing happens.
type follower struct {
	Source
	ended chan error
}

func (f follower) Events(ctx context.Context, _ api.EventFilter, yield func([]api.Event) bool) error {
	yield(nil)
	select {
	case <-ctx.Done():
		f.ended <- ctx.Err()
	case <-time.After(400 * time.Millisecond):
		yield([]api.Event{{Kind: api.OrderEvent}})
		f.ended <- nil
	}
	return nil
}

// TestFollowerOutlivesDeadlines of reading as well.
func TestFollowerOutlivesDeadlines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s, source := &Server{log: slog.New(slog.DiscardHandler)}, follower{ended: make(chan error, 1)}
	server := s.newHTTP(newAPI(source))
	server.ReadTimeout, server.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	n := 0
	err = api.NewClient(path).Events(t.Context(), api.EventFilter{Follow: true}, func(api.Event) error {
		n++
		return nil
	})
	if first := <-source.ended; err != nil || first != nil || n != 1 {
		t.Errorf("%d events, %v, %v", n, err, first)
	}
	server.Close()
	<-ended
}
