package afpacket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/internal/linktest"
)

// needRoot skips a test that makes network namespaces, which CI may not.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("needs root, and must not be skipped in CI")
	}
	t.Skip("needs root: run it with sudo, or in a container with CAP_NET_ADMIN and CAP_SYS_ADMIN")
}

// host is a network namespace. It ends with the test, and everything in it.
type host struct {
	t testing.TB
	h netns.NsHandle
}

// newHost makes a namespace without IPv6, whose multicast would be noise.
func newHost(t testing.TB) *host {
	t.Helper()
	needRoot(t)
	type result struct {
		h   netns.NsHandle
		err error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		h, err := netns.New()
		made <- result{h, err}
	}()
	r := <-made
	if r.err != nil {
		t.Fatalf("new network namespace: %v", r.err)
	}
	n := &host{t, r.h}
	t.Cleanup(func() { _ = n.h.Close() })
	n.do(func() {
		n.sysctl("ipv6/conf/all/disable_ipv6", "1")
		n.sysctl("ipv6/conf/default/disable_ipv6", "1")
		n.up("lo")
	})
	return n
}

// do runs fn in the namespace, on the caller's goroutine.
func (n *host) do(fn func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := netns.Get()
	if err != nil {
		n.t.Fatalf("current network namespace: %v", err)
	}
	defer func() { _ = old.Close() }()
	if err := netns.Set(n.h); err != nil {
		n.t.Fatalf("set network namespace: %v", err)
	}
	defer func() { _ = netns.Set(old) }()
	fn()
}

func (n *host) sysctl(key, value string) {
	n.t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+key, []byte(value), 0); err != nil {
		n.t.Fatal(err)
	}
}

func (n *host) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// link finds an interface; it runs inside do.
func (n *host) link(name string) netlink.Link {
	n.t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		n.t.Fatalf("link %s: %v", name, err)
	}
	return l
}

func (n *host) up(name string)   { n.t.Helper(); n.must(netlink.LinkSetUp(n.link(name))) }
func (n *host) down(name string) { n.t.Helper(); n.must(netlink.LinkSetDown(n.link(name))) }

func (n *host) setMTU(name string, mtu int) {
	n.t.Helper()
	n.do(func() { n.must(netlink.LinkSetMTU(n.link(name), mtu)) })
}

// Names and addresses of the cable between the link under test and its far end.
const nearEnd, farEnd = "near", "far"

var nearMAC = [6]byte{2, 0, 0, 0, 0, 1}

// cable lays a veth pair from near in n to far in other.
func (n *host) cable(near string, other *host, far string, mac, farMAC [6]byte) {
	n.t.Helper()
	n.do(func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr = near, mac[:]
		attrs.TxQLen = 1000
		n.must(netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: far, PeerHardwareAddr: farMAC[:],
			PeerNamespace: netlink.NsFd(other.h),
		}))
		n.up(near)
	})
	other.do(func() { other.up(far) })
}

// farSocket is the far end of the cable: an independent, simple packet socket.
type farSocket struct {
	fd  int
	buf []byte
	oob []byte
}

func newFarSocket(t testing.TB, h *host, name string) *farSocket {
	t.Helper()
	f := &farSocket{buf: make([]byte, 1<<17), oob: make([]byte, 256)}
	h.do(func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatalf("packet socket: %v", err)
		}
		f.fd = fd
		t.Cleanup(func() { _ = unix.Close(fd) })
		for _, opt := range []int{unix.PACKET_VNET_HDR, unix.PACKET_AUXDATA, unix.PACKET_IGNORE_OUTGOING} {
			h.must(unix.SetsockoptInt(fd, unix.SOL_PACKET, opt, 1))
		}
		h.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
		h.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20))
		h.must(unix.Bind(fd, &unix.SockaddrLinklayer{
			Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: h.link(name).Attrs().Index,
		}))
	})
	return f
}

// Inject writes the tag into the frame, as a host does that sends one.
func (f *farSocket) Inject(p linktest.Packet) error {
	b := append(append([]byte{}, p.VNet[:]...), p.Data...)
	if p.TPID != 0 {
		raw := append(make([]byte, link.Headroom), p.Data...)
		fr := link.Frame{Raw: raw, TPID: p.TPID, TCI: p.TCI}
		copy(fr.VNet(), p.VNet[:])
		b = pushTag(&fr)
	}
	n, err := unix.Write(f.fd, b)
	if err == nil && n != len(b) {
		err = fmt.Errorf("wrote %d of %d bytes", n, len(b))
	}
	return err
}

// Next reads one frame, and its tag out of the auxiliary data.
func (f *farSocket) Next(ctx context.Context) (linktest.Packet, error) {
	var p linktest.Packet
	end, _ := ctx.Deadline()
	tv := unix.NsecToTimeval(time.Until(end).Nanoseconds())
	if err := unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return p, err
	}
	var n, oobn int
	var err error
	for {
		n, oobn, _, _, err = unix.Recvmsg(f.fd, f.buf, f.oob, 0)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return p, fmt.Errorf("recvmsg: %w", err)
	}
	copy(p.VNet[:], f.buf)
	p.Data = append([]byte{}, f.buf[link.VNetHeaderLen:n]...)
	messages, err := unix.ParseSocketControlMessage(f.oob[:oobn])
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA {
			p.TPID, p.TCI = auxTag(m.Data)
		}
	}
	return p, err
}

// openPair opens what is tested, in h.
func openPair(t testing.TB, h *host, rc ReceiverConfig, sc SenderConfig) (*Receiver, *Sender) {
	t.Helper()
	var r *Receiver
	h.do(func() {
		var err error
		r, err = OpenReceiver(rc)
		h.must(err)
		t.Cleanup(func() { _ = r.Close() })
	})
	return r, openOut(t, h, sc)
}

// openOut opens a Sender in h.
func openOut(t testing.TB, h *host, sc SenderConfig) (s *Sender) {
	t.Helper()
	h.do(func() {
		var err error
		s, err = OpenSender(sc)
		h.must(err)
		t.Cleanup(func() { _ = s.Close() })
	})
	return s
}

// newCable is  near (under test) ---veth--- far,  in two namespaces.
func newCable(t testing.TB) (near, far *host) {
	t.Helper()
	near, far = newHost(t), newHost(t)
	near.cable(nearEnd, far, farEnd, nearMAC, linktest.FarMAC)
	return near, far
}
