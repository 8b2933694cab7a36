package memlink

import (
	"context"
	"errors"
	"testing"

	"lvsdr/dataplane/link/internal/linktest"
)

type far struct{ wire *Wire }

func (f far) Inject(p linktest.Packet) error {
	if !f.wire.Inject(Packet{Data: p.Data, VNet: p.VNet, TCI: p.TCI, TPID: p.TPID}) {
		return errors.New("queue full")
	}
	return nil
}

func (f far) Next(ctx context.Context) (linktest.Packet, error) {
	p, err := f.wire.Next(ctx)
	return linktest.Packet{Data: p.Data, VNet: p.VNet, TCI: p.TCI, TPID: p.TPID}, err
}

func TestConformance(t *testing.T) {
	linktest.Run(t, func(t *testing.T) *linktest.Rig {
		w := New(Config{Queue: 128})
		r, err := w.OpenReceiver()
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.OpenSender()
		if err != nil {
			t.Fatal(err)
		}
		return &linktest.Rig{Receiver: r, Sender: s, Far: far{w}, MAC: [6]byte{2, 0, 0, 0, 0, 1}}
	})
}
