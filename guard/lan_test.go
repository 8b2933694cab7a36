package guard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"lvsdr/guard"
	"lvsdr/lab"
)

const waitTimeout = 10 * time.Second

var (
	vip    = netip.MustParseAddr("192.0.2.10")
	vip6   = netip.MustParseAddr("2001:db8::10")
	other  = netip.MustParseAddr("192.0.2.99")
	other6 = netip.MustParseAddr("2001:db8::99")
	vips   = []netip.Addr{vip, vip6}
)

// lan is
//
//	client 192.0.2.1 ──┐
//	director .2        ├── switch        (IPv6: 2001:db8::)
//	server .3       ───┘
//
// The director's kernel forwards, and it knows the server's MAC for the VIPs and
// for two other addresses: so all that it is given for them comes out at the server.
type lan struct {
	client, director, server          *lab.Host
	clientEnd, directorEnd, serverEnd *lab.Link
	atClient, atDirector, atServer    *lab.Capture
	markers                           uint16
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	l := lab.ForTest(t)
	n := &lan{client: l.Host("client"), director: l.Host("director"), server: l.Host("server")}
	sw := l.Switch("lan")
	connect := func(h *lab.Host, last int) *lab.Link {
		return l.Connect(h, sw, lab.LinkConfig{Addrs: lab.MustPrefixes(
			fmt.Sprintf("192.0.2.%d/24", last), fmt.Sprintf("2001:db8::%d/64", last))})
	}
	n.clientEnd, n.directorEnd, n.serverEnd = connect(n.client, 1), connect(n.director, 2), connect(n.server, 3)
	n.director.SetSysctl("net.ipv4.ip_forward", "1")
	n.director.SetSysctl("net.ipv6.conf.all.forwarding", "1")
	n.forwardTo(vip, vip6, other, other6)
	n.atClient, n.atDirector, n.atServer = capture(n.clientEnd), capture(n.directorEnd), capture(n.serverEnd)
	return n
}

// capture records what IP is sent to this host: not what the switch floods for
// others.
func capture(end *lab.Link) *lab.Capture {
	mac := end.MAC()
	return end.Capture(lab.Only(func(f lab.Frame) bool {
		return !f.Outgoing && f.EtherType() != 0x0806 && bytes.Equal(f.Dst(), mac)
	}))
}

func (n *lan) forwardTo(addrs ...netip.Addr) {
	for _, addr := range addrs {
		n.director.SetNeighbor(n.directorEnd.Name(), addr, n.serverEnd.MAC())
	}
}

// do runs fn on the director.
func (n *lan) do(t *testing.T, fn func() error) {
	t.Helper()
	if err := n.director.Do(fn); err != nil {
		t.Fatal(err)
	}
}

func (n *lan) install(t *testing.T) *guard.Guard {
	t.Helper()
	var g *guard.Guard
	n.do(t, func() (err error) {
		g, err = guard.Install(guard.Config{Interface: n.directorEnd.Name(), VIPs: vips})
		return err
	})
	return g
}

// datagram is a UDP packet from the client to dst at the director's MAC, with a
// VLAN tag unless that is 0.
func (n *lan) datagram(t *testing.T, dst netip.Addr, vlan, port uint16) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: n.clientEnd.MAC(), DstMAC: n.directorEnd.MAC()}
	stack := []gopacket.SerializableLayer{eth}
	etherType := &eth.EthernetType
	if vlan != 0 {
		*etherType = layers.EthernetTypeDot1Q
		tag := &layers.Dot1Q{VLANIdentifier: vlan}
		etherType = &tag.Type
		stack = append(stack, tag)
	}
	udp := &layers.UDP{SrcPort: 4000, DstPort: layers.UDPPort(port)}
	if dst.Is4() {
		*etherType = layers.EthernetTypeIPv4
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(192, 0, 2, 1), DstIP: dst.AsSlice()}
		udp.SetNetworkLayerForChecksum(ip)
		stack = append(stack, ip)
	} else {
		*etherType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{
			Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP,
			SrcIP: net.ParseIP("2001:db8::1"), DstIP: dst.AsSlice(),
		}
		udp.SetNetworkLayerForChecksum(ip)
		stack = append(stack, ip)
	}
	return serialize(t, append(stack, udp, gopacket.Payload("to the VIP"))...)
}

