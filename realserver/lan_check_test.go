package realserver_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/realserver"
)

var (
	vipB   = netip.MustParseAddr("192.0.2.11")
	router = netip.MustParseAddr("192.0.2.1") // the client, which could be one
	remote = netip.MustParseAddr("198.51.100.7")
	web    = []realserver.Service{{Protocol: "tcp", First: 80, Last: 80}}
)

// misconfiguration is one that check knows, made on a real server that was fine.
type misconfiguration struct {
	name   string
	adjust func(*realserver.Options) // before it is applied; the VIP is 192.0.2.10
	asked  func(*realserver.Options) // for check alone
	lines  []string                  // what is done wrong, for sh
	wrong  []string                  // the names of what is wrong then
	remedy string                    // in the first one's remedy
	mend   func(*testing.T, *lan)    // what no remedy can do, such as to start a service
}

const (
	otherDefault = "ip link add eth9 type veth peer name peer9 && ip link set peer9 up && ip link set eth9 up && " +
		"ip addr add 198.51.100.1/24 dev eth9 && ip route add default via 198.51.100.2"
	defaultRoute = "ip route add default via 192.0.2.1"
)

func with(method string, vips ...netip.Addr) func(*realserver.Options) {
	return func(o *realserver.Options) { o.Method, o.VIPs = method, vips }
}

func only6(o *realserver.Options) { o.VIPs = []netip.Addr{vip6} }

func clients(addrs ...netip.Addr) func(*realserver.Options) {
	return func(o *realserver.Options) { o.Clients = addrs }
}

func services(o *realserver.Options) { o.Services = web }

