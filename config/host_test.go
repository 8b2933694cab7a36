package config

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var host = Host{Interfaces: map[string]Interface{
	"lo":   {MTU: 65536, Loopback: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
	"eth0": {MTU: 1500, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64")}},
	"eth1": {MTU: 1500, Addrs: []netip.Prefix{netip.MustParsePrefix("198.51.100.2/31")}},
	"tiny": {MTU: 60},
}}

func TestCheckHost(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
	}{
		{"fits", "ingress: eth0\negress: eth1\nservices: [{address: '192.0.2.10:80', real_servers: [198.51.100.3]}]", ""},
		{
			"no such interface", "ingress: eth9\negress: eth1\n",
			`f.yaml:1:10: ingress: there is no interface "eth9"; this host has eth0, eth1, lo and tiny`,
		},
		{
			"same default for both", "ingress: lo\n",
			`f.yaml:1:10: ingress: "lo" is the loopback interface; name the one that is on the LAN`,
		},
		{
			"egress", "ingress: eth0\negress: tiny\n",
			`f.yaml:2:9: egress: "tiny" has an MTU of 60, too small for IPv4; give it one of at least 68`,
		},
		{
			"own addresses", "ingress: eth0\nservices:\n- address: [192.0.2.10:80, 192.0.2.1:80]\n- address: 198.51.100.2:80\n",
			"f.yaml:3:28: services[0].address[1]: 192.0.2.1 is an address of this host, on eth0; the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 192.0.2.1/24 dev eth0\n" +
				"f.yaml:4:12: services[1].address: 198.51.100.2 is an address of this host, on eth1; the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 198.51.100.2/31 dev eth1",
		},
		{
			"own real server", "ingress: eth0\nservices:\n- address: 192.0.2.10:80\n  real_servers: [192.0.2.1, {address: 198.51.100.2}]\n",
			"f.yaml:4:18: services[0].real_servers[0]: 192.0.2.1 is an address of this host, on eth0; a director cannot be its own real server\n" +
				"f.yaml:4:39: services[0].real_servers[1].address: 198.51.100.2 is an address of this host, on eth1; a director cannot be its own real server",
		},
		{
			"own sorry server", "ingress: eth0\nservices:\n- address: 192.0.2.10:80\n  sorry_server: 192.0.2.1\n",
			"f.yaml:4:17: services[0].sorry_server: 192.0.2.1 is an address of this host, on eth0; a director cannot be its own real server",
		},
		{
			"vips", "ingress: eth0\nvips: [192.0.2.10, 192.0.2.1, 192.0.2.255]\n",
			"f.yaml:2:20: vips[1]: 192.0.2.1 is an address of this host, on eth0; the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 192.0.2.1/24 dev eth0\n" +
				"f.yaml:2:31: vips[2]: 192.0.2.255 is the broadcast address of 192.0.2.0/24; write a unicast address of the LAN",
		},
		{
			"one VIP, two ports", "ingress: eth0\nservices:\n- address: [192.0.2.1:80, 192.0.2.1:81]\n- address: 192.0.2.1:82\n",
			"f.yaml:3:13: services[0].address[0]: 192.0.2.1 is an address of this host, on eth0; the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 192.0.2.1/24 dev eth0\n" +
				"f.yaml:4:12: services[1].address: 192.0.2.1 is an address of this host, on eth0; the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 192.0.2.1/24 dev eth0",
		},
		{
			"directed broadcast", "ingress: eth0\nservices:\n- address: 192.0.2.255:80\n  real_servers: [198.51.100.3]\n",
			"f.yaml:3:12: services[0].address: 192.0.2.255 is the broadcast address of 192.0.2.0/24; write a unicast address of the LAN",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse("f.yaml", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := c.CheckHost(host); err != nil {
				var errs Errors
				if !errors.As(err, &errs) {
					t.Errorf("error is a %T, want Errors", err)
				}
				got = err.Error()
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// A Config that was made by a program has no places, but keys.
func TestCheckHostWithoutFile(t *testing.T) {
	c := &Config{Ingress: "eth0", Egress: "eth0", VIPs: []netip.Addr{netip.MustParseAddr("198.51.100.2")}, Services: []Service{{
		Name:        "web",
		Addresses:   []Address{{Addr: netip.MustParseAddr("192.0.2.10"), FirstPort: 80, LastPort: 80}},
		RealServers: []RealServer{{Addr: netip.MustParseAddr("192.0.2.1")}},
	}}}
	const want = "service web: real_servers: 192.0.2.1 is an address of this host, on eth0; a director cannot be its own real server\n" +
		"vips: 198.51.100.2 is an address of this host, on eth1; the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 198.51.100.2/31 dev eth1"
	if err := c.CheckHost(host); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