func serialize(t *testing.T, stack ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (n *lan) send(t *testing.T, frame []byte) {
	t.Helper()
	if err := n.clientEnd.Inject(frame); err != nil {
		t.Fatal(err)
	}
}

// settle returns when the director's kernel has handled all that was sent
// before: when a datagram for another address has come out at the server. That
// it does shows that the guard leaves others alone.
func (n *lan) settle(t *testing.T) {
	t.Helper()
	for _, addr := range []netip.Addr{other, other6} {
		n.markers++
		port := 20000 + n.markers
		n.send(t, n.datagram(t, addr, 0, port))
		ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
		_, err := n.atServer.WaitFor(ctx, func(f lab.Frame) bool { return udpPort(f) == port })
		cancel()
		if err != nil {
			t.Fatalf("the datagram to %v did not come out: %v", addr, err)
		}
	}
}

// copies counts the datagrams to the address and port 80.
func copies(c *lab.Capture, addr netip.Addr) int {
	return c.Count(func(f lab.Frame) bool {
		return decoded(f).NetworkLayer() != nil && udpPort(f) == 80 &&
			bytes.Equal(decoded(f).NetworkLayer().NetworkFlow().Dst().Raw(), addr.AsSlice())
	})
}

func decoded(f lab.Frame) gopacket.Packet {
	return gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.NoCopy)
}

func udpPort(f lab.Frame) uint16 {
	if udp, ok := decoded(f).Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		return uint16(udp.DstPort)
	}
	return 0
}

// mentions counts the frames that hold the address anywhere: as destination, or
// quoted in an ICMP error.
func mentions(c *lab.Capture, addr netip.Addr) int {
	return c.Count(func(f lab.Frame) bool { return bytes.Contains(f.Data, addr.AsSlice()) })
}

func (n *lan) clear() {
	for _, c := range []*lab.Capture{n.atClient, n.atDirector, n.atServer} {
		c.Clear()
	}
}

// tables lists the nftables tables of the director as FAMILY NAME.
func (n *lan) tables(t *testing.T) []string {
	t.Helper()
	var names []string
	n.do(t, func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := c.ListTables()
		for _, table := range tables {
			names = append(names, fmt.Sprintf("%d %s", table.Family, table.Name))
		}
		return err
	})
	return names
}

// dropped reads the counters of the guard's rules.
func (n *lan) dropped(t *testing.T) (total uint64) {
	t.Helper()
	n.do(t, func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		table := &nftables.Table{Name: "lvsdr_" + n.directorEnd.Name(), Family: nftables.TableFamilyNetdev}
		rules, err := c.GetRules(table, &nftables.Chain{Name: "ingress", Table: table})
		for _, r := range rules {
			for _, e := range r.Exprs {
				if counter, ok := e.(*expr.Counter); ok {
					total += counter.Packets
				}
			}
		}
		return err
	})
	return total
}

