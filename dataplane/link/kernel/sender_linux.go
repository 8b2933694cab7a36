package kernel

import (
	"errors"
	"log/slog"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
	"lvsdr/dataplane/link/afxdp"
)

// Send says how frames leave.
type Send string

// The ways to send.
const (
	SendAuto   Send = "auto"   // AF_XDP where it can be had, else AF_PACKET; the default
	SendPacket Send = "packet" // AF_PACKET: sendmmsg
	SendXDP    Send = "xdp"    // AF_XDP, or not at all
)

// SenderConfig says what [OpenSender] opens. It is read once.
type SenderConfig struct {
	Interface string // named in errors
	Index     int    // which decides
	// Queue is the interface's transmit queue that AF_XDP takes, one for each Sender.
	Queue int
	Send  Send
	// Log takes why there is no AF_XDP; default: nowhere.
	Log *slog.Logger
}

// OpenSender opens a sender. Errors: those of [afpacket.OpenSender], and with
// SendXDP those of [afxdp.OpenSender].
func OpenSender(c SenderConfig) (link.Sender, error) {
	packet, err := afpacket.OpenSender(afpacket.SenderConfig{Interface: c.Interface, Index: c.Index})
	switch {
	case err != nil:
		return nil, err
	case c.Send == SendPacket:
		return packet, nil
	}
	xdp, err := afxdp.OpenSender(afxdp.Config{
		Interface: c.Interface, Index: c.Index, Queue: c.Queue, Fallback: packet,
	})
	switch {
	case err == nil:
		return xdp, nil
	case c.Send == SendXDP || errors.Is(err, link.ErrGone):
		return nil, errors.Join(err, packet.Close())
	case c.Log != nil:
		c.Log.Info("frames leave by sendmmsg: AF_XDP is not to be had",
			"interface", c.Interface, "queue", c.Queue, "error", err)
	}
	return packet, nil
}
