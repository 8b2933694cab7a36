package path

import (
	"context"
	"errors"

	"lvsdr/dataplane"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

// lane is a worker with its wire.
type lane struct {
	worker *dataplane.Worker
	feed   *feed
	sender *memlink.Sender
	batch  [dataplane.BatchSize]link.Frame // of the wire alone
}

func (w *world) newLane(ctx context.Context) (*lane, error) {
	wire := memlink.New(memlink.Config{})
	wire.Discard()
	loop := make([]memlink.Packet, dataplane.BatchSize)
	for i := range loop {
		loop[i].Data = w.family.newFrame()
	}
	wire.Loop(loop...)
	receiver, err := wire.OpenReceiver()
	if err != nil {
		return nil, err
	}
	sender, err := wire.OpenSender()
	if err != nil {
		return nil, err
	}
	l := &lane{feed: &feed{Receiver: receiver, family: w.family, services: w.services, ctx: ctx}, sender: sender}
	l.worker = w.plane.NewWorker(dataplane.Ports{
		Ingress: l.feed, Egress: sender, Reply: sender, VIPMAC: ownMAC, EgressMAC: ownMAC,
		OwnMACs: []frame.MAC{ownMAC}, EgressMTU: 1500,
	})
	return l, nil
}

// run moves a burst.
func (l *lane) run(b burst) error {
	l.feed.load(b)
	if err := l.worker.Run(); !errors.Is(err, link.ErrDown) {
		return err
	}
	return l.feed.ctx.Err()
}

// runWire moves a burst without a worker.
func (l *lane) runWire(b burst) error {
	l.feed.load(b)
	for {
		n, err := l.feed.Receive(l.batch[:])
		if err != nil {
			return l.feed.ctx.Err()
		}
		for i := range l.batch[:n] {
			l.sender.Send(&l.batch[i])
		}
		l.sender.Flush()
	}
}
