package via

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// inspector asks the kernel where a probe will go, before each: rules and routes
// that somebody removed are found and put back by the first probe that would need
// them, and not by the next Look, until which all servers would fail, or one be
// taken for well because somebody else answers for it. One question takes a few
// microseconds.
type inspector struct {
	mu     sync.Mutex
	kernel *asker // of its own: probes do not wait for what takes long
}

func (i *inspector) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kernel.close()
}

// leads reports whether a probe of a VIP takes the lane.
func (i *inspector) leads(l lane, server, vip netip.Addr) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	got, err := i.kernel.ask(vip, mark(l.number))
	return got.leads(server, l.index, err)
}

// inspected returns the lane to a server, if what is sent to the address, "ip:port"
// or "ip", takes it. Of what is no VIP that is asked there, such as the "" of a
// program, all VIPs' ways are looked at.
func (w *Ways) inspected(server netip.Addr, address string) (lane, error) {
	l, err := w.lane(server)
	if err != nil {
		return l, err
	}
	for _, vip := range l.asked(address) {
		if err := w.inspect(l, server, vip); err != nil {
			return l, fmt.Errorf("no way to %v: %v", server, err)
		}
	}
	return w.lane(server) // there may be another by now
}

// asked are the VIPs that an address may mean.
func (l *lane) asked(address string) []netip.Addr {
	vip, err := netip.ParseAddr(address)
	if to, e := netip.ParseAddrPort(address); e == nil {
		vip, err = to.Addr(), nil
	}
	if err != nil || !slices.Contains(l.vips, vip) {
		return l.vips
	}
	return []netip.Addr{vip}
}

// inspect returns why probes of a VIP do not take the lane, once what was gone is
// back. What is known to be astray is not mended again and again, but is found as
// soon as it is right.
func (w *Ways) inspect(l lane, server, vip netip.Addr) error {
	right, err := w.probes.leads(l, server, vip)
	if err != nil || right {
		return err
	}
	if astray := l.astray[vip]; astray != nil {
		return astray
	}
	w.mend(server, vip)
	if l, err = w.lane(server); err != nil {
		return err
	}
	right, err = w.probes.leads(l, server, vip)
	if err == nil && !right {
		err = cmp.Or(l.astray[vip], errAgain)
	}
	return err
}

var errAgain = errors.New("its rule or its route was removed again at once")

// mend puts back what is gone, unless that was done for another probe meanwhile.
func (w *Ways) mend(server, vip netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.lock == nil || w.follow(server, vip) == nil {
		return
	}
	if now, err := w.kernel.read(); err == nil {
		w.reconcile(now.ours)
	}
	w.findAstray()
	w.publish()
}
