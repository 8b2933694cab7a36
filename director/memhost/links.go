package memhost

import (
	"fmt"

	"lvsdr/config"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/director"
)

// OpenReceiver opens a receiver of the interface's wire. It lends every frame
// that is injected, whatever its destination MAC. See [director.Links].
func (h *Host) OpenReceiver(c director.ReceiverConfig) (link.Receiver, error) {
	wire, err := h.wire(OpenReceiver, c.Index, c.Interface)
	if err != nil {
		return nil, err
	}
	r, err := wire.OpenReceiver()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Interface, err)
	}
	return r, nil
}

// OpenSender opens a sender to the interface's wire. See [director.Links].
func (h *Host) OpenSender(c director.SenderConfig) (link.Sender, error) {
	wire, err := h.wire(OpenSender, c.Index, c.Interface)
	if err != nil {
		return nil, err
	}
	s, err := wire.OpenSender()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Interface, err)
	}
	return s, nil
}

// PreferThread does nothing: a test's threads are all alike.
func (*Host) PreferThread(config.PollMode) error { return nil }

func (h *Host) wire(o Operation, index int, name string) (*memlink.Wire, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.failures[o]; err != nil {
		return nil, err
	}
	i := h.byIndex(index)
	if i == nil {
		return nil, fmt.Errorf("open %s: %w", name, link.ErrGone)
	}
	return i.wire, nil
}
