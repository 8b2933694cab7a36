package director

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"lvsdr/arpresponder"
	"lvsdr/config"
	"lvsdr/dataplane"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/neighbor"
)

// attachment is everything that is bound to one life of the interfaces: links,
// workers, and the sockets of responder and resolver. When an interface is
// deleted and made again, it is replaced whole.
type attachment struct {
	ingress, egress Interface
	broken          atomic.Bool // something in it ended for another reason than stopping

	receivers []link.Receiver
	senders   []link.Sender
	workers   []*dataplane.Worker
	running   sync.WaitGroup
	cancel    context.CancelFunc
}

// problem is why something is not as it should be.
type problem struct{ what, remedy string }

// tryAgain is what the director does about what it cannot help.
const tryAgain = "the director tries again every second"

// checkInterfaces attaches to the interfaces if they are there, and lets go of
// them if they are not those that it knows.
func (d *Director) checkInterfaces() {
	all, err := d.host.Interfaces()
	d.unsure = err != nil
	if err != nil && d.attached != nil && !d.attached.broken.Load() {
		d.log.Warn("the interfaces could not be looked at", "error", err)
		return // no reason to let go of what works
	}
	var ingress, egress Interface
	why := problem{}
	if err != nil {
		why = problem{err.Error(), tryAgain}
	} else {
		ingress, egress, why = d.findInterfaces(all)
	}
	if d.keeps(&ingress, &egress, why) {
		return
	}
	if why == (problem{}) {
		if err = d.attach(ingress, egress); err != nil {
			d.detach()
			why = problem{err.Error(), tryAgain}
		}
	}
	d.cause = err
	d.lacks(why)
}

// lacks notes why the director is not attached; an empty why: it is. A start
// returns it instead of logging it.
func (d *Director) lacks(why problem) {
	if d.ready && why != d.unattached && why != (problem{}) {
		d.log.Error(why.what, "remedy", why.remedy)
	}
	d.unattached = why
}

// keeps reports whether nothing is to be attached: the attachment there is fits
// the interfaces, or broke on the same ones just now, and waits for the next
// second so that it does not break again and again without a pause. An
// attachment that does not fit is let go of.
func (d *Director) keeps(ingress, egress *Interface, why problem) bool {
	a := d.attached
	if a == nil {
		return false
	}
	fits := why == (problem{}) && same(&a.ingress, ingress) && same(&a.egress, egress)
	broken := a.broken.Load()
	if fits && !broken {
		a.ingress, a.egress = *ingress, *egress
		d.setSource(a)
		d.ways.Restore() // routes end with an interface that is set down
		return true
	}
	d.log.Warn("letting go of the interfaces", "ingress", d.config.Ingress, "egress", d.config.Egress, "changed", !fits, "broken", broken)
	d.detach()
	if fits {
		d.lacks(problem{"the interfaces stopped working", tryAgain})
	}
	return fits
}

func (d *Director) findInterfaces(all []Interface) (ingress, egress Interface, why problem) {
	find := func(name string, to *Interface) {
		i := slices.IndexFunc(all, func(i Interface) bool { return i.Name == name })
		if i < 0 {
			why = problem{fmt.Sprintf("interface %s does not exist", name), "create it, or change the configuration"}
			return
		}
		*to = all[i]
	}
	find(d.config.Ingress, &ingress)
	find(d.config.Egress, &egress)
	return ingress, egress, why
}

// same reports whether everything that is bound to a is right for b too.
func same(a, b *Interface) bool {
	return a.Index == b.Index && a.MTU == b.MTU && a.MACAddr() == b.MACAddr()
}

