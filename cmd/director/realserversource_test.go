package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/admin"
	"lvsdr/admin/api"
	"lvsdr/realserver"
)

// directorFile has VIPs .10 to .12 for newRealserverHost, which is .21, and .13
// and .14 for others.
const directorFile = `ingress: eth0
vips: [192.0.2.10, 192.0.2.14]
services:
  - {name: web, address: ["192.0.2.10:80", "192.0.2.11:8000-8099"], protocol: tcp, scheduler: wlc,
     real_servers: [{address: 192.0.2.21}, {address: 192.0.2.22}]}
  - {name: dns, address: "192.0.2.11:53", protocol: udp, scheduler: rr, real_servers: [{address: 192.0.2.21}]}
  - {name: any, address: "192.0.2.12:0", protocol: tcp, scheduler: wlc, persistence: {timeout: 5m}, check: {kind: none},
     real_servers: [{address: 192.0.2.21}]}
  - {name: mail, address: "192.0.2.10:25", protocol: tcp, scheduler: wlc, real_servers: [{address: 192.0.2.22}]}
  - {name: other, address: "192.0.2.13:80", protocol: tcp, scheduler: wlc, real_servers: [{address: 192.0.2.22}]}
`

// directorStatus is the same as a director tells it, and IPv6.
func directorStatus() *api.Status {
	servers := func(addrs ...string) (list []api.RealServer) {
		for _, a := range addrs {
			list = append(list, api.RealServer{Address: a})
		}
		return list
	}
	return &api.Status{
		VIPs: []api.VIP{{Address: "192.0.2.10"}, {Address: "192.0.2.14"}},
		Services: []api.Service{
			{Name: "web", Protocol: "tcp", Addresses: []string{"192.0.2.10:80", "192.0.2.11:8000-8099"}, Servers: servers("192.0.2.21:80", "192.0.2.22:80")},
			{Name: "dns", Protocol: "udp", Addresses: []string{"192.0.2.11:53"}, Servers: servers("192.0.2.21")},
			{Name: "any", Protocol: "tcp", Addresses: []string{"192.0.2.12:0"}, Servers: servers("192.0.2.21")},
			{Name: "mail", Protocol: "tcp", Addresses: []string{"192.0.2.10:25"}, Servers: servers("192.0.2.22:25")},
			{Name: "other", Protocol: "tcp", Addresses: []string{"192.0.2.13:80", "[2001:db8::10]:80-81"}, Servers: servers("192.0.2.22:80", "[2001:db8::22]:80")},
		},
	}
}

// writeFile writes a file of the test's.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// teller is a director that has nothing but a status.
type teller struct {
	admin.Source
	status *api.Status
}

func (s teller) Status(context.Context) (*api.Status, error) { return s.status, nil }

