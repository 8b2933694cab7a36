package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lvsdr/admin/api"
)

const (
	// drainLook is how often the director is asked what is left.
	drainLook = time.Second
	// drainPatience is how long a director may be away meanwhile: it may be started
	// again, and goes on draining then.
	drainPatience = time.Minute
)

// drainWatch shows how real servers become empty.
type drainWatch struct {
	client *api.Client
	out    io.Writer
	json   bool
	live   bool // lines are written over, on a terminal
	look   <-chan time.Time
	stop   func()

	servers []api.OrderedServer // as they were last
	reasons []string            // why they are out of service
	shown   string              // last
}

// newDrainWatch follows what was just ordered and printed.
func newDrainWatch(client *api.Client, out io.Writer, asJSON bool, done api.Ordered) *drainWatch {
	tick := time.NewTicker(drainLook)
	return &drainWatch{
		client: client, out: out, json: asJSON, live: !asJSON && isTerminal(out), look: tick.C, stop: tick.Stop,
		servers: done.Servers, reasons: make([]string, len(done.Servers)),
	}
}

// run returns once all servers are out of service. That somebody ended the drain is
// an error, and so is that ctx ends; the drain goes on then.
func (w *drainWatch) run(ctx context.Context) error {
	defer w.stop()
	seen := time.Now()
	for !w.over() {
		select {
		case <-ctx.Done():
			return errors.New("interrupted: the drain goes on; director undrain ends it")
		case <-w.look:
		}
		s, err := w.client.Status(ctx)
		switch {
		case err == nil:
			seen = time.Now()
		case ctx.Err() != nil || time.Since(seen) < drainPatience:
			continue
		default:
			return fmt.Errorf("the drain goes on, but cannot be watched: %w", err)
		}
		before := append([]api.OrderedServer(nil), w.servers...)
		if err := w.update(s); err != nil {
			return err
		}
		if err := w.show(s.Now, before); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether all servers are out of service.
func (w *drainWatch) over() bool {
	for _, s := range w.servers {
		if s.State == "draining" {
			return false
		}
	}
	return true
}

// update takes over what the director says of the servers.
func (w *drainWatch) update(s *api.Status) error {
	for i := range w.servers {
		o := &w.servers[i]
		rs := findServer(s, o.Service, o.Server)
		if rs == nil {
			o.State, o.Left, w.reasons[i] = "gone", 0, "the configuration has it no more"
			continue
		}
		if !isDrained(rs) {
			return fmt.Errorf("%s of %s: somebody ended the drain; it is %s", o.Server, o.Service, stateOf(rs))
		}
		o.State, o.Left, o.Until, w.reasons[i] = stateOf(rs), rs.Active+rs.Inactive, rs.Until, rs.Reason
	}
	return nil
}

func findServer(s *api.Status, service, server string) *api.RealServer {
	for i := range s.Services {
		for j := range s.Services[i].Servers {
			if rs := &s.Services[i].Servers[j]; s.Services[i].Name == service && rs.Address == server {
				return rs
			}
		}
	}
	return nil
}

// isDrained reports whether a server is still kept from new connections: by the
// order, or by one to disable it.
func isDrained(rs *api.RealServer) bool {
	for _, o := range rs.Orders {
		if o.Duty == api.Drain || o.Duty == api.Disable {
			return true
		}
	}
	return false
}

// show writes what has changed: on a terminal over what was written, elsewhere the
// lines of servers of which more changed than the time that is left.
func (w *drainWatch) show(now time.Time, before []api.OrderedServer) error {
	var text bytes.Buffer
	changed := false
	for i := range w.servers {
		s := &w.servers[i]
		line := orderedLine(s, now)
		if s.State != "draining" {
			line = fmt.Sprintf("%s of %s: %s (%s)", s.Server, s.Service, s.State, w.reasons[i])
		}
		if is := s.State != before[i].State || s.Left != before[i].Left; is || w.live {
			changed = changed || is
			fmt.Fprintln(&text, line)
		}
	}
	switch {
	case w.json && changed:
		return json.NewEncoder(w.out).Encode(api.Ordered{Servers: w.servers})
	case w.json || text.Len() == 0 || w.live && text.String() == w.shown:
		return nil
	}
	w.shown = text.String()
	if w.live {
		lines := bytes.ReplaceAll(text.Bytes(), []byte("\n"), []byte("\x1b[K\n")) // erase what was longer
		_, err := fmt.Fprintf(w.out, "\x1b[%dA%s", len(w.servers), lines)
		return err
	}
	_, err := w.out.Write(text.Bytes())
	return err
}