// attach opens the links and sockets, and starts the workers. What it has
// opened when it fails, detach closes.
func (d *Director) attach(ingress, egress Interface) error {
	ctx, cancel := context.WithCancel(context.Background())
	a := &attachment{ingress: ingress, egress: egress, cancel: cancel}
	d.attached = a
	d.plane.SetOwnAddrs(ownAddrs(&ingress, &egress))
	if err := d.openLinks(a); err != nil {
		return err
	}
	d.setMemory()
	if err := d.openResolver(a); err != nil {
		return err
	}
	if err := d.openResponder(a); err != nil {
		return err
	}
	d.setAddresses()
	d.restoreMACs()
	d.macsChanged()
	d.lookAtRoutes()
	a.runControl(d, ctx, "neighbor", d.resolver.Run)
	a.runControl(d, ctx, "arpresponder", d.responder.Run)
	for i, w := range a.workers {
		a.runWorker(d, i, w)
	}
	d.lookAtKernel() // the guard of a deleted interface went with it
	d.ways.Restore() // and so did the routes
	d.lookAtWays()
	d.log.Info("attached", "ingress", ingress.Name, "egress", egress.Name, "vip_mac", d.vipMAC(&ingress), "workers", len(a.workers))
	return nil
}

// vipMAC is the address that answers for the VIPs.
func (d *Director) vipMAC(ingress *Interface) frame.MAC {
	if d.config.MAC == config.MACVirtual {
		return frame.MAC{0x00, 0x00, 0x5e, 0x00, 0x01, d.config.RouterID}
	}
	return ingress.MACAddr()
}

// destinations are the addresses to which frames for the VIPs come: theirs, and
// the interface's own, to which a router sends them that has a route to a VIP
// via the host's address.
func destinations(vips frame.MAC, ingress *Interface) []frame.MAC {
	if own := ingress.MACAddr(); own != vips {
		return []frame.MAC{vips, own}
	}
	return []frame.MAC{vips}
}

func (d *Director) openLinks(a *attachment) error {
	mac := d.vipMAC(&a.ingress)
	for i := range d.config.Workers {
		rx, err := d.host.OpenReceiver(ReceiverConfig{
			Interface: a.ingress.Name, Index: a.ingress.Index, MACs: destinations(mac, &a.ingress),
			Poll: d.config.Poll, Workers: d.config.Workers, Log: d.log,
		})
		if err != nil {
			return err
		}
		a.receivers = append(a.receivers, rx)
		tx, err := a.openSender(d, &a.egress, i, d.config.Send)
		if err != nil {
			return err
		}
		reply := tx
		if a.ingress.Index != a.egress.Index {
			// Replies are few.
			if reply, err = a.openSender(d, &a.ingress, i, config.SendPacket); err != nil {
				return err
			}
		}
		a.workers = append(a.workers, d.plane.NewWorker(dataplane.Ports{
			Ingress: rx, Egress: tx, Reply: reply,
			VIPMAC: mac, EgressMAC: a.egress.MACAddr(), EgressMTU: a.egress.MTU,
			OwnMACs: []frame.MAC{mac, a.ingress.MACAddr(), a.egress.MACAddr()},
		}))
	}
	return nil
}

func (a *attachment) openSender(d *Director, i *Interface, queue int, mode config.SendMode) (link.Sender, error) {
	tx, err := d.host.OpenSender(SenderConfig{
		Interface: i.Name, Index: i.Index, Queue: queue, Send: mode, Log: d.log,
	})
	if err == nil {
		a.senders = append(a.senders, tx)
	}
	return tx, err
}

func (d *Director) openResolver(a *attachment) error {
	if d.resolver != nil {
		d.setSource(a)
		return d.resolver.Reopen(&a.egress.Interface, frame.MAC{})
	}
	r, err := d.host.OpenResolver(neighbor.Config{
		Interface: &a.egress.Interface,
		Source:    d.source(&a.egress),
		Refuse:    d.notServers(&a.ingress),
		Log:       d.log,
		Notify:    func(netip.Addr, frame.MAC, bool) { d.macs.tell() },
	})
	if err != nil {
		return err
	}
	d.resolver = r
	return nil
}

