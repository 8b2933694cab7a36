package realserver_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"lvsdr/lab"
	"lvsdr/realserver"
)

// flushes is how often each client forgets what it knows by ARP.
const flushes = 100

// segment is
//
//	client  192.0.2.1 ──┐
//	client2 192.0.2.2 ──┤
//	server  192.0.2.21 ─┼─ switch
//	director  .5 eth0 ──┤
//	          –  eth1 ──┘
//
// The director is a kernel that answers ARP for the VIP on eth0, on behalf of
// eth1, and sends what comes to the server's MAC address.
type segment struct {
	*lan
	client2     *lab.Host
	director    *lab.Host
	directorEnd *lab.Link
}

func newSegment(t *testing.T, method string) *segment {
	t.Helper()
	n := &segment{lan: newLAN(t)}
	n.options.VIPs, n.options.Method = []netip.Addr{vip}, method
	n.client2, n.director = n.lab.Host("client2"), n.lab.Host("director")
	n.lab.Connect(n.client2, n.network, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
	n.directorEnd = n.lab.Connect(n.director, n.network, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.5/24")})
	out := n.lab.Connect(n.director, n.network)
	n.director.SetSysctl("net.ipv4.ip_forward", "1")
	n.director.AddRoute(lab.Route{Dst: netip.PrefixFrom(vip, 32), Dev: out.Name()})
	n.director.SetNeighbor(out.Name(), vip, n.serverEnd.MAC())
	err := n.director.Do(func() error {
		return netlink.NeighAdd(&netlink.Neigh{LinkIndex: n.directorEnd.Index(), IP: vip.AsSlice(), Flags: netlink.NTF_PROXY})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// resolve has a client that knows nothing connect to the VIP, and returns what
// its ARP cache then holds.
func (n *segment) resolve(t *testing.T, client *lab.Host) net.HardwareAddr {
	t.Helper()
	client.FlushNeighbors()
	n.server.FlushNeighbors()
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	conn, err := client.Dial(ctx, "tcp", netip.AddrPortFrom(vip, 80).String())
	if err != nil {
		t.Fatalf("connect to the VIP: %v", err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); err != nil || string(text) != "hello" {
		t.Fatalf("from the VIP: %q, %v", text, err)
	}
	return client.Neighbor(vip)
}

// wantAstray says that a client comes to hold the server's MAC address for the
// VIP. The director answers with the kernel's delay of a proxy, so the
// server is first.
func (n *segment) wantAstray(t *testing.T) {
	t.Helper()
	for range flushes {
		if bytes.Equal(n.resolve(t, n.client), n.serverEnd.MAC()) {
			return
		}
	}
	t.Fatal("the VIP's traffic never went astray: the test cannot show the problem")
}

// wantSteady says that no client ever holds anything but the director's MAC
// address, and that the server sends no ARP with the VIP as its own.
func (n *segment) wantSteady(t *testing.T) {
	t.Helper()
	n.director.SetSysctl("net.ipv4.neigh."+n.directorEnd.Name()+".proxy_delay", "0")
	claims := n.claims()
	for range flushes {
		for _, client := range []*lab.Host{n.client, n.client2} {
			if got := n.resolve(t, client); !bytes.Equal(got, n.directorEnd.MAC()) {
				t.Fatalf("%s sends to %v, not to the director", client.Name(), got)
			}
		}
	}
	wantNone(t, claims)
}

// claims captures the ARP by which the server says that it has the VIP.
func (n *segment) claims() *lab.Capture {
	mac := n.serverEnd.MAC()
	return n.clientEnd.Capture(lab.Only(func(f lab.Frame) bool {
		return f.EtherType() == syscall.ETH_P_ARP && bytes.Equal(f.Src(), mac) && len(f.Data) >= 32 &&
			bytes.Equal(f.Data[28:32], vip.AsSlice())
	}))
}

func wantNone(t *testing.T, claims *lab.Capture) {
	t.Helper()
	if frames := claims.Frames(); len(frames) > 0 {
		t.Errorf("the server says that it has the VIP: %v", frames[0])
	}
}

// addVIP puts the VIP on an interface of the server, as by hand.
func (n *lan) addVIP(t *testing.T, dev string) {
	t.Helper()
	n.do(t, func() error {
		link, err := netlink.LinkByName(dev)
		if err != nil {
			return err
		}
		return netlink.AddrAdd(link, &netlink.Addr{IPNet: netlink.NewIPNet(vip.AsSlice())})
	})
}

func (n *lan) deleteVIP(t *testing.T, dev string) {
	t.Helper()
	n.do(t, func() error {
		link, err := netlink.LinkByName(dev)
		if err != nil {
			return err
		}
		return netlink.AddrDel(link, &netlink.Addr{IPNet: netlink.NewIPNet(vip.AsSlice())})
	})
}

// wantEcho sends a datagram to the VIP and wants it back from there.
func (n *lan) wantEcho(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	n.client.SetNeighbor(n.clientEnd.Name(), addr.Addr(), n.serverEnd.MAC())
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	conn, err := n.client.Dial(ctx, "udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if k, err := conn.Read(buf); err != nil || string(buf[:k]) != "ping" {
		t.Errorf("UDP from %v: %q, %v", addr, buf[:k], err)
	}
}

// echo has a UDP server on the address that sends back what it gets, and
// counts it.
func (n *lan) echo(t *testing.T, address string) (received *atomic.Int64) {
	t.Helper()
	conn, err := n.server.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	received = new(atomic.Int64)
	go func() {
		buf := make([]byte, 1500)
		for {
			k, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			received.Add(1)
			conn.WriteTo(buf[:k], from)
		}
	}()
	return received
}

// wantHealthy says that check finds nothing wrong.
func (n *lan) wantHealthy(t *testing.T, when string) {
	t.Helper()
	n.do(t, func() error {
		findings, err := realserver.Check(n.options, realserver.LinuxHost{})
		if err != nil || !realserver.Healthy(findings) {
			t.Errorf("%s: Check: %v, %+v", when, err, findings)
		}
		return nil
	})
}

// wantPrinted runs the printed commands by hand and wants the same of them as
// of apply.
func (n *lan) wantPrinted(t *testing.T) {
	t.Helper()
	var plan *realserver.Plan
	n.do(t, func() (err error) {
		plan, err = realserver.NewPlan(n.options, realserver.LinuxHost{})
		return err
	})
	script := strings.Join(append([]string{"set -e"}, plan.Commands()...), "\n")
	if err := n.server.Command(t.Context(), "sh", "-c", script).Run(); err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	n.wantHealthy(t, "typed by hand")
	byHand := n.state(t)
	n.do(t, func() error {
		plan, err := realserver.Apply(n.options, realserver.LinuxHost{})
		if err == nil && len(plan.Steps) > 0 {
			t.Errorf("after the printed commands apply still does\n%v", plan)
		}
		return err
	})
	wantSame(t, "applied over the printed commands", n.state(t), byHand)
}

// testSteady proves the method: with the VIP on an interface of the server and
// nothing else done, its traffic goes astray; with the method applied it does not,
// and undo leaves what was there before.
func (n *segment) testSteady(t *testing.T, dev string) {
	t.Helper()
	n.serve(t)
	before := n.state(t)
	n.addVIP(t, dev)
	n.wantAstray(t)
	n.deleteVIP(t, dev)

	n.apply(t)
	n.wantSteady(t)
	n.undo(t)
	wantSame(t, "undone", n.state(t), before)
}

// wantUndone wants a second apply to change nothing, and undo to leave what was
// there before.
func (n *lan) wantUndone(t *testing.T, before string) {
	t.Helper()
	applied := n.state(t)
	n.apply(t)
	wantSame(t, "applied twice", n.state(t), applied)
	n.undo(t)
	wantSame(t, "undone", n.state(t), before)
}