var misconfigurations = []misconfiguration{
	{name: "lo down", lines: []string{"ip link set lo down"}, wrong: []string{realserver.NameLoopback}, remedy: "ip link set lo up"},
	{
		name: "VIP missing", lines: []string{"ip addr del 192.0.2.10/32 dev lo"},
		wrong: []string{realserver.NameVIPMissing}, remedy: "director realserver apply --vip 192.0.2.10",
	},
	{
		name: "VIP missing, arptables", adjust: with(realserver.MethodARPTables, vip), lines: []string{"ip addr del 192.0.2.10/32 dev lo"},
		wrong: []string{realserver.NameVIPMissing}, remedy: "director realserver apply --method arptables --vip 192.0.2.10",
	},
	{
		name: "IPv6 VIP missing", adjust: only6, lines: []string{"ip -6 addr del 2001:db8::10/128 dev lo"},
		wrong: []string{realserver.NameVIPMissing}, remedy: "director realserver apply --vip 2001:db8::10",
	},
	{
		name: "VIP on the LAN interface too", lines: []string{"ip addr add 192.0.2.10/24 dev eth0"},
		wrong: []string{realserver.NameVIPInterface}, remedy: "ip addr del 192.0.2.10/24 dev eth0",
	},
	{
		name: "IPv6 VIP on the LAN interface too", adjust: only6, lines: []string{"ip -6 addr add 2001:db8::10/64 dev eth0 nodad"},
		wrong: []string{realserver.NameVIPInterface}, remedy: "ip addr del 2001:db8::10/64 dev eth0",
	},
	{
		name: "VIP on an interface that is down", adjust: with(realserver.MethodARPTables, vip),
		lines: []string{"ip addr del 192.0.2.10/32 dev lo", "ip link add eth9 type veth peer name peer9", "ip addr add 192.0.2.10/32 dev eth9"},
		wrong: []string{realserver.NameVIPInterface}, remedy: "ip link set eth9 up",
	},
	{
		name: "the whole subnet on lo", lines: []string{"ip addr add 192.0.2.10/24 dev lo"},
		wrong: []string{realserver.NameVIPPrefix}, remedy: "ip addr del 192.0.2.10/24 dev lo",
	},
	{
		name: "the whole IPv6 subnet on lo", adjust: only6, lines: []string{"ip -6 addr del 2001:db8::10/128 dev lo", "ip -6 addr add 2001:db8::10/64 dev lo"},
		wrong: []string{realserver.NameVIPPrefix, realserver.NameVIPMissing}, remedy: "ip addr del 2001:db8::10/64 dev lo",
	},
	{
		name: "scope global", lines: []string{"ip addr del 192.0.2.10/32 dev lo", "ip addr add 192.0.2.10/32 dev lo"},
		wrong: []string{realserver.NameVIPScope}, remedy: "ip addr del 192.0.2.10/32 dev lo && director realserver apply",
	},
	{
		name: "arp_ignore", lines: []string{"sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.eth0.arp_ignore=0"},
		wrong: []string{realserver.NameARPIgnore}, remedy: "sysctl -w net.ipv4.conf.all.arp_ignore=3",
	},
	{
		name: "arp_announce", lines: []string{"sysctl -w net.ipv4.conf.all.arp_announce=0 net.ipv4.conf.eth0.arp_announce=1"},
		wrong: []string{realserver.NameARPAnnounce}, remedy: "sysctl -w net.ipv4.conf.all.arp_announce=2",
	},
	{
		name: "proxy_arp", lines: []string{"sysctl -w net.ipv4.conf.eth0.proxy_arp=1"},
		wrong: []string{realserver.NameProxyARP}, remedy: "sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
	},
	{
		name: "proxy_arp_pvlan", adjust: with(realserver.MethodRedirect, vip), lines: []string{"sysctl -w net.ipv4.conf.eth0.proxy_arp_pvlan=1"},
		wrong: []string{realserver.NameProxyPVLAN}, remedy: "sysctl -w net.ipv4.conf.eth0.proxy_arp_pvlan=0",
	},
	{
		name: "proxy neighbour", lines: []string{"ip neigh add proxy 192.0.2.10 dev eth0"},
		wrong: []string{realserver.NameProxyNeighbor}, remedy: "ip neigh del proxy 192.0.2.10 dev eth0",
	},
	{
		name: "IPv6 proxy neighbour", adjust: only6, lines: []string{"ip -6 neigh add proxy 2001:db8::10 dev eth0"},
		wrong: []string{realserver.NameProxyNeighbor}, remedy: "ip -6 neigh del proxy 2001:db8::10 dev eth0",
	},
	{
		name: "strict rp_filter", lines: []string{otherDefault, "sysctl -w net.ipv4.conf.all.rp_filter=1"},
		wrong: []string{realserver.NameReversePath}, remedy: "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
	},
	{
		name: "strict rp_filter, redirect", adjust: with(realserver.MethodRedirect, vip),
		lines: []string{otherDefault, "sysctl -w net.ipv4.conf.eth0.rp_filter=1"},
		wrong: []string{realserver.NameReversePath}, remedy: "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
	},
	{
		name: "strict rp_filter and a rule", asked: clients(remote),
		lines: []string{
			defaultRoute, "ip link add eth9 type veth peer name peer9", "ip link set peer9 up", "ip link set eth9 up", "ip route add default dev eth9 table 77",
			"ip rule add from 192.0.2.10 lookup 77 pref 1077", "sysctl -w net.ipv4.conf.all.rp_filter=1",
		},
		wrong: []string{realserver.NameReversePath}, remedy: "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
	},
	{
		name: "a client with an address of the host", adjust: with("", vip, vipB), asked: clients(vipB),
		wrong: []string{realserver.NameAcceptLocal}, remedy: "sysctl -w net.ipv4.conf.eth0.accept_local=1",
	},
	{
		name: "the same with strict rp_filter", adjust: with("", vip, vipB), asked: clients(vipB),
		lines: []string{"sysctl -w net.ipv4.conf.all.rp_filter=1"},
		wrong: []string{realserver.NameAcceptLocal}, remedy: "&& sysctl -w net.ipv4.conf.eth0.rp_filter=2",
	},
	{
		name: "no route to the client", asked: clients(remote),
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip route add default via ROUTER",
	},
	{
		name: "no route to the client, loose rp_filter", asked: clients(remote), lines: []string{"sysctl -w net.ipv4.conf.all.rp_filter=2"},
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip route add default via ROUTER",
	},
	{
		name: "no IPv6 route to the client", adjust: only6, asked: clients(netip.MustParseAddr("2001:db8:ffff::7")),
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip -6 route add default via ROUTER",
	},
	{
		name: "blackhole", asked: clients(remote), lines: []string{defaultRoute, "ip route add blackhole 198.51.100.0/24"},
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip route del blackhole 198.51.100.0/24 table 254",
	},
	{
		name: "IPv6 unreachable", adjust: only6, asked: clients(netip.MustParseAddr("2001:db8:ffff::7")),
		lines: []string{"ip -6 route add default via 2001:db8::1", "ip -6 route add unreachable 2001:db8:ffff::/48"},
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip -6 route del unreachable 2001:db8:ffff::/48 table 254",
	},
	{
		name: "a rule for the VIP", asked: clients(remote),
		lines: []string{defaultRoute, "ip route add prohibit default table 77", "ip rule add from 192.0.2.10 lookup 77 pref 1077"},
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip rule del pref 1077",
	},
	{
		name: "back through the director", asked: func(o *realserver.Options) { o.Directors = []netip.Addr{netip.MustParseAddr("192.0.2.5")} },
		lines: []string{"ip route add default via 192.0.2.5"},
		wrong: []string{realserver.NameReplyRoute}, remedy: "ip route replace default via ROUTER",
	},
	{
		name: "an MTU too small for IPv6", adjust: only6, lines: []string{"ip link set eth0 mtu 1200"},
		wrong: []string{realserver.NameMTU}, remedy: "ip link set eth0 mtu 1500",
	},
	{
		name: "IPv6 disabled", adjust: only6, lines: []string{"sysctl -w net.ipv6.conf.eth0.disable_ipv6=1"},
		wrong: []string{realserver.NameIPv6Disabled}, remedy: "sysctl -w net.ipv6.conf.eth0.disable_ipv6=0",
	},
	{
		name: "nothing listens", asked: services, wrong: []string{realserver.NameListener}, remedy: "192.0.2.10 or 0.0.0.0",
		mend: func(t *testing.T, n *lan) { n.serveOn(t, "192.0.2.10:80") },
	},
	{
		name: "no table", adjust: with(realserver.MethodRedirect, vip), lines: []string{"nft delete table ip lvsdr_realserver_192.0.2.10"},
		wrong: []string{realserver.NameTable}, remedy: "director realserver apply --method redirect --vip 192.0.2.10",
	},
	{
		name: "an empty table", adjust: with(realserver.MethodARPTables, vip), lines: []string{"nft flush table arp lvsdr_realserver_192.0.2.10"},
		wrong: []string{realserver.NameTable}, remedy: "nft delete table arp lvsdr_realserver_192.0.2.10 && director",
	},
	{
		name: "an address, with redirect", adjust: with(realserver.MethodRedirect, vip), lines: []string{"ip addr add 192.0.2.10/32 dev lo"},
		wrong: []string{realserver.NameVIPAddress}, remedy: "ip addr del 192.0.2.10/32 dev lo",
	},
	{
		name:   "nothing to redirect to",
		adjust: func(o *realserver.Options) { with(realserver.MethodRedirect, vip)(o); o.Interfaces = []string{"eth0"} },
		lines:  []string{"ip addr del 192.0.2.21/24 dev eth0"},
		wrong:  []string{realserver.NameRedirectAddress}, remedy: "ip addr add ADDRESS/PREFIX dev eth0",
	},
	{
		name: "a firewall", lines: []string{"nft 'table inet f { chain i { type filter hook input priority 0; ip daddr 192.0.2.10 drop; }; }'"},
		wrong: []string{realserver.NameFirewall}, remedy: "nft insert rule inet f i ip daddr 192.0.2.10 accept",
	},
	{
		name: "a firewall of iptables", asked: services, lines: []string{"iptables -A INPUT -p tcp --dport 22 -j ACCEPT", "iptables -P INPUT DROP"},
		wrong:  []string{realserver.NameListener, realserver.NameFirewall},
		remedy: "nft insert rule ip filter INPUT ip daddr 192.0.2.10 tcp dport 80 accept",
		mend:   func(t *testing.T, n *lan) { n.serve(t) },
	},
	{
		name: "a firewall for the IPv6 VIP", adjust: only6, lines: []string{"ip6tables -A INPUT -d 2001:db8::10 -j REJECT"},
		wrong: []string{realserver.NameFirewall}, remedy: "nft insert rule ip6 filter INPUT ip6 daddr 2001:db8::10 accept",
	},
	{
		name: "a firewall at the interface", lines: []string{
			"nft 'table netdev f { chain i { type filter hook ingress device eth0 priority 0; ip daddr 192.0.2.10 drop; }; }'",
		},
		wrong: []string{realserver.NameFirewall}, remedy: "nft insert rule netdev f i ip daddr 192.0.2.10 accept",
	},
	{
		name: "a firewall after redirect", adjust: with(realserver.MethodRedirect, vip),
		lines: []string{"nft 'table inet f { chain i { type filter hook input priority 0; ip daddr 192.0.2.21 drop; }; }'"},
		wrong: []string{realserver.NameFirewall}, remedy: "nft insert rule inet f i ip daddr 192.0.2.21 accept",
	},
	{
		name: "a firewall for replies", lines: []string{"nft 'table inet f { chain o { type filter hook output priority 0; policy drop; }; }'"},
		wrong: []string{realserver.NameFirewallReply}, remedy: "nft insert rule inet f o ip saddr 192.0.2.10 accept",
	},
	{
		name: "a firewall for ARP", lines: []string{"nft 'table arp f { chain i { type filter hook input priority 0; policy drop; }; }'"},
		wrong: []string{realserver.NameFirewallARP}, remedy: "nft insert rule arp f i arp daddr ip 192.0.2.21 accept",
	},
}

