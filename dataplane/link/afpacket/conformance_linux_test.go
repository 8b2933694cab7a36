package afpacket

import (
	"testing"

	"lvsdr/dataplane/link/internal/linktest"
)

func TestLANConformance(t *testing.T) {
	for _, poll := range []Poll{PollAdaptive, PollBlock, PollSpin} {
		t.Run(string(poll), func(t *testing.T) {
			linktest.Run(t, func(t *testing.T) *linktest.Rig {
				near, far := newCable(t)
				r, s := openPair(t, near,
					ReceiverConfig{Interface: nearEnd, Poll: poll, Slots: 150},
					SenderConfig{Interface: nearEnd})
				return &linktest.Rig{
					Receiver: r, Sender: s, MAC: nearMAC,
					Far: newFarSocket(t, far, farEnd),
				}
			})
		})
	}
}
