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
// taken for well because somebody else answers for it. A question takes as long as
// a tenth of a probe, so that a good answer holds until something changes.
type inspector struct {
	mu     sync.Mutex
	kernel *asker // of its own: probes do not wait for what takes long
	news   *news
	right  map[question]struct{} // those with a good answer since the last news
}

// question is what is asked: whether what has that number, to a VIP, goes to that
// server by that interface.
type question struct {
	number, index int
	server, vip   netip.Addr
}

func openInspector() (*inspector, error) {
	n, err := openNews()
	if err != nil {
		return nil, err
	}
	k, err := openAsker()
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return &inspector{kernel: k, news: n, right: make(map[question]struct{})}, nil
}

func (i *inspector) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Join(i.kernel.close(), i.news.close())
}

// leads reports whether a probe of a VIP takes the lane.
func (i *inspector) leads(l lane, server, vip netip.Addr) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := question{l.number, l.index, server, vip}
	if i.news.any() {
		clear(i.right)
	} else if _, known := i.right[q]; known {
		return true, nil
	}
	got, err := i.kernel.ask(vip, mark(l.number))
	right, err := got.leads(server, l.index, err)
	if right && err == nil {
		i.right[q] = struct{}{}
	}
	return right, err
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
