package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lvsdr/doctor"
	"lvsdr/frame"
)

var compareAddrs = cmpopts.EquateComparable(netip.Addr{})

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestDoctorVIPs(t *testing.T) {
	f := doctorFlags{
		vips: []string{
			"192.0.2.10", "192.0.2.10:443", "192.0.2.11:53/udp", "192.0.2.11:80/tcp", "192.0.2.12:8000-8099/udp",
			"2001:db8::10", "[2001:db8::10]", "[2001:db8::10]:80", "[2001:db8::10]:53-54/udp",
		},
		servers: []string{"192.0.2.21", "2001:db8::21"},
	}
	servers, servers6 := []doctor.Server{{Addr: addr("192.0.2.21")}}, []doctor.Server{{Addr: addr("2001:db8::21")}}
	vip6 := addr("2001:db8::10")
	got, err := f.services()
	want := []doctor.Service{
		{VIP: addr("192.0.2.10"), Protocol: frame.ProtocolTCP, Servers: servers},
		{VIP: addr("192.0.2.10"), Port: 443, Protocol: frame.ProtocolTCP, Servers: servers},
		{VIP: addr("192.0.2.11"), Port: 53, Protocol: frame.ProtocolUDP, Servers: servers},
		{VIP: addr("192.0.2.11"), Port: 80, Protocol: frame.ProtocolTCP, Servers: servers},
		{VIP: addr("192.0.2.12"), Port: 8000, LastPort: 8099, Protocol: frame.ProtocolUDP, Servers: servers},
		{VIP: vip6, Protocol: frame.ProtocolTCP, Servers: servers6},
		{VIP: vip6, Protocol: frame.ProtocolTCP, Servers: servers6},
		{VIP: vip6, Port: 80, Protocol: frame.ProtocolTCP, Servers: servers6},
		{VIP: vip6, Port: 53, LastPort: 54, Protocol: frame.ProtocolUDP, Servers: servers6},
	}
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	f.servers = f.servers[:1]
	if got, err = f.services(); err != nil || got[5].Servers[0].Addr != addr("192.0.2.21") {
		t.Errorf("an IPv6 VIP at servers with IPv4 alone: %+v, %v", got, err)
	}
}

// TestDoctorBadVIPs: what is no VIP is refused, with its text.
func TestDoctorBadVIPs(t *testing.T) {
	for _, text := range []string{
		"", "web", "192.0.2.10:", "192.0.2.10:0", "192.0.2.10:65536", "192.0.2.10/udp", "192.0.2.10:53/sctp", "192.0.2.10:90-80",
		"192.0.2.10:80-", "2001:db8::10:80/tcp", "[2001:db8::10]:", "fe80::1%eth0", "::ffff:192.0.2.10", "224.0.0.1", "ff02::1",
	} {
		code, _, stderr := runDirector("doctor", "--interface", "eth0", "--vip", text)
		if code != 2 || !strings.Contains(stderr, "--vip "+text) {
			t.Errorf("%q: exit code %d, %q", text, code, stderr)
		}
	}
}

// TestDoctorConfig: which segments a configuration has, and what is asked there.
func TestDoctorConfig(t *testing.T) {
	const text = `
vips: [192.0.2.12]
services:
  - address: [192.0.2.10:80, "192.0.2.11:8000-8099"]
    real_servers: [{address: 192.0.2.21, mac: "02:00:00:00:00:21"}, 192.0.2.22]
`
	servers := []doctor.Server{{Addr: addr("192.0.2.21"), MAC: frame.MAC{2, 0, 0, 0, 0, 0x21}}, {Addr: addr("192.0.2.22")}}
	services := func(servers []doctor.Server) []doctor.Service {
		return []doctor.Service{
			{VIP: addr("192.0.2.10"), Port: 80, LastPort: 80, Protocol: frame.ProtocolTCP, Servers: servers},
			{VIP: addr("192.0.2.11"), Port: 8000, LastPort: 8099, Protocol: frame.ProtocolTCP, Servers: servers},
			{VIP: addr("192.0.2.12")},
		}
	}
	whole := func(name string, d doctor.Director) doctor.Options {
		return doctor.Options{Interface: name, Services: services(servers), Director: d}
	}
	front := doctor.Options{Interface: "eth0", Services: services(nil), Egress: "eth1"}
	back := doctor.Options{Interface: "eth1", Services: services(servers), Egress: "eth1"}
	for name, c := range map[string]struct {
		head            string
		iface, director string
		want            []doctor.Options
	}{
		"one arm":     {head: "ingress: eth0", want: []doctor.Options{whole("eth0", doctor.Director{})}},
		"other name":  {head: "ingress: eth0", iface: "br0", want: []doctor.Options{whole("br0", doctor.Director{})}},
		"two arms":    {head: "ingress: eth0\negress: eth1", want: []doctor.Options{front, back}},
		"the front":   {head: "ingress: eth0\negress: eth1", iface: "eth0", want: []doctor.Options{front}},
		"the back":    {head: "ingress: eth0\negress: eth1", iface: "eth1", want: []doctor.Options{back}},
		"another":     {head: "ingress: eth0\negress: eth1", iface: "ens3", want: []doctor.Options{whole("ens3", doctor.Director{})}},
		"elsewhere":   {head: "ingress: eth0", director: "192.0.2.2", want: []doctor.Options{whole("eth0", doctor.Director{Addr: addr("192.0.2.2")})}},
		"virtual MAC": {head: "ingress: eth0\nmac: virtual\nrouter_id: 51", director: "192.0.2.2", want: []doctor.Options{whole("eth0", doctor.Director{Addr: addr("192.0.2.2"), MAC: frame.MAC{0, 0, 0x5e, 0, 1, 51}})}},
		"virtual MAC here": {head: "ingress: eth0\nmac: virtual\nrouter_id: 51", want: []doctor.Options{
			whole("eth0", doctor.Director{}),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "director.yaml")
			if err := os.WriteFile(file, []byte(c.head+text), 0o600); err != nil {
				t.Fatal(err)
			}
			f := doctorFlags{config: file, iface: c.iface, director: c.director}
			got, err := f.looks()
			if diff := cmp.Diff(c.want, got, compareAddrs); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestDoctorEmptyConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "director.yaml")
	if err := os.WriteFile(file, []byte("ingress: eth0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runDirector("doctor", "--config", file); code != 1 || stderr == "" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
