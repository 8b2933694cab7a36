package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"lvsdr/admin/api"
	"lvsdr/frame"
	"lvsdr/lab"
)

// Sizes of datagrams: in one frame, in 6 fragments, and in 41.
const (
	shortDatagram   = 1_000
	longDatagram    = 8_000
	longestDatagram = 60_000
)

// TestLANFragments: many clients at once send datagrams that do not fit a frame,
// and some that do, and get them back. The kernel hands fragments to a worker by
// their addresses alone, so they come to another one than what is whole.
//
//	client ──┐              ┌── web1
//	 50      ├── switch ────┼── web2
//	director ┘              └── web3
func TestLANFragments(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprintf("workers %d", workers), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, clusterConfig{
				Serve: serveNothing, StaticARP: true, CountFrames: true,
				Settings: fmt.Sprintf("workers: %d\n", workers),
				Services: strings.Replace(udpService, "[192.0.2.21]", "[192.0.2.21, 192.0.2.22, 192.0.2.23]", 1),
			})
			for _, s := range c.Servers {
				s.EchoDatagrams(t, 53)
			}
			const clients, each, cut = 50, 20, 16
			c.Client.reassembleMuch()
			var (
				group sync.WaitGroup
				errs  [clients]error
			)
			for i := range clients {
				group.Go(func() { errs[i] = c.exchangeLong(i, each) })
			}
			group.Wait()
			if err := errors.Join(errs[:]...); err != nil {
				t.Error(err)
			}
			s := c.CheckFrames()
			c.CheckNothingDropped()
			if f := s.Fragments; f.Completed != clients*cut || f.Datagrams+f.Waiting != 0 || f.Lost+f.Expired != 0 {
				t.Errorf("%d datagrams in fragments; the director saw %+v", clients*cut, f)
			}
			for _, rs := range s.Services[1].Servers {
				if n := rs.Connections; n < clients/3 || n > clients/3+1 {
					t.Errorf("%s has %d of %d clients", rs.Address, n, clients)
				}
			}
		})
	}
}

// exchangeLong sends datagrams from an address of its own, and wants them back.
// Of five, one fits a frame.
func (c *cluster) exchangeLong(client, datagrams int) error {
	addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(150 + client)})
	c.Client.Link.AddAddr(netip.PrefixFrom(addr, 32))
	dialer := &net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))}
	conn, err := c.Client.DialWith(context.Background(), dialer, "udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		return err
	}
	defer conn.Close()
	random := rand.NewChaCha8([32]byte{byte(client)})
	sizes := [...]int{shortDatagram, longDatagram, longestDatagram, longDatagram, longDatagram}
	for i := range datagrams {
		if err := exchangeDatagram(conn, random, sizes[(client+i)%len(sizes)]+i); err != nil {
			return fmt.Errorf("%v, datagram %d: %w", addr, i+1, err)
		}
	}
	return nil
}

// exchangeDatagram sends a datagram over the connection and wants it back.
func exchangeDatagram(conn net.Conn, random *rand.ChaCha8, size int) error {
	data, back := make([]byte, size), make([]byte, 65536)
	random.Read(data) // never fails
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(data); err != nil {
		return err
	}
	n, err := conn.Read(back)
	if err == nil && !bytes.Equal(back[:n], data) {
		err = fmt.Errorf("%d bytes came back, not the %d that were sent", n, size)
	}
	return err
}

// EchoDatagrams sends back what comes to a port of the VIP, until the test ends.
func (s *realServer) EchoDatagrams(t *testing.T, port int) {
	t.Helper()
	s.reassembleMuch()
	conn, err := s.ListenPacket("udp4", fmt.Sprintf("%v:%d", s.cluster.VIP, port))
	if err != nil {
		t.Fatal(err)
	}
	err = control(conn.(*net.UDPConn), func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	})
	if err != nil {
		t.Fatal(err)
	}
	go echoDatagrams(conn)
}

// reassembleMuch lets a host put many datagrams together at a time. Its kernel
// has room for 50 of the longest.
func (m *machine) reassembleMuch() { m.SetSysctl("net.ipv4.ipfrag_high_thresh", "33554432") }

// TestLANFragmentBytes: every fragment that a program's datagrams are sent as
// reaches the real server as it was sent, from the first byte of its IP header
// on.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANFragmentBytes(t *testing.T) {
	t.Parallel()
	c := newByteCluster(t)
	c.Servers[0].EchoDatagrams(t, 53)
	c.Client.reassembleMuch()
	c.checkBytes(t, func() {
		conn, err := c.Client.Dial(t.Context(), "udp4", netip.AddrPortFrom(c.VIP, 53).String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		random := rand.NewChaCha8([32]byte{})
		for _, size := range []int{1472, 1473, 1480, 2952, 2953, longDatagram, longestDatagram, 65507} {
			if err := exchangeDatagram(conn, random, size); err != nil {
				t.Fatalf("datagram of %d bytes: %v", size, err)
			}
		}
	})
	c.CheckFrames()
	c.CheckNothingDropped()
}

