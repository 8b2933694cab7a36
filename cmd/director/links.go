package main

import (
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/director"
)

// afpacketLinks moves frames over AF_PACKET.
type afpacketLinks struct{}

// OpenReceiver implements [director.Links].
func (afpacketLinks) OpenReceiver(c director.ReceiverConfig) (link.Receiver, error) {
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
func (afpacketLinks) OpenSender(index int, name string) (link.Sender, error) {
	s, err := afpacket.OpenSender(afpacket.SenderConfig{Interface: name, Index: index})
	if err != nil {
		return nil, err
	}
	return s, nil
}