// TestLANMisconfigured makes each misconfiguration, wants it found by its name,
// types the remedies and wants check to pass.
func TestLANMisconfigured(t *testing.T) {
	for _, test := range misconfigurations {
		t.Run(test.name, func(t *testing.T) {
			n := newLAN(t)
			n.options.VIPs = []netip.Addr{vip}
			if test.adjust != nil {
				test.adjust(&n.options)
			}
			n.apply(t)
			n.wantHealthy(t, "applied")
			n.sh(t, test.lines...)
			if test.asked != nil {
				test.asked(&n.options)
			}
			wrong := n.wrong(t)
			if got := namesOf(wrong); !slices.Equal(got, test.wrong) {
				t.Fatalf("found %q, want %q: %+v", got, test.wrong, wrong)
			}
			if !slices.ContainsFunc(wrong, func(f realserver.Finding) bool { return strings.Contains(f.Remedy, test.remedy) }) {
				t.Errorf("no remedy with %q: %+v", test.remedy, wrong)
			}
			n.mend(t, test, wrong)
			n.wantHealthy(t, "mended")
		})
	}
}

// mend types the remedies until nothing is wrong: what one leaves behind, another
// mends.
func (n *lan) mend(t *testing.T, test misconfiguration, wrong []realserver.Finding) {
	t.Helper()
	if test.mend != nil {
		test.mend(t, n)
	}
	for round := 0; len(wrong) > 0 && round < 3; round++ {
		for _, f := range wrong {
			n.sh(t, n.typed(t, f))
		}
		wrong = n.wrong(t)
	}
}

