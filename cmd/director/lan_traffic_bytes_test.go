package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"lvsdr/lab"
)

const udpService = `  - name: udp
    protocol: udp
    address: 192.0.2.10:53
    check: {kind: none}
    real_servers: [192.0.2.21]
`

// newByteCluster has a real server that serves UDP as well.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func newByteCluster(t *testing.T) *cluster {
	return newCluster(t, clusterConfig{Servers: 1, Serve: serveGo, StaticARP: true, CountFrames: true, Check: checkReal, Services: udpService})
}

// TestLANBytes: what a real server receives is what the client has sent, from
// the first byte of the IP header on.
func TestLANBytes(t *testing.T) {
	t.Parallel()
	c := newByteCluster(t)
	echo, err := c.Servers[0].ListenPacket("udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	go echoDatagrams(echo)
	for _, offloads := range []bool{true, false} {
		c.SetOffloads(offloads)
		t.Run(fmt.Sprintf("udp, offloads %t", offloads), func(t *testing.T) {
			c.checkBytes(t, func() { c.exchangeDatagrams(t) })
		})
		t.Run(fmt.Sprintf("tcp, offloads %t", offloads), func(t *testing.T) {
			c.checkBytes(t, func() { c.ServedBy(10, "/") })
		})
	}
	t.Run("udp segments", c.testSegments)
	t.Run("odd headers", func(t *testing.T) {
		c.checkBytes(t, func() {
			for _, f := range oddFrames(c) {
				if err := c.Client.InjectFrame("eth0", f); err != nil {
					t.Error(err)
				}
			}
		})
	})
	c.CheckFrames()
	c.CheckNothingDropped()
}

// checkBytes compares the IP packets that the client sends to the VIP with
// those that the server gets.
func (c *cluster) checkBytes(t *testing.T, talk func()) {
	toVIP := lab.Only(func(f lab.Frame) bool { _, dst := ipv4Addrs(f); return dst == c.VIP })
	sent, got := c.Client.Link.Capture(toVIP), c.Servers[0].Link.Capture(toVIP)
	defer sent.Close()
	defer got.Close()
	talk()
	atLeast := len(sent.Frames())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n := 0
	if _, err := got.WaitFor(ctx, func(lab.Frame) bool { n++; return n == atLeast }); err != nil {
		t.Fatalf("%d of %d frames: %v", n, atLeast, err)
	}
	// The end of a connection may still be under way; what has been received had
	// been sent before, not always in this order where two CPUs send.
	received, unmatched := got.Frames(), make(map[string]int)
	for _, f := range sent.Frames() {
		unmatched[string(ipv4Packet(f))]++
	}
	for i, f := range received {
		packet := ipv4Packet(f)
		if unmatched[string(packet)]--; unmatched[string(packet)] < 0 {
			t.Fatalf("frame %d of %d was not sent so: %x", i+1, len(received), packet)
		}
		if mac := f.Src().String(); mac != c.Director.Link.MAC().String() {
			t.Fatalf("frame %d comes from %s, not from the director", i+1, mac)
		}
	}
	t.Logf("%d packets are the same", len(received))
}

// ipv4Packet returns the packet in a frame, without what pads the frame.
func ipv4Packet(f lab.Frame) []byte {
	packet := f.Data[ethernetLen:]
	return packet[:min(len(packet), int(binary.BigEndian.Uint16(packet[2:])))]
}

// echoDatagrams sends back what comes, until the socket is closed.
func echoDatagrams(conn net.PacketConn) {
	buffer := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if _, err := conn.WriteTo(buffer[:n], from); err != nil {
			return
		}
	}
}

