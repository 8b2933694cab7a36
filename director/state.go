package director

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"lvsdr/admin/api"
	"lvsdr/condition"
	"lvsdr/frame"
	"lvsdr/healthcheck"
	"lvsdr/service"
)

// stateFile keeps what must survive a restart, also by SIGKILL: the last
// health and MAC address of every server, the past of its state, and what
// operators ordered. A server that was not yet checked after a restart is not dead.
type stateFile struct {
	path  string
	log   *slog.Logger
	last  state
	write chan state // the newest state to write
	ended chan struct{}
}

// state is the file's content.
type state struct {
	Health     map[string]healthcheck.State `json:"health"` // by server key
	Conditions map[string]condition.Memory  `json:"conditions,omitempty"`
	Orders     map[string][]api.Order       `json:"orders,omitempty"`
	Quorums    map[string]bool              `json:"quorums,omitempty"` // by service, whether it is there
	MACs       map[netip.Addr]string        `json:"macs"`
}

// openState reads the file, if there is one, and starts its writer. A file
// that cannot be read is as good as none: the log says so.
func openState(dir string, log *slog.Logger) *stateFile {
	f := &stateFile{
		path: filepath.Join(dir, "state.json"), log: log,
		write: make(chan state, 1), ended: make(chan struct{}),
	}
	data, err := os.ReadFile(f.path)
	if err == nil {
		err = json.Unmarshal(data, &f.last)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the state of the last run is lost", "file", f.path, "error", err)
		f.last = state{}
	}
	go f.run()
	return f
}

func (f *stateFile) health(key string) healthcheck.State { return f.last.Health[key] }

// condition returns what was known and ordered of a server.
func (f *stateFile) condition(key string) *serverCondition {
	sc := &serverCondition{}
	if m, known := f.last.Conditions[key]; known {
		sc.machine = condition.Restored(m)
		sc.decision.State, sc.held = m.State, m.Cause == condition.Flapping
	}
	for _, o := range f.last.Orders[key] {
		switch o.Duty {
		case api.Drain, api.Disable:
			sc.duty = &o
		case api.SetWeight:
			if o.Weight >= 0 && o.Weight <= maxWeight {
				sc.weight = &o
			}
		}
	}
	return sc
}

// quorum returns whether a service had its quorum.
func (f *stateFile) quorum(service string) condition.Quorum {
	if there, known := f.last.Quorums[service]; known {
		return condition.RestoredQuorum(!there)
	}
	return condition.Quorum{}
}

func (f *stateFile) macs() map[netip.Addr]frame.MAC {
	out := make(map[netip.Addr]frame.MAC)
	for addr, text := range f.last.MACs {
		if mac, err := frame.ParseMAC(text); err == nil {
			out[addr] = mac
		}
	}
	return out
}

// save hands a state to the writer, in place of one that it has not begun.
func (f *stateFile) save(s state) {
	select {
	case <-f.write:
	default:
	}
	f.write <- s
}

// close writes what was saved last and ends the writer.
func (f *stateFile) close() {
	close(f.write)
	<-f.ended
}

func (f *stateFile) run() {
	defer close(f.ended)
	failed := false
	for s := range f.write {
		err := f.store(s)
		if err != nil && !failed {
			f.log.Error("the state is not kept for the next start", "error", err)
		}
		failed = err != nil
	}
}

// store replaces the file whole, so that a reader finds the old or the new.
func (f *stateFile) store(s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	next := f.path + ".new"
	if err := writeThrough(next, append(data, '\n')); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}

// writeThrough writes a file and returns when it is on the disk: a file that is
// renamed before may be empty after a power cut, and with it go operators' orders.
func writeThrough(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// save keeps what is known of the servers now.
func (d *Director) save() {
	if d.saved == nil {
		return
	}
	s := state{
		Health: make(map[string]healthcheck.State), MACs: make(map[netip.Addr]string),
		Conditions: make(map[string]condition.Memory), Orders: make(map[string][]api.Order), Quorums: make(map[string]bool),
	}
	for key, sc := range d.conditions.servers {
		s.Conditions[key] = sc.machine.Memory()
		if orders := sc.orders(); len(orders) > 0 {
			s.Orders[key] = orders
		}
	}
	for name, sc := range d.conditions.services {
		if sc.quorum.Known() {
			s.Quorums[name] = !sc.quorum.Lost()
		}
	}
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		key := keyOf(rs)
		if status, ok := d.monitor.Status(key); ok && status.State != healthcheck.Unknown {
			s.Health[key] = status.State
		}
		if mac, resolved, _ := rs.Route(); resolved {
			s.MACs[rs.Addr] = mac.String()
		}
	})
	d.saved.save(s)
}