// setSource tells the resolver, and the workers, which addresses are ours now.
func (d *Director) setSource(a *attachment) {
	d.plane.SetOwnAddrs(ownAddrs(&a.ingress, &a.egress))
	if d.resolver != nil {
		d.resolver.SetSource(d.source(&a.egress), d.notServers(&a.ingress))
	}
}

func ownAddrs(interfaces ...*Interface) (own []frame.Addr) {
	for _, i := range interfaces {
		for _, p := range i.Addrs {
			own = append(own, frame.AddrFrom(p.Addr()))
		}
	}
	return own
}

// notServers are the addresses on the ingress side, which no real server has.
func (d *Director) notServers(ingress *Interface) []frame.MAC {
	return []frame.MAC{d.vipMAC(ingress), ingress.MACAddr()}
}

// source is the address in whose name real servers are asked for: the first in
// a network of theirs, since a server may not answer a stranger, or else the
// first. It is invalid if there is no IPv4 address.
func (d *Director) source(i *Interface) (first netip.Addr) {
	servers, _ := realServers(d.config)
	for _, p := range i.Addrs {
		if !p.Addr().Is4() {
			continue
		}
		if slices.ContainsFunc(servers, p.Contains) {
			return p.Addr()
		}
		if !first.IsValid() {
			first = p.Addr()
		}
	}
	return first
}

func (d *Director) openResponder(a *attachment) error {
	mac := d.vipMAC(&a.ingress)
	if d.responder != nil {
		return d.responder.Reopen(&a.ingress.Interface, mac)
	}
	r, err := d.host.OpenResponder(arpresponder.Config{
		Interface: &a.ingress.Interface,
		MAC:       mac,
		Conflict:  arpresponder.ConflictMode(d.config.Conflict),
		Log:       d.log,
	})
	if err != nil {
		return err
	}
	d.responder = r
	return nil
}

// runControl runs a responder or a resolver until the attachment ends. When it
// ends before, the loop looks why.
func (a *attachment) runControl(d *Director, ctx context.Context, name string, run func(context.Context) error) {
	a.running.Go(func() {
		err := run(ctx)
		if ctx.Err() == nil {
			d.brokenBy(a, name, err)
		}
	})
}

// runWorker runs a worker until it is stopped. An interface that is down comes
// up again; one that is gone needs a new attachment.
func (a *attachment) runWorker(d *Director, i int, w *dataplane.Worker) {
	poll := d.config.Poll // a reload may replace the configuration meanwhile
	a.running.Go(func() {
		d.prefer(i, poll)
		for {
			err := w.Run()
			if errors.Is(err, link.ErrDown) {
				continue
			}
			if err != nil {
				d.brokenBy(a, fmt.Sprintf("worker %d", i), err)
			}
			return
		}
	})
}

// prefer gives a worker's thread precedence.
func (d *Director) prefer(worker int, poll config.PollMode) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the worker
	if err := d.host.PreferThread(poll); err != nil {
		d.log.Warn("a worker has no precedence over other programs: under overload it forwards less",
			"worker", worker, "error", err, "remedy", "CAP_SYS_NICE, or LimitNICE of the unit")
	}
}

// brokenBy tells the loop, which may be waiting in detach for the goroutine
// that calls it, that the attachment is of no use any more.
func (d *Director) brokenBy(a *attachment, name string, err error) {
	d.log.Warn(name+" ended", "error", err)
	if first := !a.broken.Swap(true); first {
		d.interfaces.tell()
	}
}

// detach stops the workers, when they have forwarded what has come, and closes
// everything that is bound to the interfaces.
func (d *Director) detach() {
	a := d.attached
	if a == nil {
		return
	}
	d.attached = nil
	a.cancel()
	for _, w := range a.workers {
		w.Stop()
	}
	a.running.Wait()
	for _, rx := range a.receivers {
		d.lost += rx.Stats().Dropped
		_ = rx.Close()
	}
	for _, tx := range a.senders {
		_ = tx.Close()
	}
	d.setMemory()
}