// typed fills in what a remedy leaves to who reads it, and has a program called
// director.
func (n *lan) typed(t *testing.T, f realserver.Finding) string {
	t.Helper()
	gateway := router.String()
	if f.VIP.Is6() {
		gateway = "2001:db8::1"
	}
	line := strings.NewReplacer("ROUTER", gateway, "ADDRESS/PREFIX", "192.0.2.21/24").Replace(f.Remedy)
	return fmt.Sprintf("director() { DIRECTOR_ARGS=\"$*\" DIRECTOR_STATE=%q %q -test.run='^TestDirectorInChild$'; }\n%s",
		n.options.StateDir, os.Args[0], line)
}

// TestDirectorInChild is the director that remedies run.
func TestDirectorInChild(t *testing.T) {
	text, ok := os.LookupEnv("DIRECTOR_ARGS")
	if !ok {
		return // not a child
	}
	o := realserver.Options{StateDir: os.Getenv("DIRECTOR_STATE")}
	args := strings.Fields(text)
	if len(args) < 2 || args[0] != "realserver" || args[1] != "apply" {
		t.Fatalf("director %s: not a remedy", text)
	}
	for i := 2; i+1 < len(args); i += 2 {
		switch args[i] {
		case "--vip":
			o.VIPs = append(o.VIPs, netip.MustParseAddr(args[i+1]))
		case "--method":
			o.Method = args[i+1]
		default:
			t.Fatalf("director %s: flag %s", text, args[i])
		}
	}
	if _, err := realserver.Apply(o, realserver.LinuxHost{}); err != nil {
		t.Fatal(err)
	}
}