// TestLANGuard: without the guard, the host's kernel takes part; with it,
// it is silent while a packet socket still has every frame.
func TestLANGuard(t *testing.T) {
	n := newLAN(t)
	const count = 20
	burst := func() {
		for range count {
			n.send(t, n.datagram(t, vip, 0, 80))
			n.send(t, n.datagram(t, vip6, 0, 80))
		}
		n.settle(t)
	}
	burst()
	for _, addr := range vips {
		if got := copies(n.atServer, addr); got != count {
			t.Errorf("without guard: %d copies for %v, want %d: the test cannot show what the guard does", got, addr, count)
		}
	}
	if mentions(n.atClient, vip) == 0 {
		t.Error("without guard: no redirect for the VIP: the test cannot show what the guard does")
	}

	g := n.install(t)
	n.clear()
	burst()
	for _, addr := range vips {
		if got := copies(n.atDirector, addr); got != count {
			t.Errorf("with guard: the packet socket has %d frames for %v, want %d", got, addr, count)
		}
		if got := mentions(n.atServer, addr); got != 0 {
			t.Errorf("with guard: %d copies for %v", got, addr)
		}
		if got := mentions(n.atClient, addr); got != 0 {
			t.Errorf("with guard: the client is told something about %v", addr)
		}
	}
	n.client.FlushNeighbors()
	listener, err := n.director.Listen("tcp", "192.0.2.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	conn, err := n.client.Dial(ctx, "tcp", "192.0.2.2:80")
	if err != nil {
		t.Fatalf("the host's own address does not work any more: %v", err)
	}
	conn.Close()

	n.do(t, g.Remove)
	n.do(t, g.Remove)
	if tables := n.tables(t); len(tables) != 0 {
		t.Errorf("after Remove: tables %v", tables)
	}
	n.clear()
	burst()
	if copies(n.atServer, vip) != count {
		t.Error("after Remove, the kernel does not forward")
	}
}

// TestLANGuardSource: replies of the VIP, to health checks of the director
// itself, are not the guard's.
func TestLANGuardSource(t *testing.T) {
	n := newLAN(t)
	n.install(t)
	reply := n.datagram(t, other, 0, 81)
	copy(reply[14+12:], vip.AsSlice()) // source
	n.fixChecksums(reply)
	n.send(t, reply)
	n.settle(t)
	if got := n.atServer.Count(func(f lab.Frame) bool { return udpPort(f) == 81 }); got != 1 {
		t.Errorf("%d of 1 datagrams from the VIP came through", got)
	}
}

// fixChecksums zeroes the UDP checksum and makes the IPv4 header's right.
func (n *lan) fixChecksums(frame []byte) {
	ip := frame[14 : 14+20]
	ip[10], ip[11] = 0, 0
	sum := 0
	for i := 0; i < len(ip); i += 2 {
		sum += int(ip[i])<<8 | int(ip[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	ip[10], ip[11] = byte(^sum>>8), byte(^sum)
	udp := frame[14+20:]
	udp[6], udp[7] = 0, 0
}

// TestLANGuardVLAN: the kernel takes a VLAN tag off before the hook.
func TestLANGuardVLAN(t *testing.T) {
	n := newLAN(t)
	n.install(t)
	n.send(t, n.datagram(t, vip, 5, 80))
	n.send(t, n.datagram(t, vip6, 5, 80))
	n.settle(t)
	if got := n.dropped(t); got != 2 {
		t.Errorf("%d of 2 tagged frames were dropped", got)
	}
	for _, addr := range vips {
		if copies(n.atDirector, addr) != 1 {
			t.Errorf("the packet socket does not have the tagged frame for %v", addr)
		}
	}
}

// TestLANGuardNeighborDiscovery: solicitations for the VIP reach the kernel,
// also unicast ones, which confirm that a neighbour is still there.
func TestLANGuardNeighborDiscovery(t *testing.T) {
	n := newLAN(t)
	n.install(t)
	eth := &layers.Ethernet{SrcMAC: n.clientEnd.MAC(), DstMAC: n.directorEnd.MAC(), EthernetType: layers.EthernetTypeIPv6}
	for _, kind := range []uint8{layers.ICMPv6TypeRouterSolicitation, layers.ICMPv6TypeNeighborSolicitation, layers.ICMPv6TypeRedirect, layers.ICMPv6TypeEchoRequest} {
		ip := &layers.IPv6{
			Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6,
			SrcIP: net.ParseIP("2001:db8::1"), DstIP: vip6.AsSlice(),
		}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
		icmp.SetNetworkLayerForChecksum(ip)
		n.send(t, serialize(t, eth, ip, icmp, gopacket.Payload(make([]byte, 36))))
	}
	n.settle(t)
	if got := n.dropped(t); got != 1 {
		t.Errorf("%d packets dropped, want 1: the echo request", got)
	}
}

// TestLANGuardNoGap replaces the guard again and again, as a reload and as a
// process that was killed and started again do, under traffic: no copy.
func TestLANGuardNoGap(t *testing.T) {
	n := newLAN(t)
	n.install(t)
	frame := n.datagram(t, vip, 0, 80)
	const enough = 500
	var sent atomic.Int64
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := n.clientEnd.Inject(frame); err != nil {
				done <- err
				return
			}
			sent.Add(1)
		}
	}()
	for i := 0; i < 50 || sent.Load() < enough; i++ {
		g := n.install(t)
		n.do(t, func() error {
			return g.Update(append([]netip.Addr{netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})}, vips...))
		})
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	n.settle(t)
	if got := mentions(n.atServer, vip); got != 0 {
		t.Errorf("%d of %d frames got past the guard while it was replaced", got, sent.Load())
	}
	if tables := n.tables(t); len(tables) != 1 {
		t.Errorf("tables %v, want one", tables)
	}
}

func TestLANGuardFlushed(t *testing.T) {
	n := newLAN(t)
	g := n.install(t)
	w := &guard.Watcher{Interface: n.directorEnd.Name(), VIPs: func() []netip.Addr { return vips }, Guard: g}
	look := func() (findings []guard.Finding) {
		t.Helper()
		n.do(t, func() error { findings = w.Look(); return nil })
		return findings
	}
	worst := func(findings []guard.Finding) (worst guard.Finding) {
		for _, f := range findings {
			if f.Severity > worst.Severity {
				worst = f
			}
		}
		return worst
	}
	if f := worst(look()); f.Severity != guard.OK {
		t.Errorf("forwarding under guard: %v", f)
	}
	table := &nftables.Table{Name: "lvsdr_" + n.directorEnd.Name(), Family: nftables.TableFamilyNetdev}
	chain := &nftables.Chain{Name: "ingress", Table: table}
	for name, meddle := range map[string]func(*nftables.Conn){
		"flush ruleset": func(c *nftables.Conn) { c.FlushRuleset() },
		"flush table":   func(c *nftables.Conn) { c.FlushTable(table) },
		"flush a set":   func(c *nftables.Conn) { c.FlushSet(&nftables.Set{Table: table, Name: "vips"}) },
		"a rule first": func(c *nftables.Conn) {
			c.InsertRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		},
	} {
		n.do(t, func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			meddle(c)
			return c.Flush()
		})
		if f := worst(look()); f.Severity != guard.Alarm || !strings.Contains(f.What, "put back") {
			t.Errorf("%s: %v %v", name, f.Severity, f)
		}
		if f := worst(look()); f.Severity != guard.OK {
			t.Errorf("%s, repaired: %v", name, f)
		}
	}
	n.send(t, n.datagram(t, vip, 0, 80))
	n.settle(t)
	if mentions(n.atServer, vip) != 0 {
		t.Error("the repaired guard lets through")
	}
}

