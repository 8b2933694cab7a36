package main

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"lvsdr/realserver"
)

// checkRealserver prints what check says of a host where the VIP was applied.
func checkRealserver(t *testing.T, mangle func(*realserver.Memory), args ...string) (string, error) {
	t.Helper()
	host, state := newRealserverHost(), "--state-dir="+t.TempDir()
	if _, err := runRealserver(host, "apply", "--vip", "192.0.2.10", state); err != nil {
		t.Fatal(err)
	}
	mangle(host)
	return runRealserver(host, append([]string{"check", state}, args...)...)
}

// A note is no reason to fail, a service that nobody listens for is.
func TestRealserverCheckVerdicts(t *testing.T) {
	out, err := checkRealserver(t, func(m *realserver.Memory) { m.Link[1].MTU = 1400 })
	if err != nil || !strings.Contains(out, "note   the MTU of eth0 is 1400\n       if the director's is larger") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = checkRealserver(t, func(*realserver.Memory) {}, "--service", "tcp/80")
	if err == nil || !strings.Contains(out, "wrong  nothing listens for tcp/80 on 192.0.2.10\n") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = checkRealserver(t, func(m *realserver.Memory) {
		m.Socket = []realserver.Listener{{Protocol: "tcp", Address: netip.IPv4Unspecified(), Port: 80}}
	}, "--service", "tcp/80")
	if err != nil || !strings.Contains(out, "ok     tcp/80 is served on 192.0.2.10, by tcp 0.0.0.0:80\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The addresses of clients and directors are followed.
func TestRealserverCheckAddresses(t *testing.T) {
	through := func(m *realserver.Memory) {
		m.Defaults = nil
		m.Route = []realserver.MemoryRoute{{
			Prefix: netip.MustParsePrefix("198.51.100.0/24"),
			Route:  realserver.Route{Type: realserver.RouteUnicast, Interface: "eth0", Gateway: netip.MustParseAddr("192.0.2.5")},
		}}
	}
	out, err := checkRealserver(t, through, "--client", "198.51.100.7")
	if err != nil || !strings.Contains(out, "ok     replies of 192.0.2.10 to 198.51.100.7 leave by eth0 through 192.0.2.5\n") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = checkRealserver(t, through, "--client", "198.51.100.7", "--director-address", "192.0.2.5")
	if err == nil || !strings.Contains(out, "to mend: ip route replace 198.51.100.7/32 via ROUTER\n") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"--client", "nobody"}, {"--client", "127.0.0.1"}, {"--director-address", "192.0.2"}} {
		var usage usageError
		if _, err := checkRealserver(t, func(*realserver.Memory) {}, args...); !errors.As(err, &usage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