// exchangeDatagrams sends datagrams of every size that a frame can hold, of
// every TTL and TOS, and wants them back.
func (c *cluster) exchangeDatagrams(t *testing.T) {
	conn, err := c.Client.Dial(context.Background(), "udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	header, random := ipv4.NewConn(conn), rand.NewChaCha8([32]byte{})
	data, back := make([]byte, 1472), make([]byte, 2000)
	for size := range len(data) + 1 {
		random.Read(data) // never fails
		if err := header.SetTTL(size%255 + 1); err != nil {
			t.Fatal(err)
		}
		if err := header.SetTOS(size % 256 &^ 3); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(data[:size]); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(back)
		if err != nil {
			t.Fatalf("datagram of %d bytes: %v", size, err)
		}
		if !bytes.Equal(back[:n], data[:size]) {
			t.Fatalf("datagram of %d bytes: other bytes came back", size)
		}
	}
}

// testSegments sends datagrams that the kernel keeps in one super-frame for as
// long as it can, as QUIC does.
func (c *cluster) testSegments(t *testing.T) {
	c.SetOffloads(true)
	conn, err := c.Client.Dial(context.Background(), "udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size, count = 1400, 40
	err = control(conn.(*net.UDPConn), func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, size)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	data, back := make([]byte, size*count-1), make([]byte, 2000)
	rand.NewChaCha8([32]byte{}).Read(data) // never fails
	before := c.Client.Link.Stat("tx_packets")
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	if n := c.Client.Link.Stat("tx_packets") - before; n >= count {
		t.Errorf("%d frames sent, not one", n)
	}
	for want := range slices.Chunk(data, size) {
		n, err := conn.Read(back)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back[:n], want) {
			t.Fatal("other bytes came back")
		}
	}
}

func control(conn syscall.Conn, fn func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	if controlErr := raw.Control(func(fd uintptr) { err = fn(int(fd)) }); controlErr != nil {
		return controlErr
	}
	return err
}

// oddFrames are frames that a real server may well get, and that no socket here
// would send.
func oddFrames(c *cluster) [][]byte {
	var frames [][]byte
	add := func(change func(*layers.IPv4, *layers.UDP), trailer ...byte) {
		ip := c.ipv4(layers.IPProtocolUDP)
		udp := &layers.UDP{SrcPort: 4000, DstPort: 53}
		change(ip, udp)
		frames = append(frames, append(c.serialize(ip, udp, gopacket.Payload("odd")), trailer...))
	}
	add(func(ip *layers.IPv4, _ *layers.UDP) { ip.TTL = 1 })
	add(func(ip *layers.IPv4, _ *layers.UDP) { ip.TTL, ip.TOS, ip.Id = 255, 0xff, 0xffff })
	add(func(ip *layers.IPv4, _ *layers.UDP) { ip.Flags = layers.IPv4DontFragment | layers.IPv4EvilBit })
	add(func(ip *layers.IPv4, _ *layers.UDP) {
		ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
	})
	add(func(_ *layers.IPv4, udp *layers.UDP) { udp.SrcPort = 0 })
	add(func(*layers.IPv4, *layers.UDP) {}, bytes.Repeat([]byte{0xaa}, 40)...) // behind the packet
	return frames
}

// ipv4 is the header of a packet from the client to the VIP.
func (c *cluster) ipv4(protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{
		Version: 4, TTL: 64, Protocol: protocol,
		SrcIP: c.Client.Addr.AsSlice(), DstIP: c.VIP.AsSlice(),
	}
}

// serialize makes an Ethernet frame from the client to the director.
func (c *cluster) serialize(parts ...gopacket.SerializableLayer) []byte {
	c.t.Helper()
	return c.serializeTagged(nil, parts...)
}

// serializeTagged is serialize for a frame with VLAN tags, the outermost first.
func (c *cluster) serializeTagged(tags []layers.Dot1Q, parts ...gopacket.SerializableLayer) []byte {
	c.t.Helper()
	eth := &layers.Ethernet{
		SrcMAC: c.Client.Link.MAC(), DstMAC: c.Director.Link.MAC(), EthernetType: layers.EthernetTypeIPv4,
	}
	all := []gopacket.SerializableLayer{eth}
	next := &eth.EthernetType
	for i := range tags {
		tag := tags[i]
		tag.Type, *next = *next, tag.Type
		all, next = append(all, &tag), &tag.Type
	}
	for i := range parts {
		if udp, ok := parts[i].(*layers.UDP); ok {
			if err := udp.SetNetworkLayerForChecksum(parts[i-1].(*layers.IPv4)); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, append(all, parts...)...); err != nil {
		c.t.Fatal(err)
	}
	return bytes.Clone(buffer.Bytes())
}

// TestLANTags: a frame leaves the director with the VLAN tags with which it
// came. The switch passes tags on; the kernel takes the outer one out of the
// frame on its way into the director.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANTags(t *testing.T) {
	t.Parallel()
	c := newByteCluster(t)
	const cTag, sTag = layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ
	for i, tags := range [][]layers.Dot1Q{
		{{Type: cTag, VLANIdentifier: 7}},
		{{Type: cTag, VLANIdentifier: 4094, Priority: 5, DropEligible: true}},
		{{Type: cTag, VLANIdentifier: 0, Priority: 7}},
		{{Type: sTag, VLANIdentifier: 8}},
		{{Type: sTag, VLANIdentifier: 8, Priority: 2}, {Type: cTag, VLANIdentifier: 7}},
	} {
		sent := c.serializeTagged(tags, c.ipv4(layers.IPProtocolUDP),
			&layers.UDP{SrcPort: layers.UDPPort(5000 + i), DstPort: 53}, gopacket.Payload("tagged"))
		got := c.Servers[0].Link.Capture()
		if err := c.Client.InjectFrame("eth0", sent); err != nil {
			t.Fatal(err)
		}
		f, err := got.WaitFor(t.Context(), func(f lab.Frame) bool { return bytes.Contains(f.Data, []byte("tagged")) })
		if err != nil {
			t.Fatalf("tags %v: %v", tags, err)
		}
		if want := append([]byte(c.Servers[0].Link.MAC()), append([]byte(c.Director.Link.MAC()), sent[12:]...)...); !bytes.Equal(f.Data, want) {
			t.Errorf("tags %v: got\n%x, want\n%x", tags, f.Data, want)
		}
		got.Close()
	}
	c.CheckFrames()
	c.CheckNothingDropped()
}