// TestLANGuardInterfaceRecreated: the interface goes and comes back with the
// same name.
func TestLANGuardInterfaceRecreated(t *testing.T) {
	n := newLAN(t)
	g := n.install(t)
	n.directorEnd.Recreate(nil)
	n.forwardTo(vip, vip6, other, other6)
	n.do(t, func() error { _, err := g.Repair(); return err })
	n.clear()
	n.send(t, n.datagram(t, vip, 0, 80))
	n.settle(t)
	if mentions(n.atServer, vip) != 0 {
		t.Errorf("after Repair, the kernel sees the VIP's frames: %v", n.atServer.Frames())
	}
	n.install(t)
	n.send(t, n.datagram(t, vip, 0, 80))
	n.settle(t)
	if mentions(n.atServer, vip) != 0 {
		t.Error("after Install, the kernel sees the VIP's frames")
	}
}

func TestLANGuardErrors(t *testing.T) {
	n := newLAN(t)
	n.do(t, func() error {
		_, err := guard.Install(guard.Config{Interface: "eth9", VIPs: vips})
		if err == nil || !strings.Contains(err.Error(), "guard: interface eth9") {
			t.Errorf("unknown interface: %v", err)
		}
		return guard.Remove("eth9")
	})
	if tables := n.tables(t); len(tables) != 0 {
		t.Errorf("tables %v", tables)
	}
}

