package afpacket

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"lvsdr/dataplane/link"
)

// lan is a switch with hosts on it; the VIP 192.0.2.10 is on the server's
// loopback, and the client's neighbour entry for it is the first of the hosts
// that forward:
//
//	client .1 ───┐
//	server .2 ───┤
//	forwarders ──┴─ br0
type lan struct {
	client, server, bridge *host
	forwarders             []*forwarder
}

const lanVIP = "192.0.2.10"

// lanMAC is the address of the n-th host.
func lanMAC(n int) [6]byte { return [6]byte{2, 0, 0, 0, 1, byte(n)} }

// newLAN makes the hosts; the frames for the VIP go through one host for each
// of the steps, which changes a frame before it is sent on.
func newLAN(t *testing.T, steps ...func(*link.Frame)) *lan {
	t.Helper()
	l := &lan{client: newHost(t), server: newHost(t), bridge: newHost(t)}
	l.bridge.do(func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "br0"
		l.bridge.must(netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}))
		l.bridge.up("br0")
	})
	const client, server, first = 1, 2, 3
	l.plug(l.client, client)
	l.plug(l.server, server)
	for i, step := range steps {
		h := newHost(t)
		l.plug(h, first+i)
		to := lanMAC(first + i + 1)
		if i == len(steps)-1 {
			to = lanMAC(server)
		}
		r, s := openPair(t, h, ReceiverConfig{Interface: "eth0"}, SenderConfig{Interface: "eth0"})
		l.forwarders = append(l.forwarders, &forwarder{
			r: r, s: s, from: lanMAC(first + i), to: to, step: step,
			stop: make(chan struct{}), done: make(chan error, 1),
		})
	}
	l.client.address("eth0", "192.0.2.1/24")
	l.server.address("eth0", "192.0.2.2/24")
	l.server.address("lo", lanVIP+"/32")
	mac := lanMAC(first)
	l.client.do(func() {
		l.client.must(netlink.NeighAdd(&netlink.Neigh{
			LinkIndex: l.client.link("eth0").Attrs().Index, State: netlink.NUD_PERMANENT,
			IP: net.ParseIP(lanVIP), HardwareAddr: mac[:],
		}))
	})
	return l
}

// plug connects the n-th host to the switch.
func (l *lan) plug(h *host, n int) {
	h.t.Helper()
	port := fmt.Sprintf("port%d", n)
	h.cable("eth0", l.bridge, port, lanMAC(n), [6]byte{2, 0, 0, 0, 2, byte(n)})
	l.bridge.do(func() {
		l.bridge.must(netlink.LinkSetMaster(l.bridge.link(port), l.bridge.link("br0")))
	})
}

func (n *host) address(dev, cidr string) {
	n.t.Helper()
	addr, err := netlink.ParseAddr(cidr)
	n.must(err)
	n.do(func() { n.must(netlink.AddrAdd(n.link(dev), addr)) })
}

// forwarder rewrites addresses until it is interrupted, and keeps what it saw.
type forwarder struct {
	r        *Receiver
	s        *Sender
	from, to [6]byte
	step     func(*link.Frame)
	longest  int // frame
	tagged   int // frames
	stop     chan struct{}
	done     chan error
}

func (f *forwarder) run() {
	batch := make([]link.Frame, 64)
	for {
		n, err := f.r.Receive(batch)
		if err != nil {
			f.done <- err
			return
		}
		for i := range batch[:n] {
			f.forward(&batch[i])
		}
		if dropped := f.s.Flush(); dropped != 0 {
			f.done <- fmt.Errorf("%d frames dropped: %+v", dropped, f.s.Stats())
			return
		}
		select {
		case <-f.stop:
			f.done <- nil
			return
		default:
		}
	}
}

func (f *forwarder) forward(fr *link.Frame) {
	f.longest = max(f.longest, len(fr.Data()))
	if fr.TPID != 0 {
		f.tagged++
	}
	f.step(fr)
	copy(fr.Data(), f.to[:])
	copy(fr.Data()[6:], f.from[:])
	f.s.Send(fr)
}

