package main

import (
	"lvsdr/config"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/dataplane/link/kernel"
	"lvsdr/director"
)

// kernelLinks move frames by what the Linux kernel has.
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
	return kernel.OpenSender(kernel.SenderConfig{
		Interface: c.Interface, Index: c.Index, Queue: c.Queue, Send: kernel.Send(c.Send), Log: c.Log,
	})
}

// PreferThread implements [director.Links].
func (kernelLinks) PreferThread(poll config.PollMode) error {
	return kernel.PreferThread(afpacket.Poll(poll))
}
