package realserver

import (
	"net/netip"
	"strings"
	"testing"
)

// TestReservedVIPs: what is taken on the LAN is no VIP, with any method.
func TestReservedVIPs(t *testing.T) {
	for vip, want := range map[string]string{
		"192.0.2.255":     "the broadcast address of 192.0.2.0/24 on eth0",
		"192.0.2.0":       "the network address of 192.0.2.0/24 on eth0",
		"192.0.2.1":       "the default gateway, by eth0",
		"198.51.100.35":   "the broadcast address of 198.51.100.32/30 on eth1",
		"2001:db8::":      "the anycast address of the routers of 2001:db8::/64 on eth0",
		"2001:db8::1":     "the default gateway, by eth0",
		"192.0.2.254":     "",
		"198.51.100.200":  "",
		"203.0.113.8":     "", // of two addresses, both are hosts'
		"2001:db8::ffff":  "",
		"127.255.255.255": "a loopback address",
	} {
		for _, method := range []string{MethodSysctl, MethodARPTables, MethodRedirect} {
			h := twoLANs()
			h.Address = append(h.Address,
				Address{Interface: "eth1", Prefix: netip.MustParsePrefix("198.51.100.33/30")},
				Address{Interface: "eth1", Prefix: netip.MustParsePrefix("203.0.113.9/31")})
			for _, r := range []string{"0.0.0.0/0 192.0.2.1", "::/0 2001:db8::1"} {
				to, via, _ := strings.Cut(r, " ")
				h.Route = append(h.Route, MemoryRoute{netip.MustParsePrefix(to), Route{
					Type: RouteUnicast, Interface: "eth0", Gateway: netip.MustParseAddr(via),
				}})
			}
			before := h.Snapshot()
			o := options(t, netip.MustParseAddr(vip))
			o.Method = method
			_, err := Apply(o, h)
			switch {
			case want == "" && err != nil:
				t.Errorf("%s, %s: %v", vip, method, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), vip) || !strings.Contains(err.Error(), want)):
				t.Errorf("%s, %s: %v, want %q", vip, method, err, want)
			case want != "":
				wantSame(t, vip, h.Snapshot(), before)
			}
		}
	}
}
