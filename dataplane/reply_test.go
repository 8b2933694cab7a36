package dataplane

import (
	"fmt"
	"slices"
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// withTOS is an IPv4 frame with another TOS.
func withTOS(data []byte, tos uint8) []byte {
	ip := frame.IPv4(data[14:])
	ip.SetTOS(tos)
	ip.UpdateChecksum()
	return data
}

// TestRepliesLookLikeTheKernels: the TOS, the identification and DF of what a
// host's stack says in the name of the VIP.
func TestRepliesLookLikeTheKernels(t *testing.T) {
	h := newHarness(t, define(21))
	before := -1
	for tos, want := range map[uint8]uint8{0: 0xc0, 0xb8: 0xd8, 0x03: 0xc2, 0xff: 0xde} {
		v, out := h.one(memlink.Packet{Data: withTOS(tcp(client4, ack).bytes(t), tos)})
		ip := frame.IPv4(out.Data[14:])
		if v != ReplyRST || ip.TOS() != tos || ip.ID() != 0 || !ip.DontFragment() {
			t.Errorf("TOS %#x: %v with TOS %#x, ID %d, DF %v", tos, v, ip.TOS(), ip.ID(), ip.DontFragment())
		}
		decode(t, out)
		v, out = h.one(memlink.Packet{Data: withTOS(udp(client4).bytes(t), tos)})
		ip = frame.IPv4(out.Data[14:])
		if v != ReplyUnreachable || ip.TOS() != want || int(ip.ID()) == before || ip.DontFragment() {
			t.Errorf("TOS %#x: %v with TOS %#x, ID %d after %d, DF %v", tos, v, ip.TOS(), ip.ID(), before, ip.DontFragment())
		}
		before = int(ip.ID())
		decode(t, out)
		ping := withTOS(echo4(t, 8, 0), tos)
		ping[14+6] |= 0x40 // DF
		frame.IPv4(ping[14:]).UpdateChecksum()
		v, out = h.one(memlink.Packet{Data: ping})
		ip = frame.IPv4(out.Data[14:])
		if v != ReplyEcho || ip.TOS() != tos || int(ip.ID()) == before || ip.DontFragment() {
			t.Errorf("TOS %#x: %v with TOS %#x, ID %d after %d, DF %v", tos, v, ip.TOS(), ip.ID(), before, ip.DontFragment())
		}
		before = int(ip.ID())
		decode(t, out)
	}
}

// damage returns the frame with another last byte of its packet.
func damage(t *testing.T, data []byte) []byte {
	t.Helper()
	var p frame.Packet
	if m := frame.Parse(data, &p); m != frame.OK {
		t.Fatal(m)
	}
	data = slices.Clone(data)
	data[p.End-1] ^= 1
	return data
}

// TestDamagedIsNotAnswered: a host's stack says nothing to what has a wrong
// checksum. IPVS does, where no server is usable.
func TestDamagedIsNotAnswered(t *testing.T) {
	ds := []service.Definition{define(21), define6(21)}
	for i := range ds {
		ds[i].Reject = service.RejectICMP
	}
	h := newHarness(t, ds...)
	answers := map[Verdict][]memlink.Packet{
		ReplyRST:         {{Data: tcp(client4, ack).bytes(t)}, {Data: tcp(client6, ack).bytes(t)}, {Data: tcp(client4, syn).port("81").bytes(t)}},
		ReplyUnreachable: {{Data: udp(client4).bytes(t)}, {Data: udp(client6).bytes(t)}},
		ReplyEcho:        {{Data: echo4(t, 8, 0)}, {Data: message6(t, "2001:db8:1::7", 128, 0, make([]byte, 9))}},
	}
	for want, packets := range answers {
		for i, in := range packets {
			name := fmt.Sprintf("%v %d", want, i)
			damaged := damage(t, in.Data)
			if v, _ := h.one(memlink.Packet{Data: damaged}); v != DropChecksum {
				t.Errorf("%s, damaged: %v", name, v)
			}
			for _, flags := range []uint8{link.VNetNeedsChecksum, link.VNetChecksumValid} {
				if v, _ := h.one(memlink.Packet{Data: damaged, VNet: [link.VNetHeaderLen]byte{flags}}); v != want {
					t.Errorf("%s, flags %d: %v", name, flags, v)
				}
			}
			if v, _ := h.one(in); v != want {
				t.Errorf("%s: %v", name, v)
			}
		}
	}
	for from, want := range map[string]Verdict{client4: ReplyUnreachable, client6: DropChecksum} {
		none := udp(from).bytes(t)
		var p frame.Packet
		frame.Parse(none, &p)
		frame.UDP(none[p.Transport:]).SetChecksum(0)
		if v, _ := h.one(memlink.Packet{Data: none}); v != want {
			t.Errorf("%s, UDP without a checksum: %v", from, v)
		}
	}
	h.health(0, 21, service.Gone)
	if v, _ := h.one(memlink.Packet{Data: damage(t, tcp(client4, syn).bytes(t))}); v != ReplyUnreachable {
		t.Errorf("no server, damaged: %v", v)
	}
}