// sh runs lines on the server.
func (n *lan) sh(t *testing.T, lines ...string) {
	t.Helper()
	script := strings.Join(slices.Insert(slices.Clone(lines), 0, "set -e"), "\n")
	cmd := n.server.Command(t.Context(), "sh", "-c", script)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, cmd.Output())
	}
}

func (n *lan) check(t *testing.T) (findings []realserver.Finding) {
	t.Helper()
	n.do(t, func() (err error) {
		findings, err = realserver.Check(n.options, realserver.LinuxHost{})
		return err
	})
	return findings
}

func (n *lan) wrong(t *testing.T) []realserver.Finding {
	t.Helper()
	return slices.DeleteFunc(n.check(t), func(f realserver.Finding) bool { return f.OK })
}

func namesOf(findings []realserver.Finding) []string {
	var names []string
	for _, f := range findings {
		names = append(names, f.Name)
	}
	return names
}

// TestLANFirewalls tries rules on a packet as check does, and on a real one: where
// check is sure, the kernel does what it says.
func TestLANFirewalls(t *testing.T) {
	const (
		chain           = "type filter hook input priority 0; "
		reversePathRule = "table inet f { chain p { type filter hook prerouting priority -300; fib saddr . iif oif missing drop; }; }"
	)
	for _, test := range []struct {
		name  string
		rules string // of nft, or a line for sh
		want  string // the verdict on the firewall
		from  []netip.Addr
	}{
		{"an anonymous set", "table inet f { chain i { " + chain + "policy drop; tcp dport { 22, 80, 443 } accept; }; }", "ok", nil},
		{"another", "table inet f { chain i { " + chain + "policy drop; tcp dport { 22, 443 } accept; }; }", "wrong", nil},
		{"a set of ranges", "table inet f { set s { type inet_service; flags interval; elements = { 22, 70-90, 8000-9000 }; }; chain i { " + chain + "policy drop; tcp dport @s accept; }; }", "ok", nil},
		{"another set of ranges", "table inet f { set s { type inet_service; flags interval; elements = { 22, 81-90 }; }; chain i { " + chain + "policy drop; tcp dport @s accept; }; }", "wrong", nil},
		{"a set of networks", "table inet f { set s { type ipv4_addr; flags interval; elements = { 192.0.2.0/28, 10.0.0.0/8 }; }; chain i { " + chain + "ip daddr @s drop; }; }", "wrong", nil},
		{"a concatenation", "table inet f { chain i { " + chain + "policy drop; ip daddr . tcp dport { 192.0.2.10 . 80 } accept; }; }", "ok", nil},
		{"a concatenation of ranges", "table inet f { chain i { " + chain + "policy drop; ip daddr . tcp dport { 192.0.2.0/24 . 70-90 } accept; }; }", "ok", nil},
		{"another concatenation of ranges", "table inet f { chain i { " + chain + "policy drop; ip daddr . tcp dport { 192.0.2.0/24 . 81-90 } accept; }; }", "wrong", nil},
		{"a verdict map", "table inet f { chain web { drop; }; chain i { " + chain + "tcp dport vmap { 22 : accept, 80 : jump web }; }; }", "wrong", nil},
		{"an interface in a verdict map", "table inet f { chain i { " + chain + "policy drop; iifname vmap { lo : accept, eth0 : accept }; }; }", "ok", nil},
		{"a wildcard", `table inet f { chain i { ` + chain + `policy drop; iifname "eth*" accept; }; }`, "ok", nil},
		{"an interface index", "table inet f { chain i { " + chain + "policy drop; iif lo accept; }; }", "wrong", nil},
		{"another interface", `table inet f { chain i { ` + chain + `iifname != "eth0" drop; }; }`, "ok", nil},
		{"connection states", "table inet f { chain i { " + chain + "policy drop; ct state established,related accept; ct state invalid drop; ct state new tcp dport 80 accept; }; }", "ok", nil},
		{"states in a verdict map", "table inet f { chain i { " + chain + "policy drop; ct state vmap { established : accept, invalid : drop }; }; }", "wrong", nil},
		{"a chain that returns", "table inet f { chain a { tcp dport 80 return; drop; }; chain i { " + chain + "jump a; }; }", "ok", nil},
		{"goto", "table inet f { chain a { tcp dport 81 accept; }; chain i { " + chain + "policy drop; goto a; accept; }; }", "wrong", nil},
		{"reject", "table inet f { chain i { " + chain + "tcp dport 80 reject; }; }", "wrong", nil},
		{"a local address", "table inet f { chain i { " + chain + "policy drop; fib daddr type local tcp dport 80 accept; }; }", "ok", nil},
		{"dormant", "table inet f { flags dormant; chain i { " + chain + "policy drop; }; }", "ok", nil},
		{"a mark set on the way", "table inet f { chain p { type filter hook prerouting priority -150; tcp dport 80 meta mark set 0x7; }; chain i { " + chain + "policy drop; meta mark 7 accept; }; }", "ok", nil},
		{"family ip6 only", "table ip6 f { chain i { " + chain + "policy drop; }; }", "ok", nil},
		{"a limit", "table inet f { chain i { " + chain + "policy drop; tcp dport 80 limit rate 10/second accept; }; }", "note", nil},
		{"some client", "table inet f { chain i { " + chain + "ip saddr 203.0.113.9 drop; }; }", "note", nil},
		{"multiport", "iptables -A INPUT -p tcp -m multiport --dports 22,80:90 -j ACCEPT; iptables -P INPUT DROP", "ok", nil},
		{"multiport of others", "iptables -A INPUT -p tcp -m multiport --dports 22,81:90 -j ACCEPT; iptables -P INPUT DROP", "wrong", nil},
		{"conntrack and a chain of iptables", "iptables -N W; iptables -A W -p tcp -m comment --comment web --dport 80 -j ACCEPT; " +
			"iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; iptables -A INPUT -i eth+ -m conntrack --ctstate NEW -j W; iptables -P INPUT DROP", "ok", nil},
		{"TCP flags", "iptables -A INPUT -p tcp --syn --dport 80 -j REJECT", "wrong", nil},
		{"not from here", "iptables -A INPUT ! -i lo -p tcp --dport 80 -j DROP", "wrong", nil},
		{"addrtype", "iptables -A INPUT -m addrtype ! --dst-type LOCAL -j DROP", "ok", nil},
		{"the reverse path in nft", reversePathRule, "ok", []netip.Addr{router}},
		{"another reverse path in nft", "ip route add 192.0.2.1/32 dev lo; nft '" + reversePathRule + "'", "wrong", []netip.Addr{router}},
		{"the reverse path of anybody", reversePathRule, "note", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newLAN(t)
			n.options.VIPs = []netip.Addr{vip}
			n.serve(t)
			n.apply(t)
			n.options.Services, n.options.Clients = web, test.from
			line := test.rules
			if strings.HasPrefix(line, "table") {
				line = "nft '" + line + "'"
			}
			n.sh(t, line)
			for _, f := range n.check(t) {
				if f.Name == realserver.NameFirewall && f.Verdict() != test.want {
					t.Errorf("found %+v, want %s", f, test.want)
				}
			}
			if test.want != "note" {
				n.wantConnected(t, test.want == "ok")
			}
		})
	}
}