// tell serves a status over TCP and a socket, and returns both addresses.
func tell(t *testing.T, status *api.Status) (tcp, unix string) {
	t.Helper()
	socket := filepath.Join(shortDir(t), "s")
	s, err := admin.Listen(admin.Options{Socket: socket, Listen: "127.0.0.1:0", Source: teller{status: status}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String(), "unix:" + socket
}

// TestRealserverSources: a file, a director's TCP address and its socket say the
// same, whatever the method.
func TestRealserverSources(t *testing.T) {
	tcp, unix := tell(t, directorStatus())
	file := writeFile(t, "director.yaml", directorFile)
	for name, source := range map[string][]string{
		"file": {"--config", file}, "tcp": {"--director", tcp}, "socket": {"--director", unix},
	} {
		t.Run(name, func(t *testing.T) {
			printed := func(args ...string) string {
				t.Helper()
				out, err := runRealserver(newRealserverHost(), append(append(args, "--print", "--state-dir", t.TempDir()), source...)...)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			wantAll := func(out string, words ...string) {
				t.Helper()
				for _, word := range words {
					if !strings.Contains(out, word) {
						t.Errorf("no %q in\n%s", word, out)
					}
				}
			}
			out := printed("apply")
			wantAll(out, "192.0.2.10/32", "192.0.2.11/32", "192.0.2.12/32")
			if strings.Contains(out, "192.0.2.13") || strings.Contains(out, "192.0.2.14") {
				t.Errorf("VIPs of others:\n%s", out)
			}
			wantAll(printed("apply", "--all"), "192.0.2.10/32", "192.0.2.13/32", "192.0.2.14/32")
			out = printed("apply", "--method", "redirect")
			wantAll(
				out, "ip daddr 192.0.2.10 tcp dport 80 redirect; };", "ip daddr 192.0.2.11 tcp dport 8000-8099 redirect; ip daddr 192.0.2.11 udp dport 53 redirect; };",
				"ip daddr 192.0.2.12 meta l4proto tcp redirect",
			)
			wantAll(printed("apply", "--method", "redirect", "--all"), "ip daddr 192.0.2.10 tcp dport 25 redirect; ip daddr 192.0.2.10 tcp dport 80 redirect", "ip daddr 192.0.2.14 redirect;")
			wantAll(printed("apply", "--method", "redirect", "--service", "udp"), "{ chain prerouting { type nat hook prerouting priority -100; policy accept; ip daddr 192.0.2.11 meta l4proto udp redirect; }; }")
		})
	}
	out, err := runRealserver(newRealserverHost(), "apply", "--all", "--method", "redirect", "--print", "--director", tcp, "--state-dir", t.TempDir())
	if want := "ip6 daddr 2001:db8::10 tcp dport 80-81 redirect"; err != nil || !strings.Contains(out, want) {
		t.Errorf("no %q in %v\n%s", want, err, out)
	}
}

// TestRealserverRules: VIPs that `rules:` brings are the director's too.
func TestRealserverRules(t *testing.T) {
	rules := writeFile(t, "rules", "-A -t 192.0.2.15:80 -s rr\n-a -t 192.0.2.15:80 -r 192.0.2.21:80 -g -w 1\n")
	file := writeFile(t, "director.yaml", "ingress: eth0\nrules: "+rules+"\n")
	host, args := newRealserverHost(), []string{"apply", "--print", "--config", file, "--state-dir", t.TempDir()}
	if out, err := runRealserver(host, args...); err != nil || !strings.Contains(out, "192.0.2.15/32") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.Remove(rules); err != nil {
		t.Fatal(err)
	}
	if out, err := runRealserver(host, args...); err == nil || !strings.Contains(err.Error(), "--director asks the director itself") {
		t.Errorf("without the rules: %v\n%s", err, out)
	}
}

// TestRealserverSourceFails: nothing is changed, and the error says what to do.
func TestRealserverSourceFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := "http://" + l.Addr().String()
	l.Close()
	strange := directorStatus()
	strange.Services[1].Addresses = []string{"dns:53"}
	broken, _ := tell(t, strange)
	self := directorStatus()
	self.Services[0].Addresses = []string{"127.0.0.1:80"}
	loopback, _ := tell(t, self)
	others := directorStatus()
	others.Services = others.Services[3:]
	notOurs, _ := tell(t, others)
	empty, _ := tell(t, &api.Status{})
	for _, test := range []struct{ name, args, want string }{
		{"director down", "--director " + down, "admin.listen?: nothing was changed; without a director, name the VIPs with --vip or --config"},
		{"no socket", "--director unix:/nonexistent", "is `director run` running"},
		{"strange answer", "--director " + broken, "service dns:"},
		{"a VIP of no LAN", "--director " + loopback, "the director at " + loopback + ": VIP 127.0.0.1: a loopback address"},
		{"no file", "--config /nonexistent.yaml", "no such file"},
		{"mistakes in the file", "--config " + writeFile(t, "d.yaml", "ingres: eth0\n"), "d.yaml:1:1"},
		{"not our VIPs", "--director " + notOurs, "no service lists this host as a real server, and this host is 192.0.2.21: list that under real_servers there, or"},
		{"no VIPs", "--all --director " + empty, "there is no VIP"},
		{"a VIP that is none", "--all --config " + writeFile(t, "d.yaml", "ingress: eth0\nvips: [169.254.1.300]\n"), "169.254.1.300"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, command := range []string{"apply", "apply --print", "apply --prune", "check", "undo", "show"} {
				host, state := newRealserverHost(), t.TempDir()
				mustRealserver(t, host, "apply", "--vip", "192.0.2.20", "--state-dir", state)
				before := host.Snapshot()
				out, err := runRealserver(host, append(strings.Fields(command+" "+test.args), "--state-dir", state)...)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v, want %q\n%s", command, err, test.want, out)
				}
				if host.Snapshot() != before {
					t.Errorf("%s changed the host", command)
				}
			}
		})
	}
}

