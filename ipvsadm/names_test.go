package ipvsadm

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// fakeResolver counts what it is asked.
type fakeResolver struct{ asked int }

func (r *fakeResolver) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	r.asked++
	switch network + " " + host {
	case "ip4 web":
		return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.2")}, nil
	case "ip6 web":
		return []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}, nil
	}
	return nil, errors.New("no such host")
}

func (r *fakeResolver) LookupAddr(_ context.Context, addr string) ([]string, error) {
	r.asked++
	if addr == "192.0.2.1" {
		return []string{"web.example.org.", "alias."}, nil
	}
	return nil, errors.New("no such host")
}

// TestHostNames: the resolver is asked once, also for what it does not know.
func TestHostNames(t *testing.T) {
	r := new(fakeResolver)
	n := NewHostNames().(*hostNames)
	n.resolver = r
	for range 2 {
		if a, ok := n.Address("web", false); !ok || a != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("web is %v, %v", a, ok)
		}
		if a, ok := n.Address("web", true); !ok || a != netip.MustParseAddr("fe80::1") {
			t.Errorf("web is %v, %v", a, ok)
		}
		if a, ok := n.Address("nosuch", false); ok {
			t.Errorf("nosuch is %v", a)
		}
		if name := n.Host(netip.MustParseAddr("192.0.2.1")); name != "web.example.org" {
			t.Errorf("192.0.2.1 is %q", name)
		}
		if name := n.Host(netip.MustParseAddr("192.0.2.9")); name != "" {
			t.Errorf("192.0.2.9 is %q", name)
		}
	}
	if r.asked != 5 {
		t.Errorf("asked %d times, want 5", r.asked)
	}
}

func TestServices(t *testing.T) {
	s := readServices(strings.NewReader(`# comment
ssh 22/tcp
http		80/tcp	www web # comment
www-other 80/tcp
web 81/tcp
m3ua 2905/sctp
broken
broken x/tcp
broken 65536/tcp
domain 53/udp`))
	for name, want := range map[string]uint16{
		"http tcp": 80, "www tcp": 80, "web tcp": 80, "ssh tcp": 22, "domain udp": 53, "www-other tcp": 80,
		"http udp": 0, "m3ua sctp": 0, "broken tcp": 0, "# tcp": 0, "ssh ": 0,
	} {
		service, protocol, _ := strings.Cut(name, " ")
		if port, ok := s.port(service, protocol); ok != (want != 0) || ok && port != want {
			t.Errorf("%s is %d, %v; want %d", name, port, ok, want)
		}
	}
	for port, want := range map[uint16]string{80: "http", 22: "ssh", 81: "web", 2905: "", 0: ""} {
		if name := s.name(port, "tcp"); name != want {
			t.Errorf("%d/tcp is %q, want %q", port, name, want)
		}
	}
	if name := s.name(2905, "sctp"); name != "" {
		t.Errorf("2905/sctp is %q: ipvsadm asks for no such name", name)
	}
	var none services
	if _, ok := none.port("http", "tcp"); ok || none.name(80, "tcp") != "" {
		t.Error("names without a file")
	}
	if NewHostNames().Service(0, "tcp") != "" {
		t.Error("port 0 has a name")
	}
}