func TestLANGuardManyVIPs(t *testing.T) {
	n := newLAN(t)
	g := n.install(t)
	var many []netip.Addr
	addr, addr6 := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("2001:db8:1::1")
	for range 10_000 {
		many = append(many, addr, addr6)
		addr, addr6 = addr.Next(), addr6.Next()
	}
	n.do(t, func() error { return g.Update(many) })
	n.do(t, func() error {
		if repaired, err := g.Repair(); repaired || err != nil {
			return errors.Join(err, errors.New("20,000 VIPs are not found again"))
		}
		return nil
	})
}

// TestLANInspect makes each mistake once on a real kernel.
func TestLANInspect(t *testing.T) {
	n := newLAN(t)
	name, watched := n.directorEnd.Name(), slices.Clone(vips)
	look := func() string {
		t.Helper()
		var lines []string
		n.do(t, func() error {
			w := &guard.Watcher{Interface: name, VIPs: func() []netip.Addr { return watched }}
			for _, f := range w.Look() {
				if f.Severity != guard.OK {
					lines = append(lines, f.Severity.String()+" "+f.String())
				}
			}
			return nil
		})
		return strings.Join(lines, "\n")
	}
	want := func(texts ...string) {
		t.Helper()
		got := look()
		if len(texts) == 0 && got != "" {
			t.Errorf("a quiet host: %s", got)
		}
		for _, text := range texts {
			if !strings.Contains(got, text) {
				t.Errorf("found\n%s\nwant %q", got, text)
			}
		}
	}
	want("refuse the kernel forwards IPv4 from "+name, "refuse the kernel forwards IPv6 from "+name)
	n.director.SetSysctl("net.ipv4.ip_forward", "0")
	n.director.SetSysctl("net.ipv6.conf.all.forwarding", "0")
	want()
	n.director.SetSysctl("net.ipv4.conf."+name+".forwarding", "1")
	want("sysctl -w net.ipv4.conf." + name + ".forwarding=0")
	n.director.SetSysctl("net.ipv4.conf.all.proxy_arp", "1")
	want("alarm proxy_arp is on for all")
	n.director.SetSysctl("net.ipv4.conf.all.proxy_arp", "0")
	n.director.SetSysctl("net.ipv4.conf."+name+".forwarding", "0")
	for _, vip := range []string{"192.0.2.10/32", "192.0.2.10/24", "2001:db8::10/64"} {
		p := netip.MustParsePrefix(vip)
		n.directorEnd.AddAddr(p)
		want("refuse the VIP "+p.Addr().String()+" is an address of this host, on "+name, "ip addr del "+vip+" dev "+name)
		n.directorEnd.DeleteAddr(p)
	}
	want()
	own, own6 := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")
	watched = append(watched, own, own6)
	want("refuse the VIP "+own.String()+" is the own address of this host, on "+name,
		"ip addr show dev "+name+"  # give the service another VIP", "refuse the VIP "+own6.String()+" is the own address")
}

// TestLANCovers: another program can tell which VIPs the guard keeps the kernel
// away from.
func TestLANCovers(t *testing.T) {
	n := newLAN(t)
	covers := func(want bool, addrs ...netip.Addr) {
		t.Helper()
		n.do(t, func() error {
			got, err := guard.Covers(n.directorEnd.Name(), addrs)
			if got != want {
				t.Errorf("Covers(%v) = %v", addrs, got)
			}
			return err
		})
	}
	covers(false, vip)
	g := n.install(t)
	covers(true, vip)
	covers(true, vip6, vip)
	covers(false, vip, other)
	covers(false, other6)
	n.do(t, g.Remove)
	covers(false, vip)
	if _, err := guard.Covers(n.directorEnd.Name(), []netip.Addr{{}}); err == nil {
		t.Error("an address that is none was taken")
	}
}
