package peer

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"lvsdr/bench"
)

// twoServices are a port of two servers and one of the first of them alone.
func twoServices() *Site {
	servers := []Server{
		{Addr: netip.MustParseAddr("192.0.2.21"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0x21}},
		{Addr: netip.MustParseAddr("192.0.2.22")},
	}
	return &Site{
		Near: "in0", Far: "out0", VIP: netip.MustParseAddr("192.0.2.10"),
		Services: []Service{{TCP, 80, servers}, {TCP, 81, servers[:1]}},
	}
}

// contains looks for lines in a text, whatever their indentation.
func contains(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		found := false
		for line := range strings.Lines(text) {
			found = found || strings.TrimSpace(line) == want
		}
		if !found {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}

func TestHAProxyConfig(t *testing.T) {
	contains(t, twoServices().haproxyConfig(""),
		"mode tcp", "nbthread 1", "bind 192.0.2.10:80", "server server0 192.0.2.21:80", "server server1 192.0.2.22:80",
		"bind 192.0.2.10:81", "server server0 192.0.2.21:81")
}

func TestNginxConfig(t *testing.T) {
	contains(t, twoServices().nginxConfig("/run/x"),
		"master_process off;", "pid /run/x/nginx.pid;", "server 192.0.2.21:80;", "server 192.0.2.22:80;", "server 192.0.2.21:81;",
		"server { listen 192.0.2.10:80 backlog=65535; proxy_pass port80; }",
		"server { listen 192.0.2.10:81 backlog=65535; proxy_pass port81; }")
}

func TestDirectorYAML(t *testing.T) {
	contains(t, twoServices().directorYAML("/run/x.sock", "poll: spin"),
		"ingress: in0", "egress: out0", "poll: spin", `admin: {socket: "/run/x.sock"}`,
		`real_servers: [{address: "192.0.2.21", mac: "02:00:00:00:00:21"}, {address: "192.0.2.22"}]`,
		`real_servers: [{address: "192.0.2.21", mac: "02:00:00:00:00:21"}]`)
}

// TestEachService: with one service the VIP is all that is looked at, with more
// their ports tell them apart.
func TestEachService(t *testing.T) {
	s := twoServices()
	rule := func(service *Service) string {
		return s.byHash(service, func(server *Server) string { return server.Addr.String() })
	}
	contains(t, s.eachService(rule),
		"ip daddr 192.0.2.10 tcp dport 80 jhash ip saddr . tcp sport mod 2 seed 0x1 map { 0 : 192.0.2.21, 1 : 192.0.2.22 }",
		"ip daddr 192.0.2.10 tcp dport 81 jhash ip saddr . tcp sport mod 1 seed 0x1 map { 0 : 192.0.2.21 }")
	s.Services = s.Services[:1]
	if got := s.eachService(rule); strings.Contains(got, "dport") || strings.Contains(got, "\n") {
		t.Errorf("one service: %q", got)
	}
}

// TestMissing: what the machine lacks is left out, with the remedy.
func TestMissing(t *testing.T) {
	_, err := FindProgram("no-such-program", "its-package")
	if !errors.Is(err, bench.ErrSkip) || err.Error() != "no-such-program is not installed: apt-get install its-package" {
		t.Errorf("error %v", err)
	}
	s := twoServices()
	s.Services[1].Protocol = UDP
	if _, err := startProxy(t.Context(), s, nil, nil); !errors.Is(err, bench.ErrSkip) || !strings.Contains(err.Error(), "TCP only") {
		t.Errorf("a proxy for UDP: %v", err)
	}
	if _, err := Director(t.Context(), s, DirectorConfig{}); !errors.Is(err, bench.ErrSkip) {
		t.Errorf("a director without program: %v", err)
	}
}