// TestLANFragmentOrders: however the fragments of a datagram come, and however
// often, the real server gets it once, whole.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANFragmentOrders(t *testing.T) {
	t.Parallel()
	c := newByteCluster(t)
	c.Servers[0].EchoDatagrams(t, 53)
	c.Client.reassembleMuch()
	conn, err := c.Client.Dial(t.Context(), "udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wire, random := c.OpenWire(c.Client), rand.New(rand.NewPCG(20, 26))
	id := uint16(0)
	for _, order := range []struct {
		name     string
		turn     func([][]byte)
		each     int
		held     func(n int) int // before the first came; and what came after the datagram was complete
		released func(n int) int
	}{
		{"in order", func([][]byte) {}, 1, none, none},
		{"reversed", slices.Reverse[[][]byte], 1, butOne, butOne},
		{"the first one last", func(f [][]byte) { slices.Reverse(f[1:]); slices.Reverse(f) }, 1, butOne, butOne},
		{"the last one first", func(f [][]byte) { slices.Reverse(f[:len(f)-1]); slices.Reverse(f) }, 1, one, one},
		{"in order, each twice", func([][]byte) {}, 2, one, none},
		{"reversed, each twice", slices.Reverse[[][]byte], 2, butOne, butOne},
		{"shuffled but for the first", func(f [][]byte) {
			random.Shuffle(len(f)-1, func(i, j int) { f[i+1], f[j+1] = f[j+1], f[i+1] })
		}, 1, none, none},
	} {
		for _, size := range []int{longDatagram, longestDatagram} {
			id++
			before := c.CheckFrames()
			data := make([]byte, size)
			rand.NewChaCha8([32]byte{byte(id)}).Read(data) // never fails
			fragments := cut(c.serialize(c.ipv4(layers.IPProtocolUDP), &layers.UDP{
				SrcPort: layers.UDPPort(conn.LocalAddr().(*net.UDPAddr).Port), DstPort: 53,
			}, gopacket.Payload(data)), id, 1480)
			n := len(fragments)
			order.turn(fragments)
			for _, f := range fragments {
				wire.Send(slices.Repeat([][]byte{f}, order.each)...)
			}
			if err := readBack(conn, data); err != nil {
				t.Fatalf("%s, %d bytes: %v", order.name, size, err)
			}
			after := c.CheckFrames()
			held, released := order.held(n), order.released(n)
			duplicates := (order.each - 1) * (n - 1)
			if order.each > 1 {
				duplicates -= held - released // that one waits
			}
			for reason, want := range map[[2]string]int{
				{"hold", "fragment"}:            held,
				{"extra", "released_fragment"}:  released,
				{"drop", "fragment_duplicate"}:  duplicates,
				{"drop", "fragment_overlap"}:    0,
				{"forward", "forward"}:          n*order.each - held - duplicates,
				{"drop", "fragment_in_header"}:  0,
				{"drop", "bad_fragment_length"}: 0,
			} {
				if got := verdicts(after, reason[0], reason[1]) - verdicts(before, reason[0], reason[1]); got != uint64(want) {
					t.Errorf("%s, %d fragments: %d times %s, want %d", order.name, n, got, reason, want)
				}
			}
		}
	}
	if err := conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 65536)); err == nil {
		t.Errorf("a datagram of %d bytes came back once more", n)
	}
}

func none(int) int     { return 0 }
func one(int) int      { return 1 }
func butOne(n int) int { return n - 1 }

// readBack reads a datagram, which must be this one.
func readBack(conn net.Conn, want []byte) error {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	back := make([]byte, 65536)
	n, err := conn.Read(back)
	if err == nil && !bytes.Equal(back[:n], want) {
		err = errors.New("other bytes came back")
	}
	return err
}

// TestLANFragmentedPath: a router on the way to the director has a link with an
// MTU of 576 and cuts TCP segments, since the client does not forbid it. The
// director puts nothing together; the real server gets every byte.
//
//	client ── router ══ MTU 576 ══ director ── farm ── web1
func TestLANFragmentedPath(t *testing.T) {
	t.Parallel()
	c, _ := twoArms(t, "workers: 2\n")
	c.WriteConfig(c.Config() + fmt.Sprintf(sinkService, c.VIP, c.Servers[0].Addr))
	c.Client.SetSysctl("net.ipv4.ip_no_pmtu_disc", "1") // no DF
	c.Client.Link.SetOffloads(false)
	c.Router.Interface("eth1").SetMTU(576)
	c.cfg.StaticARP = true // the router sends to the director's own address
	listener := c.Servers[0].ListenVIP(8080)
	c.Start()
	c.WaitServing()
	c.ServedBy(30, "/")
	data := newUpload(10_000_000)
	took := c.uploadTo(listener, 8080, data)
	s := c.Status()
	if least := uint64(data.size / 1500); s.Fragments.Completed < least {
		t.Errorf("%+v; at least %d segments were to be cut", s.Fragments, least)
	}
	t.Logf("%.2f Gbit/s in %d cut segments", float64(data.size)*8/1e9/took.Seconds(), s.Fragments.Completed)
	c.CheckNothingDropped()
}

