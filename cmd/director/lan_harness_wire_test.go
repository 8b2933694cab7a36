package main

import (
	"encoding/binary"
	"net"
	"slices"

	"github.com/mdlayher/packet"

	"lvsdr/frame"
)

// wire is a packet socket on a machine's link, for frames that no program there
// sends. It is for many frames: to close one takes the kernel 10 ms.
type wire struct {
	c    *cluster
	conn *packet.Conn
	to   *packet.Addr
}

// OpenWire opens a packet socket on the machine until the test ends.
func (c *cluster) OpenWire(m *machine) *wire {
	c.t.Helper()
	w := &wire{c: c, to: &packet.Addr{HardwareAddr: c.Director.Link.MAC()}}
	err := m.Do(func() error {
		ifi, err := net.InterfaceByName(m.Link.Name())
		if err == nil {
			w.conn, err = packet.Listen(ifi, packet.Raw, 0, nil)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { w.conn.Close() })
	return w
}

// Write sends one frame, from the destination MAC on. Any goroutine.
func (w *wire) Write(f []byte) error {
	_, err := w.conn.WriteTo(f, w.to)
	return err
}

// Send sends frames.
func (w *wire) Send(frames ...[]byte) {
	w.c.t.Helper()
	for _, f := range frames {
		if err := w.Write(f); err != nil {
			w.c.t.Fatal(err)
		}
	}
}

// cut returns the IPv4 packet in a frame as fragments with at most size bytes of
// payload each, a multiple of 8.
func cut(whole []byte, id uint16, size int) (fragments [][]byte) {
	const header = ethernetLen + ipv4Len
	for at := 0; at < len(whole)-header; at += size {
		fragments = append(fragments, fragmentOf(whole, id, at, min(at+size, len(whole)-header)))
	}
	return fragments
}

// fragmentOf returns the fragment of a packet with the bytes from..to of its
// payload.
func fragmentOf(whole []byte, id uint16, from, to int) []byte {
	const header = ethernetLen + ipv4Len
	f := slices.Concat(whole[:header], whole[header+from:header+to])
	h := frame.IPv4(f[ethernetLen:])
	binary.BigEndian.PutUint16(h[4:], id)
	h.SetTotalLen(ipv4Len + to - from)
	h.SetFragment(uint16(from), header+to < len(whole))
	h.UpdateChecksum()
	return f
}
