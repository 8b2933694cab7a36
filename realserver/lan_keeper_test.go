package realserver_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"lvsdr/lab"
	"lvsdr/realserver"
)

// keeperLog is a log that can be waited on.
type keeperLog struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

func (l *keeperLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.b.Write(p)
}

// mark is the end of the log.
func (l *keeperLog) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Len()
}

// wait waits until all of the texts are in the log after the mark.
func (l *keeperLog) wait(t *testing.T, mark int, texts ...string) {
	t.Helper()
	deadline := time.After(mendTimeout)
	for _, text := range texts {
		for {
			l.mu.Lock()
			there, changed := strings.Contains(l.b.String()[mark:], text), l.changed
			l.mu.Unlock()
			if there {
				break
			}
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("no %q within %v in\n%s", text, mendTimeout, l.b.String()[mark:])
			}
		}
	}
}

// lanKeeper keeps the server, in this process.
type lanKeeper struct {
	*realserver.Keeper
	log   *keeperLog
	looks chan realserver.Report // the last one
	stop  func()
}

// mendTimeout is how long a test waits for what takes milliseconds on a machine
// that is not busy.
const mendTimeout = 10 * time.Second

// keep keeps the server until the test ends, or stop is called.
func (n *lan) keep(t *testing.T, undo bool) *lanKeeper {
	t.Helper()
	k := &lanKeeper{log: &keeperLog{changed: make(chan struct{})}, looks: make(chan realserver.Report, 1)}
	var err error
	k.Keeper, err = realserver.NewKeeper(realserver.KeeperConfig{
		Options: n.options, Host: realserver.LinuxHost{}, Interval: 100 * time.Millisecond, UndoOnExit: undo, Looked: k.looked,
		Log: slog.New(slog.NewTextHandler(k.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.server.Do(func() error { return k.Run(ctx) }) }()
	k.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(k.stop)
	select {
	case r := <-k.looks:
		if !r.Healthy {
			t.Fatalf("%v", r)
		}
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return k
}

func (k *lanKeeper) looked(r realserver.Report) {
	select {
	case <-k.looks:
	default:
	}
	k.looks <- r
}

// settle waits until a look has found the host in order.
func (k *lanKeeper) settle(t *testing.T) {
	t.Helper()
	deadline := time.After(mendTimeout)
	for {
		select {
		case r := <-k.looks:
			if r.Healthy {
				return
			}
		case <-deadline:
			t.Fatalf("%v", k.Report())
		}
	}
}

// lanDrift is something that happens to a real server, and what the Keeper says of it.
type lanDrift struct {
	line string // for a shell on the server
	want []string
}

var sysctlDrifts = []lanDrift{
	{"ip addr del 192.0.2.10/32 dev lo", []string{`setting="192.0.2.10/32 on lo" was=missing`}},
	{"ip -6 addr del 2001:db8::10/128 dev lo", []string{`setting="2001:db8::10/128 on lo" was=missing`}},
	{"ip addr flush dev lo scope host to 192.0.2.10 && ip -6 addr flush dev lo to 2001:db8::10", []string{`setting="192.0.2.10/32 on lo"`, `setting="2001:db8::10/128 on lo"`}},
	{"sysctl -qw net.ipv4.conf.all.arp_ignore=0", []string{"setting=net.ipv4.conf.all.arp_ignore was=0 now=3"}},
	{"sysctl -qw net.ipv4.conf.eth0.arp_announce=1", []string{"setting=net.ipv4.conf.eth0.arp_announce was=1 now=2"}},
	{
		"for s in arp_ignore arp_announce; do for i in all eth0; do sysctl -qw net.ipv4.conf.$i.$s=0; done; done",
		[]string{"setting=net.ipv4.conf.all.arp_ignore was=0", "setting=net.ipv4.conf.eth0.arp_announce was=0"},
	},
}

// TestLANKeeperMends: each drift is put back, as it was, within a second; at the
// end all is as it was before.
func TestLANKeeperMends(t *testing.T) {
	for method, drifts := range map[string][]lanDrift{
		realserver.MethodSysctl: sysctlDrifts,
		realserver.MethodRedirect: {
			{"nft flush ruleset", []string{`setting="nftables table ip lvsdr_realserver_192.0.2.10" was=missing`, `setting="nftables table ip6 `}},
			{"nft delete table ip lvsdr_realserver_192.0.2.10", []string{`setting="nftables table ip lvsdr_realserver_192.0.2.10" was=missing`}},
			{"nft flush chain ip lvsdr_realserver_192.0.2.10 prerouting", []string{`was="another table of that name"`}},
			{
				"nft insert rule ip lvsdr_realserver_192.0.2.10 prerouting ip daddr 192.0.2.10 tcp dport 80 accept",
				[]string{`was="another table of that name"`},
			},
		},
		realserver.MethodARPTables: {
			{"nft flush ruleset; ip addr del 192.0.2.10/32 dev lo", []string{`setting="nftables table arp `, `setting="192.0.2.10/32 on lo"`}},
			{"ip addr del 192.0.2.10/32 dev lo", []string{`setting="192.0.2.10/32 on lo"`}},
			{ // the server's own address changes, which is in the rules
				"ip addr del 192.0.2.21/24 dev eth0; ip addr add 192.0.2.22/24 brd + dev eth0",
				[]string{"arp saddr ip set 192.0.2.22"},
			},
			{"ip addr del 192.0.2.22/24 dev eth0; ip addr add 192.0.2.21/24 brd + dev eth0", []string{"arp saddr ip set 192.0.2.21"}},
		},
	} {
		t.Run(method, func(t *testing.T) {
			n := newLAN(t)
			n.options.Method = method
			before := n.state(t)
			k := n.keep(t, true)
			applied := n.state(t)
			for _, drift := range drifts {
				mark := k.log.mark()
				n.sh(t, drift.line)
				start := time.Now()
				k.log.wait(t, mark, append(drift.want, `put back"`)...)
				t.Logf("%s: put back after %v", drift.line, time.Since(start).Round(time.Millisecond))
				if !strings.Contains(drift.line, "192.0.2.22") {
					wantSameLines(t, drift.line, n.state(t), applied)
				}
				n.wantHealthy(t, drift.line)
			}
			k.stop()
			wantSame(t, "undone", n.state(t), before)
		})
	}
}

// wantSameLines is wantSame, whatever the order.
func wantSameLines(t *testing.T, when, got, want string) {
	t.Helper()
	wantSame(t, when, sortedLines(got), sortedLines(want))
}

// TestLANKeeperSteady: clients forget what they know by ARP all the time while
// one setting after the other is taken away, and none ever comes to the server
// past the director; the settings stand in for each other until they are put back.
func TestLANKeeperSteady(t *testing.T) {
	n := newSegment(t, realserver.MethodSysctl)
	n.serve(t)
	n.director.SetSysctl("net.ipv4.neigh."+n.directorEnd.Name()+".proxy_delay", "0")
	k := n.keep(t, false)
	for _, drift := range []lanDrift{sysctlDrifts[0], sysctlDrifts[3], sysctlDrifts[4]} {
		mark := k.log.mark()
		n.sh(t, drift.line)
		for range 10 { // in the midst of it
			for _, client := range []*lab.Host{n.client, n.client2} {
				n.wantDirector(t, client)
			}
		}
		k.log.wait(t, mark, drift.want...)
	}
	mark := k.log.mark()
	n.sh(t, sysctlDrifts[5].line)
	k.log.wait(t, mark, sysctlDrifts[5].want...)
	n.wantSteady(t)
}

// wantDirector says that a client that knows nothing asks the director, whether
// or not it is served.
func (n *segment) wantDirector(t *testing.T, client *lab.Host) {
	t.Helper()
	client.FlushNeighbors()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if conn, err := client.Dial(ctx, "tcp", netip.AddrPortFrom(vip, 80).String()); err == nil {
		conn.Close()
	}
	if got := client.Neighbor(vip); got != nil && !bytes.Equal(got, n.directorEnd.MAC()) {
		t.Fatalf("%s sends to %v, not to the director", client.Name(), got)
	}
}

// TestLANKeeperInterfaces: a LAN interface that comes gets its sysctls, goes with
// them, is made anew with the kernel's defaults and gets them again. Undo leaves
// those that are there as they were.
func TestLANKeeperInterfaces(t *testing.T) {
	n := newLAN(t)
	n.server.SetSysctl("net.ipv6.conf.eth0.keep_addr_on_down", "1")
	before := n.state(t)
	k := n.keep(t, true)
	for range 2 {
		mark := k.log.mark()
		n.sh(t, `ip link add name lan1 type veth peer name far1
			sysctl -qw net.ipv6.conf.lan1.disable_ipv6=0; ip link set lan1 up; ip link set far1 up; ip addr add 198.51.100.21/24 dev lan1`)
		k.log.wait(t, mark, "setting=net.ipv4.conf.lan1.arp_ignore was=0 now=3", "setting=net.ipv4.conf.lan1.arp_announce was=0 now=2")
		n.wantHealthy(t, "an interface came")
		n.sh(t, "ip link del lan1")
		k.settle(t)
	}
	n.sh(t, "ip link set eth0 down; ip link set eth0 up")
	k.settle(t)
	mark := k.log.mark()
	n.sh(t, "ip link set lo down")
	k.log.wait(t, mark, "lo is down")
	mark = k.log.mark()
	n.sh(t, "ip link set lo up") // IPv6 has lost its addresses
	k.log.wait(t, mark, `setting="2001:db8::10/128 on lo"`)
	k.settle(t)
	k.stop()
	wantSame(t, "undone", sortedLines(n.state(t)), sortedLines(before))
}

// TestLANKeeperFlood: routes that come and go all the time neither keep the Keeper
// busy nor from mending.
func TestLANKeeperFlood(t *testing.T) {
	n := newLAN(t)
	k := n.keep(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	flood.Go(func() {
		err := n.server.Do(func() error {
			link, err := netlink.LinkByName(n.serverEnd.Name())
			route := &netlink.Route{Dst: netlink.NewIPNet(netip.MustParseAddr("203.0.113.1").AsSlice())}
			for err == nil && ctx.Err() == nil {
				route.LinkIndex = link.Attrs().Index
				if err = netlink.RouteAdd(route); err == nil {
					err = netlink.RouteDel(route)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	defer flood.Wait()
	defer cancel()
	for range 3 {
		mark := k.log.mark()
		n.sh(t, "ip addr del 192.0.2.10/32 dev lo")
		start := time.Now()
		k.log.wait(t, mark, `setting="192.0.2.10/32 on lo"`)
		t.Logf("put back after %v", time.Since(start).Round(time.Millisecond))
	}
}

// TestLANKeeperLeaks: Keepers that come and go, and mend, leave no descriptors.
func TestLANKeeperLeaks(t *testing.T) {
	n := newLAN(t)
	count := 0
	for i := range 5 {
		k := n.keep(t, true)
		mark := k.log.mark()
		n.sh(t, "ip addr del 192.0.2.10/32 dev lo")
		k.log.wait(t, mark, `setting="192.0.2.10/32 on lo"`)
		k.stop()
		open := openFiles(t)
		if i == 0 {
			count = len(open)
		}
		if len(open) > count {
			t.Fatalf("%d files are open after %d keepers, %d after one: %v", len(open), i+1, count, open)
		}
	}
	if left, err := os.ReadDir(n.options.StateDir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// openFiles lists what this process has open.
func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, fmt.Sprintf("%s: %s", e.Name(), target))
		}
	}
	return open
}

// sortedLines puts lines in order.
func sortedLines(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}