// TestLANFragmentedErrors: an ICMP error "fragmentation needed" about a
// connection comes in fragments, in order and not, and reaches the real server
// of the connection, which then sends less at a time.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANFragmentedErrors(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{Servers: 1, Serve: serveNothing, StaticARP: true, CountFrames: true})
	listener := c.Servers[0].ListenVIP(80)
	sent := c.Client.Link.Capture(lab.Only(func(f lab.Frame) bool { _, dst := ipv4Addrs(f); return dst == c.VIP }))
	client, err := c.Client.Dial(t.Context(), "tcp4", netip.AddrPortFrom(c.VIP, 80).String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	wire := c.OpenWire(c.Client)
	if mtu := pathMTU(t, server); mtu != 1500 {
		t.Fatalf("the server's path MTU is %d", mtu)
	}
	for i, mtu := range []int{1200, 900} {
		exchangeLine(t, server, client)
		exchangeLine(t, client, server) // which acknowledges the other
		fragments := cut(c.fragmentationNeeded(lastSegment(t, sent), mtu), uint16(i+1), 64)
		if i > 0 {
			slices.Reverse(fragments)
		}
		if len(fragments) < 5 {
			t.Fatalf("%d fragments", len(fragments))
		}
		wire.Send(fragments...)
		awaitPathMTU(t, server, mtu)
		exchangeLine(t, server, client)
	}
	s := c.CheckFrames()
	c.CheckNothingDropped()
	if f := s.Fragments; f.Completed != 2 || f.Released == 0 || f.Waiting != 0 {
		t.Errorf("%+v", f)
	}
}

// lastSegment is the TCP header of the last segment that was captured.
func lastSegment(t *testing.T, capture *lab.Capture) *layers.TCP {
	t.Helper()
	frames := capture.Frames()
	last := gopacket.NewPacket(frames[len(frames)-1].Data, layers.LayerTypeEthernet, gopacket.NoCopy)
	tcp, ok := last.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok {
		t.Fatalf("no TCP: %v", frames[len(frames)-1])
	}
	return tcp
}

// fragmentationNeeded is a frame with the error that a router would send about
// the server's next segment, with as much of that as an error may quote (RFC
// 1812, 4.3.2.3). reply is the last segment that the client sent.
func (c *cluster) fragmentationNeeded(reply *layers.TCP, mtu int) []byte {
	c.t.Helper()
	quoted := &layers.IPv4{
		Version: 4, TTL: 60, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolTCP,
		SrcIP: c.VIP.AsSlice(), DstIP: c.Client.Addr.AsSlice(),
	}
	segment := &layers.TCP{SrcPort: reply.DstPort, DstPort: reply.SrcPort, Seq: reply.Ack, Ack: reply.Seq, ACK: true, Window: 1000}
	if err := segment.SetNetworkLayerForChecksum(quoted); err != nil {
		c.t.Fatal(err)
	}
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, quoted, segment, gopacket.Payload(make([]byte, 1460))); err != nil {
		c.t.Fatal(err)
	}
	return c.serialize(c.ipv4(layers.IPProtocolICMPv4), &layers.ICMPv4{
		TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeFragmentationNeeded),
		Seq:      uint16(mtu),
	}, gopacket.Payload(buffer.Bytes()[:576-ipv4Len-8]))
}

// exchangeLine sends a line from one end of a connection to the other.
func exchangeLine(t *testing.T, from, to net.Conn) {
	t.Helper()
	if err := to.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := to.Read(make([]byte, 100)); n != 6 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

// pathMTU is what the kernel believes of the way of a connection.
func pathMTU(t *testing.T, conn net.Conn) (mtu int) {
	t.Helper()
	err := control(conn.(*net.TCPConn), func(fd int) (err error) {
		mtu, err = unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return mtu
}

// awaitPathMTU waits until the kernel believes this. Nothing tells of it.
func awaitPathMTU(t *testing.T, conn net.Conn, want int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); pathMTU(t, conn) != want; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("the path MTU is %d, want %d", pathMTU(t, conn), want)
		}
	}
}