// TestOffersMapped: an IPv4 address in the clothes of IPv6 is the same VIP, and with
// its services.
func TestOffersMapped(t *testing.T) {
	status := &api.Status{Services: []api.Service{
		{Protocol: "tcp", Addresses: []string{"[::ffff:192.0.2.10]:80"}},
		{Protocol: "tcp", Addresses: []string{"192.0.2.10:443"}},
	}}
	offers, err := offersOfStatus(status)
	if err != nil {
		t.Fatal(err)
	}
	vips, services := collect(offers)
	vip := netip.MustParseAddr("192.0.2.10")
	if len(vips) != 1 || vips[0] != vip || len(services[vip]) != 2 {
		t.Errorf("%v, %v", vips, services)
	}
}

func mustRealserver(t *testing.T, host realserver.Host, args ...string) string {
	t.Helper()
	out, err := runRealserver(host, args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

// TestRealserverShrinks: what a source does not list any more stays, unless
// --prune takes it away.
func TestRealserverShrinks(t *testing.T) {
	for _, method := range []string{realserver.MethodSysctl, realserver.MethodRedirect, realserver.MethodARPTables} {
		t.Run(method, func(t *testing.T) {
			host, state := newRealserverHost(), t.TempDir()
			before := host.Snapshot()
			run := func(args ...string) string {
				t.Helper()
				return mustRealserver(t, host, append(args, "--state-dir", state)...)
			}
			run("apply", "--method", method, "--config", writeFile(t, "d.yaml", directorFile))
			less, _, _ := strings.Cut(directorFile, "  - {name: any")
			file := writeFile(t, "d.yaml", strings.Replace(less, `, "192.0.2.11:8000-8099"`, "", 1))
			if out := run("apply", "--method", method, "--config", file); out != "nothing to do\n" {
				t.Errorf("without --prune:\n%s", out)
			}
			run("check", "--vip", "192.0.2.12")
			if out := run("apply", "--method", method, "--config", file, "--prune", "--print"); !strings.Contains(out, "director realserver undo --vip 192.0.2.12 --state-dir "+state+"\n") {
				t.Errorf("printed\n%s", out)
			}
			out := run("apply", "--method", method, "--config", file, "--prune")
			if !strings.Contains(out, "remove") || strings.Contains(host.Snapshot(), "192.0.2.12") || strings.Contains(host.Snapshot(), "8099") {
				t.Errorf("with --prune:\n%s\nthe host is\n%s", out, host.Snapshot())
			}
			run("check")
			run("check", "--config", file, "--method", method)
			run("undo", "--config", file)
			if host.Snapshot() != before {
				t.Errorf("undone, the host is\n%s", host.Snapshot())
			}
		})
	}
}

// TestRealserverWithoutAddress: in early boot nobody knows the host.
func TestRealserverWithoutAddress(t *testing.T) {
	host := newRealserverHost()
	host.Address = nil
	args := []string{"apply", "--config", writeFile(t, "d.yaml", directorFile), "--state-dir", t.TempDir()}
	if _, err := runRealserver(host, args...); err == nil || !strings.Contains(err.Error(), "set the network up first") {
		t.Errorf("%v", err)
	}
	mustRealserver(t, host, append(args, "--all")...)
}

// TestOwnAddresses: VIPs are not what a director knows a host by.
func TestOwnAddresses(t *testing.T) {
	host := newRealserverHost()
	for _, a := range []string{"2001:db8::21/64", "198.51.100.21/24"} {
		host.Address = append(host.Address, realserver.Address{Interface: "eth0", Prefix: netip.MustParsePrefix(a)})
	}
	host.Address = append(host.Address,
		realserver.Address{Interface: "lo", Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: realserver.ScopeHost},
		realserver.Address{Interface: "lo", Prefix: netip.MustParsePrefix("2001:db8::10/128")},
		realserver.Address{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.10/32"), Scope: realserver.ScopeHost},
		realserver.Address{Interface: "eth0", Prefix: netip.MustParsePrefix("fe80::1/64"), Scope: realserver.ScopeLink})
	own, err := ownAddresses(host)
	if got := addressList(own); err != nil || got != "192.0.2.21, 2001:db8::21, 198.51.100.21" {
		t.Errorf("%s, %v", got, err)
	}
}
