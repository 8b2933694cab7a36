package realserver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"lvsdr/lab"
	"lvsdr/realserver"
)

var (
	vip  = netip.MustParseAddr("192.0.2.10")
	vip6 = netip.MustParseAddr("2001:db8::10")
)

const dialTimeout = 5 * time.Second

// lan is
//
//	client 192.0.2.1, 2001:db8::1 ── switch ── 192.0.2.21, 2001:db8::21 server
//
// The client stands for the director too: it can reach the VIP by the server's
// MAC.
type lan struct {
	lab            *lab.Lab
	network        *lab.Switch
	client, server *lab.Host
	clientEnd      *lab.Link
	serverEnd      *lab.Link
	options        realserver.Options
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	l := lab.ForTest(t)
	n := &lan{lab: l, network: l.Switch("lan"), client: l.Host("client"), server: l.Host("server")}
	sw := n.network
	n.clientEnd = l.Connect(n.client, sw, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24", "2001:db8::1/64")})
	n.serverEnd = l.Connect(n.server, sw, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.21/24", "2001:db8::21/64")})
	n.options = realserver.Options{VIPs: []netip.Addr{vip, vip6}, StateDir: t.TempDir()}
	return n
}

// do runs fn on the server.
func (n *lan) do(t *testing.T, fn func() error) {
	t.Helper()
	if err := n.server.Do(fn); err != nil {
		t.Fatal(err)
	}
}

func (n *lan) apply(t *testing.T) {
	t.Helper()
	n.do(t, func() error {
		_, err := realserver.Apply(n.options, realserver.LinuxHost{})
		return err
	})
}

func (n *lan) undo(t *testing.T) {
	t.Helper()
	n.do(t, func() error {
		_, err := realserver.Undo(n.options, realserver.LinuxHost{})
		return err
	})
}

// state describes every sysctl of net.ipv4.conf and net.ipv6.conf, and what the
// programs of the system print of the server's addresses, rules, routes and
// nftables.
func (n *lan) state(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := n.server.Command(ctx, "sh", "-ec", settle+tell)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n.do(t, func() error {
		for _, dir := range []string{"ipv4", "ipv6"} {
			if err := appendSysctls(&b, "/proc/sys/net/"+dir+"/conf"); err != nil {
				return err
			}
		}
		return nil
	})
	return b.String() + p.Stdout()
}

const (
	// settle waits until the kernel has done for IPv6 what it does behind the
	// back of whoever adds an address: then each has a local route.
	settle = `until test -z "$(ip -6 address show tentative)" &&
			test "$(ip -6 -o address show | wc -l)" -eq "$(ip -6 route show table local type local | wc -l)"; do :; done
		`
	tell = `for family in -4 -6; do printf 'address\nrule\nroute show table all\n' | ip -d $family -batch -; done
		nft list ruleset`
)

func appendSysctls(b *strings.Builder, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		value, err := os.ReadFile(path)
		if err != nil && !strings.HasSuffix(path, "stable_secret") {
			return err
		}
		fmt.Fprintf(b, "%s = %q\n", path, value)
		return nil
	})
}

func wantSame(t *testing.T, when, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	old := strings.Split(want, "\n")
	for _, line := range strings.Split(got, "\n") {
		if !slices.Contains(old, line) {
			t.Logf("+ %s", line)
		}
	}
	for _, line := range old {
		if !strings.Contains(got, line) {
			t.Logf("- %s", line)
		}
	}
	t.Fatalf("%s: the server is not as it was", when)
}

// answers says whether the server lets a client that knows nothing resolve
// the address.
func (n *lan) answers(t *testing.T, addr netip.Addr) bool {
	t.Helper()
	n.client.FlushNeighbors()
	var hears error
	err := n.client.Do(func() error {
		d := net.Dialer{Timeout: dialTimeout}
		var conn net.Conn
		if conn, hears = d.Dial("tcp", netip.AddrPortFrom(addr, 80).String()); hears == nil {
			conn.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n.client.Neighbor(addr) != nil
}

// serve has a TCP server on every address, which says hello.
func (n *lan) serve(t *testing.T) {
	t.Helper()
	n.serveOn(t, "[::]:80")
}

// serveOn has one on that address.
func (n *lan) serveOn(t *testing.T, address string) {
	t.Helper()
	listener, err := n.server.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "hello")
			conn.Close()
		}
	}()
}

// wantHello connects to the address by the server's MAC, as a director would
// have it.
func (n *lan) wantHello(t *testing.T, addr netip.Addr) {
	t.Helper()
	n.wantHelloFrom(t, netip.AddrPortFrom(addr, 80))
}

// wantHelloFrom is wantHello for any port.
func (n *lan) wantHelloFrom(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	n.client.SetNeighbor(n.clientEnd.Name(), addr.Addr(), n.serverEnd.MAC())
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	conn, err := n.client.Dial(ctx, "tcp", addr.String())
	if err != nil {
		t.Fatalf("to the server's MAC: %v", err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); err != nil || string(text) != "hello" {
		t.Errorf("from %v: %q, %v", addr, text, err)
	}
}

// TestLANProblem shows what this package is for: the VIP on lo alone is
// enough for a server to answer ARP for it.
func TestLANProblem(t *testing.T) {
	n := newLAN(t)
	n.serve(t)
	n.do(t, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(lo, &netlink.Addr{IPNet: netlink.NewIPNet(vip.AsSlice())})
	})
	if !n.answers(t, vip) {
		t.Error("the kernel kept silent about a VIP on lo: the test cannot show the problem")
	}
}

func TestLANApply(t *testing.T) {
	n := newLAN(t)
	n.serve(t)
	before := n.state(t)
	n.apply(t)

	for _, addr := range n.options.VIPs {
		if n.answers(t, addr) {
			t.Errorf("the server answers for %v", addr)
		}
		n.wantHello(t, addr)
	}
	for _, addr := range []string{"192.0.2.21", "2001:db8::21"} {
		if !n.answers(t, netip.MustParseAddr(addr)) {
			t.Errorf("the server does not answer for its own %s any more", addr)
		}
	}
	n.do(t, func() error {
		findings, err := realserver.Check(n.options, realserver.LinuxHost{})
		if err != nil || !realserver.Healthy(findings) {
			t.Errorf("Check: %v, %+v", err, findings)
		}
		return nil
	})
	n.wantUndone(t, before)
}

// TestLANAsksWithOwnAddress: a connection of the VIP makes the server ask for
// the client, and it must not ask with the VIP.
func TestLANAsksWithOwnAddress(t *testing.T) {
	n := newLAN(t)
	n.serve(t)
	n.apply(t)
	wire := n.clientEnd.Capture(lab.Only(func(f lab.Frame) bool { return f.EtherType() == syscall.ETH_P_ARP && !f.Outgoing }))
	n.server.FlushNeighbors()
	n.wantHello(t, vip)
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	if _, err := wire.WaitFor(ctx, func(lab.Frame) bool { return true }); err != nil {
		t.Fatalf("the server did not ask: %v", err)
	}
	for _, f := range wire.Frames() {
		if bytes.Contains(f.Data[14:], vip.AsSlice()) {
			t.Errorf("ARP with the VIP: %v", f)
		}
	}
}