// wantConnected says whether the VIP is to be reached, by the server's MAC.
func (n *lan) wantConnected(t *testing.T, want bool) {
	t.Helper()
	patience := dialTimeout
	if !want {
		patience = 300 * time.Millisecond // what is dropped never comes
	}
	n.client.SetNeighbor(n.clientEnd.Name(), vip, n.serverEnd.MAC())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := n.client.Dial(ctx, "tcp", netip.AddrPortFrom(vip, 80).String())
	if err == nil {
		conn.Close()
	}
	if (err == nil) != want {
		t.Errorf("the kernel says otherwise: %v", err)
	}
}

// TestLANListeners has a service where it is served, and where it is not.
func TestLANListeners(t *testing.T) {
	for _, test := range []struct {
		name, method, network, address string
		vip                            netip.Addr
		served                         bool
	}{
		{"any", "", "tcp4", "0.0.0.0:80", vip, true},
		{"any of both families", "", "tcp", "[::]:80", vip, true},
		{"any of IPv6", "", "tcp6", "[::]:80", vip, false},
		{"any of IPv6 for IPv6", "", "tcp6", "[::]:80", vip6, true},
		{"the VIP", "", "tcp", "192.0.2.10:80", vip, true},
		{"the server's own", "", "tcp", "192.0.2.21:80", vip, false},
		{"redirected to any", realserver.MethodRedirect, "tcp4", "0.0.0.0:80", vip, true},
		{"redirected to the server's own", realserver.MethodRedirect, "tcp", "192.0.2.21:80", vip, true},
		{"redirected, on loopback", realserver.MethodRedirect, "tcp", "127.0.0.1:80", vip, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newLAN(t)
			n.options.Method, n.options.VIPs = test.method, []netip.Addr{test.vip}
			n.apply(t)
			listener, err := n.server.Listen(test.network, test.address)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			n.options.Services = web
			var want []string
			if !test.served {
				want = []string{realserver.NameListener}
			}
			if wrong := n.wrong(t); !slices.Equal(namesOf(wrong), want) {
				t.Errorf("wrong: %+v, want %q", wrong, want)
			}
		})
	}
}

