package path

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane"
	"lvsdr/frame"
	"lvsdr/service"
)

// world is a director's forward path with its services, between wires in memory.
type world struct {
	blueprint
	plane *dataplane.Plane
	table *service.Table
	fresh *service.Service // of new connections
	lanes []*lane
}

// newWorld builds a world and opens its connections.
func newWorld(ctx context.Context, b blueprint) (*world, error) {
	b = b.withDefaults()
	w := &world{blueprint: b}
	options := dataplane.Options{Connections: b.capacity(), Settings: dataplane.Settings{
		ConnReuseMode: dataplane.ReuseClosed, ExpireNodestConn: true, DropRate: 10,
	}}
	options.Fragments.Datagrams = 1024
	plane, err := dataplane.New(options)
	if err != nil {
		return nil, err
	}
	w.plane = plane
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *world) open(ctx context.Context) error {
	var registry service.Registry
	table, err := registry.Build(w.definitions(), nil, time.Now())
	if err != nil {
		return err
	}
	for _, s := range table.Services() {
		for _, rs := range s.Servers {
			rs.SetHealth(service.Up)
			rs.SetMAC(serverMAC(int(rs.ID)))
		}
		s.Refresh()
	}
	w.table, w.fresh = table, table.Services()[0]
	w.plane.SetTable(table)
	for range w.workers {
		l, err := w.newLane(ctx)
		if err != nil {
			return err
		}
		w.lanes = append(w.lanes, l)
	}
	return w.fill()
}

// definitions are the service for new connections, and the others.
func (w *world) definitions() []service.Definition {
	all := []service.Definition{w.definition("fresh", w.family.vip(0), freshPort, 0)}
	for i := range w.services {
		vip, port := w.family.service(i)
		all = append(all, w.definition(fmt.Sprint("service-", i), vip, port, i*w.servers))
	}
	return all
}

func (w *world) definition(name string, vip frame.Addr, port uint16, first int) service.Definition {
	d := service.Definition{
		Name: name, Protocol: frame.ProtocolTCP, Scheduler: w.scheduler,
		Timeouts: conntable.NewTimeouts(conntable.MaxTimeout, 0, 0), // no connection ends during a run
		Ranges:   []service.Range{{VIP: vip, First: port, Last: port}},
	}
	for i := range w.servers {
		d.Servers = append(d.Servers, service.ServerDefinition{
			Addr: w.family.server(first + i), Port: port, HashPort: port, Weight: 1 + i%3,
		})
	}
	return d
}

// fill opens and establishes the connections.
func (w *world) fill() error {
	for _, flags := range []uint8{frame.TCPSyn, frame.TCPAck} {
		if _, err := w.forward(each(0, w.connections, flags)); err != nil {
			return fmt.Errorf("open %d connections: %w", w.connections, err)
		}
	}
	return nil
}

// forward moves a burst through the first worker. It fails if a frame was not
// forwarded.
func (w *world) forward(b burst) (*feed, error) {
	before := w.plane.Counters()
	l := w.lanes[0]
	if err := l.run(b); err != nil {
		return l.feed, err
	}
	return l.feed, w.checkForwarded(&before, l.feed.moved)
}

// forwardAll moves a burst through each worker at once, and returns how many
// frames all have moved, and how long that took.
func (w *world) forwardAll(bursts []burst) (moved int, took time.Duration, err error) {
	before := w.plane.Counters()
	errs := make([]error, len(w.lanes))
	var all sync.WaitGroup
	for i, l := range w.lanes {
		all.Go(func() { errs[i] = l.run(bursts[i]) })
	}
	all.Wait()
	for _, l := range w.lanes {
		moved += l.feed.moved
		took = max(took, l.feed.took)
	}
	if err := errors.Join(errs...); err != nil {
		return moved, took, err
	}
	return moved, took, w.checkForwarded(&before, moved)
}

func (w *world) checkForwarded(before *dataplane.Counters, moved int) error {
	after := w.plane.Counters()
	if got := after[dataplane.Forward] - before[dataplane.Forward]; got != uint64(moved) {
		return fmt.Errorf("%d of %d frames were forwarded", got, moved)
	}
	return nil
}

// openFresh opens as many new connections as there is room for. closeFresh must
// follow.
func (w *world) openFresh() (*feed, error) {
	b := each(w.connections, w.room(), frame.TCPSyn)
	b.fresh = true
	return w.forward(b)
}

// closeFresh takes the new connections away again.
func (w *world) closeFresh() {
	w.setFresh(service.Gone)
	w.plane.ExpireGone()
	w.setFresh(service.Up)
}

func (w *world) setFresh(h service.Health) {
	for _, rs := range w.fresh.Servers {
		rs.SetHealth(h)
	}
	w.fresh.Refresh()
}

// Close frees the connection table.
func (w *world) Close() error { return w.plane.Close() }
