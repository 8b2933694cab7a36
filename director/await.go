package director

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"lvsdr/frame"
	"lvsdr/neighbor"
)

// resolveTime is how long whoever adds a real server waits for its MAC address.
const resolveTime = time.Second

// awaited are real servers whose MAC addresses somebody waits for.
type awaited struct {
	addrs []netip.Addr
	until time.Time
	known chan struct{} // closed once they are, or nobody answers
}

// await returns a channel that is closed once the MAC addresses are known and in
// use, or nil if there is nothing to wait for.
func (d *Director) await(addrs []netip.Addr) <-chan struct{} {
	if len(addrs) == 0 || d.attached == nil {
		return nil
	}
	if !anyUnresolved(addrs, d.resolver.Snapshot()) {
		d.useMACs() // some may have come to be known since the change was applied
		return nil
	}
	w := awaited{addrs, time.Now().Add(resolveTime), make(chan struct{})}
	d.awaited = append(d.awaited, w)
	return w.known
}

// wait waits for the channel, at most resolveTime.
func (d *Director) wait(ctx context.Context, known <-chan struct{}) {
	timer := time.NewTimer(resolveTime)
	defer timer.Stop()
	select {
	case <-known:
	case <-timer.C:
	case <-ctx.Done():
	case <-d.done:
	}
}

// tellAwaiting tells those who wait for what the resolver knows now, when it is
// in use, and forgets those who have waited long enough.
func (d *Director) tellAwaiting(now time.Time) {
	if len(d.awaited) == 0 {
		return
	}
	neighbors := d.resolver.Snapshot()
	var known []chan struct{}
	d.awaited = slices.DeleteFunc(d.awaited, func(w awaited) bool {
		if anyUnresolved(w.addrs, neighbors) {
			return now.After(w.until)
		}
		known = append(known, w.known)
		return true
	})
	if len(known) == 0 {
		return
	}
	d.useMACs()
	for _, k := range known {
		close(k)
	}
}

// anyUnresolved reports whether the MAC address of any of the addresses may yet
// come to be known.
func anyUnresolved(addrs []netip.Addr, neighbors []neighbor.Entry) bool {
	open := make(map[netip.Addr]bool)
	for _, n := range neighbors {
		if n.MAC == (frame.MAC{}) && !n.Failed {
			open[n.Addr] = true
		}
	}
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return open[a] })
}