// TestLANUpload: 40 MB of a real TCP connection through the forwarder, with
// all offloads of a veth on, arrive byte by byte, with correct checksums. In
// the second run a host before it puts every frame on VLAN 42, and one behind
// it takes the tag off.
func TestLANUpload(t *testing.T) {
	keep := func(*link.Frame) {}
	tag := func(f *link.Frame) { f.TPID, f.TCI = typeVLAN, 42 }
	untag := func(f *link.Frame) { f.TPID = 0 }
	for name, steps := range map[string][]func(*link.Frame){
		"untagged": {keep},
		"VLAN":     {tag, keep, untag},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLAN(t, steps...)
			for _, f := range l.forwarders {
				go f.run()
			}
			want, got, err := upload(l, 40<<20)
			for _, f := range l.forwarders {
				close(f.stop)
				f.r.Interrupt()
				err = errors.Join(err, <-f.done)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Error("the server got other bytes than the client sent")
			}
			if bad := l.checksumErrors(); bad != "0" {
				t.Errorf("%s segments with a bad checksum at the server", bad)
			}
			for i, f := range l.forwarders {
				st := f.r.Stats()
				if st.Dropped != 0 || st.Truncated != 0 {
					t.Errorf("forwarder %d: receive stats %+v", i, st)
				}
				if f.longest <= 9000 || (f.tagged > 0) != (i > 0) {
					t.Errorf("forwarder %d: longest frame %d, %d of %d tagged", i, f.longest, f.tagged, st.Frames)
				}
				t.Logf("forwarder %d: longest frame %d bytes, %d frames", i, f.longest, st.Frames)
			}
		})
	}
}

// upload sends size random bytes from the client to the VIP and returns their
// digest at both ends.
func upload(l *lan, size int64) (sent, got [32]byte, err error) {
	type result struct {
		sum [32]byte
		err error
	}
	served := make(chan result, 1)
	addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(lanVIP + ":80"))
	var listener *net.TCPListener
	l.server.do(func() { listener, err = net.ListenTCP("tcp4", addr) })
	if err != nil {
		return sent, got, err
	}
	defer func() { _ = listener.Close() }()
	deadline := time.Now().Add(60 * time.Second)
	go func() {
		var res result
		defer func() { served <- res }()
		_ = listener.SetDeadline(deadline)
		c, err := listener.Accept()
		if err != nil {
			res.err = err
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(deadline)
		h := sha256.New()
		_, res.err = io.Copy(h, c)
		res.sum = [32]byte(h.Sum(nil))
	}()
	var c *net.TCPConn
	l.client.do(func() {
		d := net.Dialer{Deadline: deadline}
		var conn net.Conn
		if conn, err = d.Dial("tcp4", addr.String()); err == nil {
			c = conn.(*net.TCPConn)
		}
	})
	if err != nil {
		return sent, got, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(deadline)
	h := sha256.New()
	src := io.LimitReader(rand.NewChaCha8([32]byte{7}), size)
	if _, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(c, h)}, src, make([]byte, 1<<20)); err != nil {
		return sent, got, err
	}
	if err = c.CloseWrite(); err != nil {
		return sent, got, err
	}
	res := <-served
	return [32]byte(h.Sum(nil)), res.sum, res.err
}

// checksumErrors reads InCsumErrors of the server's TCP.
func (l *lan) checksumErrors() (value string) {
	l.server.do(func() {
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		l.server.must(err)
		var names []string
		for line := range strings.Lines(string(b)) {
			if !strings.HasPrefix(line, "Tcp:") {
				continue
			}
			fields := strings.Fields(line)
			if names == nil {
				names = fields
				continue
			}
			for i, name := range names {
				if name == "InCsumErrors" {
					value = fields[i]
				}
			}
		}
	})
	return value
}
