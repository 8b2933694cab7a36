package afpacket

import (
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

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

// newFarSocket opens the far end of the cable in h.
func newFarSocket(t testing.TB, h *host, name string) (f *linktest.FarSocket) {
	t.Helper()
	h.do(func() {
		var err error
		f, err = linktest.OpenFarSocket(name)
		h.must(err)
	})
	t.Cleanup(func() { _ = f.Close() })
	return f
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
