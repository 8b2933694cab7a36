package realserver_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lvsdr/realserver"
)

// TestLANTypedByHand: recipes that people type pass check, and those that lack
// something do not.
func TestLANTypedByHand(t *testing.T) {
	const in, out = "arptables -A INPUT -d 192.0.2.10 -j DROP", "arptables -A OUTPUT -s 192.0.2.10 -j mangle --mangle-ip-s 192.0.2.21"
	const lo = "ip addr add 192.0.2.10/32 dev lo"
	web := []realserver.Service{{Protocol: "tcp", First: 80, Last: 80}}
	for _, test := range []struct {
		name     string
		method   string
		services []realserver.Service
		lines    []string
		healthy  bool
	}{
		{"sysctl", realserver.MethodSysctl, nil, []string{
			"sysctl -w net.ipv4.conf.all.arp_ignore=1", "sysctl -w net.ipv4.conf.all.arp_announce=2", lo,
		}, true},
		{"sysctl without arp_announce", realserver.MethodSysctl, nil, []string{"sysctl -w net.ipv4.conf.all.arp_ignore=1", lo}, false},
		{"iptables", realserver.MethodRedirect, nil, []string{"iptables -t nat -A PREROUTING -d 192.0.2.10 -j REDIRECT"}, true},
		{"iptables for a port", realserver.MethodRedirect, web, []string{
			"iptables -t nat -A PREROUTING -p tcp -d 192.0.2.10 --dport 80 -j REDIRECT",
		}, true},
		{"iptables for another port", realserver.MethodRedirect, web, []string{
			"iptables -t nat -A PREROUTING -p tcp -d 192.0.2.10 --dport 8080 -j REDIRECT",
		}, false},
		{"iptables to another port", realserver.MethodRedirect, web, []string{
			"iptables -t nat -A PREROUTING -p tcp -d 192.0.2.10 --dport 80 -j REDIRECT --to-ports 8080",
		}, false},
		{"iptables for a port, but the VIP is wanted", realserver.MethodRedirect, nil, []string{
			"iptables -t nat -A PREROUTING -p tcp -d 192.0.2.10 --dport 80 -j REDIRECT",
		}, false},
		{"iptables after an exception", realserver.MethodRedirect, nil, []string{
			"iptables -t nat -A PREROUTING -d 192.0.2.0/24 -j ACCEPT", "iptables -t nat -A PREROUTING -d 192.0.2.10 -j REDIRECT",
		}, false},
		{"nft of family inet", realserver.MethodRedirect, web, []string{
			"nft 'table inet x { chain c { type nat hook prerouting priority -100; ip daddr 192.0.2.0/28 tcp dport 1-1023 redirect; }; }'",
		}, true},
		{"nft of family inet for IPv6", realserver.MethodRedirect, web, []string{
			"nft 'table inet x { chain c { type nat hook prerouting priority -100; meta nfproto ipv6 tcp dport 80 redirect; }; }'",
		}, false},
		{"arptables", realserver.MethodARPTables, nil, []string{in, out, "ip addr add 192.0.2.10/32 dev eth0"}, true},
		{"arptables, nft", realserver.MethodARPTables, nil, []string{
			"nft 'table arp x { chain i { type filter hook input priority 0; arp daddr ip 192.0.2.10 drop; }; }'",
			"nft 'table arp x { chain o { type filter hook output priority 0; arp saddr ip 192.0.2.10 arp saddr ip set 192.0.2.21; }; }'", lo,
		}, true},
		{"arptables without the rule for output", realserver.MethodARPTables, nil, []string{in, lo}, false},
		{"arptables without the rule for input", realserver.MethodARPTables, nil, []string{out, lo}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newLAN(t)
			n.serve(t)
			n.options.Method, n.options.Services, n.options.VIPs = test.method, test.services, []netip.Addr{vip}
			script := strings.Join(slices.Insert(slices.Clone(test.lines), 0, "set -e"), "\n")
			if err := n.server.Command(t.Context(), "sh", "-c", script).Run(); err != nil {
				t.Fatal(err)
			}
			n.do(t, func() error {
				findings, err := realserver.Check(n.options, realserver.LinuxHost{})
				if err != nil || realserver.Healthy(findings) != test.healthy {
					t.Errorf("Check: %v, %+v", err, findings)
				}
				return nil
			})
		})
	}
}