// TestLANSmallEgress: the network of the real servers takes shorter packets than
// that of the clients. What may be cut is cut, and arrives whole; who forbids it
// is told how much fits.
//
//	client ── router ── director ══ MTU 1000 ══ farm ── web1
func TestLANSmallEgress(t *testing.T) {
	t.Parallel()
	const mtu = 1000
	c, _ := twoArms(t, "")
	c.Director.Interface("eth1").SetMTU(mtu)
	c.cfg.StaticARP = true // the router sends to the director's own address
	udp := strings.NewReplacer("192.0.2.10", c.VIP.String(), "192.0.2.21", c.Servers[0].Addr.String()).Replace(udpService)
	c.WriteConfig(c.Config() + fmt.Sprintf(sinkService, c.VIP, c.Servers[0].Addr) + udp)
	listener := c.Servers[0].ListenVIP(8080)
	c.Servers[0].EchoDatagrams(t, 53)
	c.Client.reassembleMuch()
	c.Start()
	c.WaitServing()

	conn, err := c.Client.Dial(t.Context(), "udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = control(conn.(*net.UDPConn), func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
	})
	if err != nil {
		t.Fatal(err)
	}
	random, pieces := rand.NewChaCha8([32]byte{}), uint64(0)
	for _, datagram := range []struct{ size, more int }{
		{mtu - 28, 0}, {mtu - 27, 1}, {1472, 1}, // in one fragment
		{longDatagram, 5}, {longestDatagram, 40}, // each in several: all but the last are cut in two
	} {
		if err := exchangeDatagram(conn, random, datagram.size); err != nil {
			t.Fatalf("datagram of %d bytes: %v", datagram.size, err)
		}
		pieces += uint64(datagram.more)
	}
	s := c.WaitStatus(fmt.Sprintf("%d pieces more", pieces), func(s *api.Status) bool {
		return verdicts(s, "extra", "piece") == pieces
	})
	if n := verdicts(s, "reply", "fragmentation_needed"); n != 0 {
		t.Errorf("the client was told %d times to send less, without DF", n)
	}
	c.uploadTo(listener, 8080, newUpload(5_000_000))
	if n := verdicts(c.Status(), "reply", "fragmentation_needed"); n == 0 {
		t.Error("the client was never told to send less, with DF")
	}
	c.CheckNothingDropped()
}

// TestLANBadFragments: fragments as no honest sender makes them. Each is dropped
// and counted under its reason, and the real server does not get what they were
// made for.
//
//	client .100 ──┐
//	              ├── hub ── web1 .21
//	director .2 ──┘
func TestLANBadFragments(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	type piece struct {
		from, to     int
		kind, reason string
	}
	const f, d = "forward", "drop"
	whole := w.forge.ip4(frame.ProtocolTCP, w.forge.syn(40000), make([]byte, 300))
	const end = frame.TCPLen + 300
	forwarded := 0
	for i, datagram := range [][]piece{
		{{0, 16, d, "tiny_fragment"}, {16, end, d, "fragment_in_header"}},
		{{0, 64, f, f}, {8, 72, d, "fragment_in_header"}, {64, 128, f, f}},
		{{0, 64, f, f}, {64, 128, f, f}, {96, 160, d, "fragment_overlap"}, {128, end, d, "fragment_overlap"}},
		{{128, end, "hold", "fragment"}, {64, 136, d, "fragment_overlap"}, {64, 128, d, "fragment_overlap"}, {0, 64, f, f}},
		{{0, 64, f, f}, {64, 68, d, "fragment_tiny"}, {64, end - 8, f, f}, {64, end - 8, d, "fragment_duplicate"}},
		{{0, 64, f, f}, {128, end, f, f}, {128, end + 8, d, "fragment_overlap"}, {64, 128, d, "fragment_overlap"}},
		{{0, 64, f, f}, {65528, 65628, d, "fragment_too_big"}, {64, 64, d, "bad_fragment_length"}},
	} {
		for _, p := range datagram {
			longer := append(bytes.Clone(whole), make([]byte, 65700-len(whole))...)
			part := fragmentOf(longer, uint16(i+1), p.from, p.to)
			if p.to >= end {
				part = fragmentOf(longer[:ethernetLen+ipv4Len+p.to], uint16(i+1), p.from, p.to)
			}
			before := w.Status()
			w.inject(p.reason, part)
			if n := verdicts(w.counted(), p.kind, p.reason) - verdicts(before, p.kind, p.reason); n != 1 {
				t.Errorf("datagram %d, bytes %d to %d: %s %s counted %d times", i+1, p.from, p.to, p.kind, p.reason, n)
			}
			if p.kind == f {
				forwarded++
			}
		}
	}
	if n := len(w.forwarded.Frames()); n != forwarded {
		t.Errorf("%d fragments were forwarded, want %d", n, forwarded)
	}
	if n := len(w.replies.Frames()); n != 0 {
		t.Errorf("%d answers: %v", n, w.replies.Frames())
	}
	w.alive()
}
