package afpacket

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link/internal/linktest"
)

// auxTag reads struct tpacket_auxdata: status at 0, the tag at 16.
func auxTag(b []byte) (tpid, tci uint16) {
	if binary.NativeEndian.Uint32(b)&unix.TP_STATUS_VLAN_VALID == 0 {
		return 0, 0
	}
	return binary.NativeEndian.Uint16(b[18:]), binary.NativeEndian.Uint16(b[16:])
}

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
