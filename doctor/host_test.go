package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"lvsdr/guard"
)

// healthyHost is one that does as a director's host should.
func healthyHost() hostFacts {
	return hostFacts{
		Facts:     guard.Facts{Interface: "eth0", VIPs: []netip.Addr{vip}},
		Redirects: true, // of no effect where nothing is forwarded
		Routes:    map[netip.Addr]string{vip: "eth0"},
	}
}

func TestInspectHost(t *testing.T) {
	local := guard.Local{VIP: vip, Prefix: netip.MustParsePrefix("192.0.2.10/24"), Interface: "eth0"}
	for name, c := range map[string]struct {
		change func(f *hostFacts)
		want   string // kinds and commands
	}{
		"healthy": {func(*hostFacts) {}, ""},
		"local":   {func(f *hostFacts) { f.Local = []guard.Local{local} }, "host-kernel: ip addr del 192.0.2.10/24 dev eth0"},
		"local, strict": {func(f *hostFacts) {
			f.Local, f.ReversePath, f.Routes[vip] = []guard.Local{local}, 1, "lo"
		}, "host-kernel: ip addr del 192.0.2.10/24 dev eth0"},
		"forwarding": {
			func(f *hostFacts) { f.Forwarding4, f.Redirects = []string{"eth0"}, false },
			"host-kernel: guard: on, or sysctl -w net.ipv4.ip_forward=0, or sysctl -w net.ipv4.conf.eth0.forwarding=0",
		},
		"forwarding, guarded": {func(f *hostFacts) { f.Forwarding4, f.Guarded = []string{"eth0"}, true }, ""},
		"forwarding on a VLAN, with redirects": {
			func(f *hostFacts) {
				f.Interface, f.Forwarding4, f.Routes[vip] = "eth0.10", []string{"eth0.10"}, "eth0.10"
			},
			"host-kernel: guard: on, or sysctl -w net.ipv4.ip_forward=0, or sysctl -w net/ipv4/conf/eth0.10/forwarding=0; " +
				"host-redirects: sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/eth0.10/send_redirects=0",
		},
		"proxy_arp": {
			func(f *hostFacts) {
				f.Forwarding4, f.Guarded, f.ProxyARP = []string{"eth0"}, true, []string{"eth0"}
			},
			"host-kernel: sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
		},
		"strict":                   {func(f *hostFacts) { f.ReversePath = 1 }, ""},
		"strict, another way back": {func(f *hostFacts) { f.ReversePath, f.Routes[vip] = 1, "eth1" }, "host-reverse-path: ip route add 192.0.2.10/32 dev eth0"},
		"loose, another way back":  {func(f *hostFacts) { f.ReversePath, f.Routes[vip] = 2, "eth1" }, ""},
		"loose, no way back":       {func(f *hostFacts) { f.ReversePath, f.Routes = 2, nil }, "host-reverse-path: ip route add 192.0.2.10/32 dev eth0"},
		"LRO":                      {func(f *hostFacts) { f.LRO = true }, "host-offload: ethtool -K eth0 lro off"},
		"bridge":                   {func(f *hostFacts) { f.Bridge = "br0" }, ""},
		"filter on other bridges":  {func(f *hostFacts) { f.BridgeCalls = []string{"bridge-nf-call-iptables"} }, ""},
		"filter on the bridge": {
			func(f *hostFacts) { f.Bridge, f.BridgeCalls = "br0", []string{"bridge-nf-call-iptables"} },
			"host-bridge: sysctl -w net.bridge.bridge-nf-call-iptables=0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthyHost()
			c.change(&f)
			var got []string
			for _, r := range inspectHost(f) {
				if r.Verdict == OK {
					continue
				}
				got = append(got, string(r.Kind)+": "+r.Command)
				if r.Why == "" || r.Host != "this host" {
					t.Errorf("lacks a reason or the host: %+v", r)
				}
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInspectBystander(t *testing.T) {
	f := healthyHost()
	f.Forwarding4, f.LRO = []string{"eth0"}, true // none of the director's business
	if got := told(inspectBystander(f)); got != "" {
		t.Errorf("told %q", got)
	}
	f.Local = []guard.Local{{VIP: vip, Prefix: netip.MustParsePrefix("192.0.2.10/24"), Interface: "eth0"}}
	if got := told(inspectBystander(f)); got != string(HostKernel) {
		t.Errorf("told %q", got)
	}
}