// TestLANNotes has what is worth a word and not wrong.
func TestLANNotes(t *testing.T) {
	for _, test := range []struct {
		name  string
		asked func(*realserver.Options)
		lines []string
		note  string
		why   string
	}{
		{"no default route", nil, nil, realserver.NameReplyRoute, "there is no default route"},
		{"a small MTU", nil, []string{"ip link set eth0 mtu 1400"}, realserver.NameMTU, "above 1400 bytes"},
		{"a small MTU of the route back", nil, []string{defaultRoute + " mtu 1400"}, realserver.NameMTU, "TCP keeps to it both ways"},
		{
			"a larger MTU back", nil,
			[]string{otherDefault, "ip link set eth9 mtu 9000"},
			realserver.NameMTU,
			"segments that are too large",
		},
		{
			"a rule that works", clients(remote),
			[]string{
				defaultRoute, "ip route add default via 192.0.2.9 table 77", "ip rule add from 192.0.2.10 lookup 77",
			},
			realserver.NameReplyRoute, "another way than the host's other packets",
		},
		{"accept_dad", only6, []string{"sysctl -w net.ipv6.conf.eth0.accept_dad=2"}, realserver.NameAcceptDAD, "turns IPv6 off"},
		{
			"a firewall that depends on the port", nil,
			[]string{"nft 'table inet f { chain i { type filter hook input priority 0; policy drop; tcp dport 80 accept; }; }'"},
			realserver.NameFirewall, "inet f i handle 2; say more with --service",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newLAN(t)
			n.options.VIPs = []netip.Addr{vip}
			n.apply(t)
			n.sh(t, test.lines...)
			if test.asked != nil {
				test.asked(&n.options)
				n.apply(t)
			}
			findings := n.check(t)
			if !realserver.Healthy(findings) || !slices.ContainsFunc(findings, func(f realserver.Finding) bool {
				return f.Name == test.note && f.Verdict() == "note" && strings.Contains(f.Why, test.why)
			}) {
				t.Errorf("no note %s with %q: %+v", test.note, test.why, findings)
			}
		})
	}
}
