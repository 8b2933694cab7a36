package director

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

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
	broken          bool // something in it ended for another reason than stopping

	receivers []link.Receiver
	senders   []link.Sender
	workers   []*dataplane.Worker
	running   sync.WaitGroup
	cancel    context.CancelFunc
}

// problem is why something is not as it should be.
type problem struct{ what, remedy string }

// checkInterfaces attaches to the interfaces if they are there, and lets go of
// them if they are not those that it knows.
func (d *Director) checkInterfaces() {
	ingress, egress, why := d.findInterfaces()
	if a := d.attached; a != nil {
		if why == (problem{}) && !a.broken && same(&a.ingress, &ingress) && same(&a.egress, &egress) {
			a.ingress, a.egress = ingress, egress
			return
		}
		d.log.Warn("the interfaces changed; attaching anew", "ingress", d.config.Ingress, "egress", d.config.Egress)
		d.detach()
	}
	if why == (problem{}) {
		if err := d.attach(ingress, egress); err != nil {
			d.detach()
			why = problem{err.Error(), "the director tries again every second"}
		}
	}
	if why != d.unattached && why != (problem{}) {
		d.log.Error(why.what, "remedy", why.remedy)
	}
	d.unattached = why
}

func (d *Director) findInterfaces() (ingress, egress Interface, why problem) {
	all, err := d.host.Interfaces()
	if err != nil {
		return ingress, egress, problem{err.Error(), "the director tries again every second"}
	}
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
	if err := d.openLinks(a); err != nil {
		return err
	}
	if err := d.openResolver(a); err != nil {
		return err
	}
	if err := d.openResponder(a); err != nil {
		return err
	}
	d.setAddresses()
	if d.saved != nil {
		for addr, mac := range d.saved.macs() {
			d.resolver.Restore(addr, mac)
		}
	}
	a.runControl(d, ctx, "neighbor", d.resolver.Run)
	a.runControl(d, ctx, "arpresponder", d.responder.Run)
	for i, w := range a.workers {
		a.runWorker(d, i, w)
	}
	d.lookAtKernel() // the guard of a deleted interface went with it
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

func (d *Director) openLinks(a *attachment) error {
	mac := d.vipMAC(&a.ingress)
	for range d.config.Workers {
		rx, err := d.host.OpenReceiver(ReceiverConfig{
			Interface: a.ingress.Name, Index: a.ingress.Index, MACs: []frame.MAC{mac},
			Poll: d.config.Poll, Workers: d.config.Workers, Log: d.log,
		})
		if err != nil {
			return err
		}
		a.receivers = append(a.receivers, rx)
		tx, err := a.openSender(d.host, &a.egress)
		if err != nil {
			return err
		}
		reply := tx
		if a.ingress.Index != a.egress.Index {
			if reply, err = a.openSender(d.host, &a.ingress); err != nil {
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

func (a *attachment) openSender(links Links, i *Interface) (link.Sender, error) {
	tx, err := links.OpenSender(i.Index, i.Name)
	if err == nil {
		a.senders = append(a.senders, tx)
	}
	return tx, err
}

func (d *Director) openResolver(a *attachment) (err error) {
	if d.resolver != nil {
		return d.resolver.Reopen(&a.egress.Interface, frame.MAC{})
	}
	d.resolver, err = d.host.OpenResolver(neighbor.Config{
		Interface: &a.egress.Interface,
		Source:    source(&a.egress),
		Refuse:    []frame.MAC{d.vipMAC(&a.ingress), a.ingress.MACAddr()},
		Log:       d.log,
		Notify: func(addr netip.Addr, mac frame.MAC, ok bool) {
			if ok {
				d.post(func() { d.macChanged(addr, mac) })
			}
		},
	})
	return err
}

// source is the address in whose name real servers are asked for.
func source(i *Interface) netip.Addr {
	for _, p := range i.Addrs {
		if p.Addr().Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

func (d *Director) openResponder(a *attachment) (err error) {
	mac := d.vipMAC(&a.ingress)
	if d.responder != nil {
		return d.responder.Reopen(&a.ingress.Interface, mac)
	}
	d.responder, err = d.host.OpenResponder(arpresponder.Config{
		Interface: &a.ingress.Interface,
		MAC:       mac,
		Conflict:  arpresponder.ConflictMode(d.config.Conflict),
		Log:       d.log,
	})
	return err
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
	a.running.Go(func() {
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

func (d *Director) brokenBy(a *attachment, name string, err error) {
	// Not post: detach, on the loop, may be waiting for this goroutine.
	go d.post(func() {
		if d.attached != a {
			return
		}
		d.log.Warn(name+" ended", "error", err)
		a.broken = true
		d.checkInterfaces()
	})
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
}
