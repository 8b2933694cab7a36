package director

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// Change makes the changes in their order, up to the first that is refused, and
// makes all of them what runs in one step. It returns once the MAC addresses of
// the real servers that it added are known, or nobody answers for them, at the
// latest after a second. Any goroutine.
// Errors: *api.Error that says how many changes were made; none, if what they make
// together cannot run.
func (d *Director) Change(ctx context.Context, changes api.Changes) (api.Changed, error) {
	type outcome struct {
		changed api.Changed
		known   <-chan struct{}
		err     error
	}
	o, err := call(ctx, d, func() (o outcome) {
		var added []netip.Addr
		o.changed, added, o.err = d.change(changes)
		o.known = d.await(added)
		return o
	})
	if err != nil {
		return api.Changed{}, fmt.Errorf("change: %w", err)
	}
	if o.known != nil {
		d.wait(ctx, o.known)
	}
	return o.changed, o.err
}

// change makes the changes up to the first that is refused, and returns the
// real servers that it added.
func (d *Director) change(changes api.Changes) (done api.Changed, added []netip.Addr, err error) {
	host, err := d.describeHost()
	if err != nil {
		return done, nil, fmt.Errorf("change: %w", err)
	}
	e := newEdit(d.config, d.file, host)
	made, refused := e.all(changes)
	next := e.Config()
	if !next.Equal(d.config) {
		if err := d.apply(next); err != nil {
			return done, nil, refusal(err, 0)
		}
	}
	d.config = next // as in reload
	d.ledger.begin(d.table, e.begun)
	d.ledger.zero(d.table, e.zeroed)
	if d.endEdited(e.edited) {
		d.settle(time.Now())
	}
	if made > 0 {
		d.log.Info("services changed through the admin socket", "changes", made, "what", describe(changes[:made]))
	}
	return api.Changed{Applied: made}, e.added, refused
}

// describedChanges is how many changes a log line names.
const describedChanges = 5

// describe says what changes do, in a line.
func describe(changes api.Changes) string {
	var parts []string
	for i := range changes[:min(len(changes), describedChanges)] {
		parts = append(parts, describeOne(&changes[i]))
	}
	if more := len(changes) - describedChanges; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more (%s)", more, tally(changes[describedChanges:])))
	}
	return strings.Join(parts, "; ")
}

func describeOne(c *api.Change) string {
	text := string(c.Op)
	if s := c.Service; s != nil {
		text += " " + serviceID(s).String()
		if c.Op == api.AddService || c.Op == api.EditService {
			text += " scheduler " + s.Scheduler
		}
	}
	if s := c.Server; s != nil {
		text += " " + s.Address
		if c.Op != api.DeleteServer {
			text += fmt.Sprintf(" weight %d", s.Weight)
		}
	}
	if t := c.Timeouts; t != nil {
		text += fmt.Sprintf(" tcp %ds tcpfin %ds udp %ds", t.TCP, t.TCPFin, t.UDP)
	}
	return text
}

// tally counts changes by what they do.
func tally(changes api.Changes) string {
	counts := make(map[api.Op]int)
	for _, c := range changes {
		counts[c.Op]++
	}
	var parts []string
	for _, op := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[op], op))
	}
	return strings.Join(parts, ", ")
}

// codes are the refusals that a program tells apart.
var codes = map[error]string{
	config.ErrServiceExists: api.CodeServiceExists, config.ErrNoService: api.CodeNoService,
	config.ErrServerExists: api.CodeServerExists, config.ErrNoServer: api.CodeNoServer,
}

// refusal is err as the API says it, after so many changes that were made.
func refusal(err error, made int) *api.Error {
	out := &api.Error{Message: err.Error(), Code: api.CodeInvalid, Applied: made}
	for sentinel, code := range codes {
		if errors.Is(err, sentinel) {
			out.Code = code
		}
	}
	return out
}
