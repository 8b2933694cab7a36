package main

import (
	"errors"

	"lvsdr/config"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/dataplane/link/afxdp"
	"lvsdr/director"
)

// kernelLinks receive over AF_PACKET, and send over it or over AF_XDP.
type kernelLinks struct{}

// OpenReceiver implements [director.Links].
func (kernelLinks) OpenReceiver(c director.ReceiverConfig) (link.Receiver, error) {
	macs := make([][6]byte, len(c.MACs))
	for i, mac := range c.MACs {
		macs[i] = mac
	}
	r, err := afpacket.OpenReceiver(afpacket.ReceiverConfig{
		Interface: c.Interface, Index: c.Index, MACs: macs,
		Poll: afpacket.Poll(c.Poll), Workers: c.Workers, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// OpenSender implements [director.Links].
func (kernelLinks) OpenSender(c director.SenderConfig) (link.Sender, error) {
	packet, err := afpacket.OpenSender(afpacket.SenderConfig{Interface: c.Interface, Index: c.Index})
	if err != nil {
		return nil, err
	}
	if c.Send == config.SendPacket {
		return packet, nil
	}
	xdp, err := afxdp.OpenSender(afxdp.Config{
		Interface: c.Interface, Index: c.Index, Queue: c.Queue, Fallback: packet,
	})
	switch {
	case err == nil:
		return xdp, nil
	case c.Send == config.SendXDP || errors.Is(err, link.ErrGone):
		return nil, errors.Join(err, packet.Close())
	}
	c.Log.Info("a worker sends by sendmmsg, AF_XDP is not to be had", "worker", c.Queue, "interface", c.Interface, "error", err)
	return packet, nil
}
