package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// Why runs `director why` and returns its answer. The exit code must be 1 if that
// is no server, else 0.
func (c *cluster) Why(client, vip string) (w api.Why) {
	c.t.Helper()
	code, stdout, stderr := c.ask("why", "--json", client, vip)
	if err := json.Unmarshal([]byte(stdout), &w); err != nil {
		c.t.Fatalf("why %s %s: %v in %q; %s", client, vip, err, stdout, stderr)
	}
	if nowhere := w.Server == ""; (code == 1) != nowhere || code > 1 {
		c.t.Errorf("exit code %d for %+v", code, w)
	}
	return w
}

// step returns what the answer says of one decision.
func step(w *api.Why, name string) string {
	i := slices.IndexFunc(w.Steps, func(s api.WhyStep) bool { return s.Step == name })
	if i < 0 {
		return ""
	}
	return w.Steps[i].Result
}

// TestLANWhy: before a client connects, `director why` names the real server that
// it will reach.
//
//	client .100, 10.1.x.y ──┐              ┌── web1 .21
//	                        ├── switch ────┼── web2 .22
//	director .2 ────────────┘              └── web3 .23
func TestLANWhy(t *testing.T) {
	t.Parallel()
	const services = `  - {name: hash, address: 192.0.2.10:8001, scheduler: sh, check: {kind: none}, real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]}
  - {name: stays, address: 192.0.2.10:8002, scheduler: rr, persistence: {timeout: 1m, netmask: 24}, check: {kind: none}, real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]}
`
	c := newCluster(t, clusterConfig{Serve: serveGo, StaticARP: true, Check: "{kind: none}", Services: services})
	for _, s := range c.Servers {
		s.ServeOn(8001)
		s.ServeOn(8002)
	}
	var addrs []netip.Addr
	for i := range 9 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 1, byte(i / 3), byte(i + 1)}))
	}
	c.farClients(addrs...)
	for _, port := range []int{80, 8001, 8002} {
		vip := fmt.Sprintf("%v:%d", c.VIP, port)
		served := make(map[string]int)
		for _, addr := range addrs {
			from := netip.AddrPortFrom(addr, uint16(20000+port))
			before := c.Why(from.String(), vip)
			name := c.fetchFrom(t, from, vip)
			c.checkWhy(t, before, name)
			served[name]++
			after := c.Why(from.String(), vip)
			c.checkWhy(t, after, name)
			if !strings.HasPrefix(step(&before, "entry"), "none") || strings.HasPrefix(step(&after, "entry"), "none") {
				t.Errorf("%v to %s: entry %q, and once it is connected %q", from, vip, step(&before, "entry"), step(&after, "entry"))
			}
		}
		if len(served) < 2 {
			t.Errorf("%s: all are on %v", vip, served)
		}
	}
	// What changes where the next one goes.
	from := netip.AddrPortFrom(addrs[0], 30000)
	was := c.Why(from.String(), "192.0.2.10:8002")
	if !strings.Contains(step(&was, "template"), was.Server) {
		t.Errorf("a persistent service: %+v", was)
	}
	c.Ipvsadm("-e -t 192.0.2.10:80 -r 192.0.2.21 -w 0")
	c.Ipvsadm("-e -t 192.0.2.10:80 -r 192.0.2.22 -w 0")
	if w := c.Why(from.String(), "192.0.2.10:80"); w.Server != "192.0.2.23:80" || c.fetchFrom(t, from, "192.0.2.10:80") != "web3" {
		t.Errorf("only web3 has a weight: %+v", w)
	}
	c.Ipvsadm("-e -t 192.0.2.10:80 -r 192.0.2.23 -w 0")
	from = netip.AddrPortFrom(addrs[0], 30001)
	if w := c.Why(from.String(), "192.0.2.10:80"); w.Server != "" || w.Verdict != "reply rst" || len(w.Changes) == 0 {
		t.Errorf("none has a weight: %+v", w)
	}
	if name, err := fetch(c.Client.clientAt(from), "http://192.0.2.10:80"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("none has a weight: %s, %v", name, err)
	}
	for vip, verdict := range map[string]string{"192.0.2.10:81": "reply rst", "192.0.2.11:80": "ignore not_vip"} {
		if w := c.Why(from.String(), vip); w.Server != "" || w.Verdict != verdict {
			t.Errorf("%s: %+v, want %s", vip, w, verdict)
		}
	}
}

// checkWhy compares an answer with the server that was reached.
func (c *cluster) checkWhy(t *testing.T, w api.Why, name string) {
	t.Helper()
	i := slices.IndexFunc(c.Servers, func(s *realServer) bool { return s.Name() == name })
	s := c.Servers[i]
	if !strings.HasPrefix(w.Server, s.Addr.String()+":") || w.MAC != s.Link.MAC().String() || w.Verdict != "forward forward" {
		t.Errorf("%s reached %s: %+v", w.Client, name, w)
	}
}

// fetchFrom makes a request over a connection from that address and port, and
// returns who answers.
func (c *cluster) fetchFrom(t *testing.T, from netip.AddrPort, place string) string {
	t.Helper()
	name, err := fetch(c.Client.clientAt(from), "http://"+place)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// clientAt returns a client for one connection.
func (m *machine) clientAt(from netip.AddrPort) *http.Client {
	return m.browserWith(func() net.Addr { return net.TCPAddrFromAddrPort(from) })
}

// TestLANConns: `director conns` lists what the filters name.
//
//	client .100, client2 .101 ──┐              ┌── web1 .21
//	                            ├── switch ────┤
//	director .2 ────────────────┘              └── web2 .22
func TestLANConns(t *testing.T) {
	t.Parallel()
	const udp = `  - {name: dns, protocol: udp, address: 192.0.2.10:53, scheduler: rr, persistence: 1m, check: {kind: none}, real_servers: [192.0.2.21, 192.0.2.22]}
`
	c := newCluster(t, clusterConfig{
		Clients: 2, Servers: 2, Serve: serveGo, StaticARP: true, Check: "{kind: none}", Services: udp,
	})
	for _, s := range c.Servers {
		s.NameDatagrams(t, 53)
	}
	c.openIdle(t, 4)
	for _, m := range c.Clients {
		c.servedBy(m, 3, "/")
		conn, err := m.Dial(t.Context(), "udp4", "192.0.2.10:53")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		askName(t, conn)
	}
	c.WaitStatus("the requests' connections are closed", func(s *api.Status) bool {
		active := 0
		for _, rs := range s.Services[0].Servers {
			active += rs.Active
		}
		return active == 4
	})
	all := c.Conns("")
	first := all[slices.IndexFunc(all, func(conn api.Connection) bool { return conn.State == "ESTABLISHED" })]
	for filter, want := range map[string]int{
		"":                                      4 + 2*3 + 2 + 2, // with a template for each client of dns
		"--state ESTABLISHED":                   4,
		"--state fin_wait":                      2 * 3,
		"--state FIN_WAIT --client 192.0.2.101": 3,
		"--client 192.0.2.101":                  3 + 1 + 1,
		"--client 192.0.2.100/31":               4 + 2*3 + 2 + 2,
		"--client 192.0.2.0/26":                 0,
		"--client " + first.Client:              1,
		"--vip 192.0.2.10":                      4 + 2*3 + 2 + 2,
		"--vip 192.0.2.10:80":                   4 + 2*3,
		"--vip 192.0.2.10:81":                   0,
		"--service dns":                         2 + 2,
		"--service dns --templates":             2,
		"--templates":                           2,
		"--server 192.0.2.21 --service web --state ESTABLISHED": 2,
		"--server 192.0.2.23": 0,
	} {
		if got := c.Conns(filter); len(got) != want {
			t.Errorf("%q: %d connections, want %d: %+v", filter, len(got), want, got)
		}
		if got := c.Ask("conns", append([]string{"--count"}, strings.Fields(filter)...)...); got != fmt.Sprintln(want) {
			t.Errorf("%q: --count %q, want %d", filter, got, want)
		}
	}
	// The list is that of ipvsadm, but for the seconds and the order.
	lines := func(text string, expire int) (rows []string) {
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) == 6 && fields[0] != "pro" {
				rows = append(rows, strings.Join(slices.Delete(fields, expire, expire+1), " "))
			}
		}
		slices.Sort(rows)
		return rows
	}
	if diff := cmp.Diff(lines(c.Ipvsadm("-Lnc"), 1), lines(c.Ask("conns"), 1)); diff != "" {
		t.Errorf("ipvsadm -Lnc and conns (-ipvsadm +conns)\n%s", diff)
	}
}

// TestLANSaveRestore: what `director ipvsadm -S -n` prints brings a cluster back
// that was cleared, through -R and as the `rules:` of the next start.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22
//	director .2 ──┘              └── web3 .23
func TestLANSaveRestore(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Serve: serveGo, StaticARP: true, Settings: "restart_grace: 0s\n"})
	global, _, _ := strings.Cut(c.Config(), "services:")
	global += "vips: [192.0.2.10]\n"
	c.WriteConfig(global)
	c.Start()
	const rules = `-A -t 192.0.2.10:80 -s wrr
-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 1
-a -t 192.0.2.10:80 -r 192.0.2.22:80 -g -w 2
-a -t 192.0.2.10:80 -r 192.0.2.23:80 -g -w 3 -x 1000 -y 800
-A -t 192.0.2.10:443 -s sh -b sh-fallback,sh-port
-a -t 192.0.2.10:443 -r 192.0.2.21:443 -g -w 1
-A -t 192.0.2.11:0 -s rr -p 600 -M 255.255.255.0
-a -t 192.0.2.11:0 -r 192.0.2.22:0 -g -w 1
-A -u 192.0.2.10:53 -s rr -o
-a -u 192.0.2.10:53 -r 192.0.2.23:53 -g -w 0
-A --sctp-service 192.0.2.10:5000 -s mh
`
	restore := func(text string) {
		t.Helper()
		p := directorCommand(t.Context(), c.Director.Host, "ipvsadm", "--socket", c.socket(), "-R")
		p.Stdin = strings.NewReader(text)
		if err := p.Run(); err != nil || p.Output() != "" {
			t.Fatalf("%v: %v\n%s", p, err, p.Output())
		}
	}
	check := func(when, saved string) {
		t.Helper()
		if got := c.Ipvsadm("-S -n"); got != saved {
			t.Errorf("%s: (-want +got)\n%s", when, cmp.Diff(saved, got))
		}
		c.WaitServing()
		if served := c.ServedBy(12, "/"); served["web1"] != 2 || served["web2"] != 4 || served["web3"] != 6 {
			t.Errorf("%s: served by %v", when, served)
		}
	}
	restore(rules)
	saved := c.Ipvsadm("-S -n")
	for line := range strings.Lines(rules) {
		if !strings.Contains(saved, line) {
			t.Errorf("%q is not saved:\n%s", strings.TrimSpace(line), saved)
		}
	}
	check("restored by -R", saved)

	c.Ipvsadm("-C")
	if got := c.Ipvsadm("-S -n"); got != "" {
		t.Errorf("after -C:\n%s", got)
	}
	if name, err := c.Get("/"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("after -C: %s, %v", name, err)
	}
	restore(saved)
	check("restored after -C", saved)

	file := filepath.Join(c.Dir, "ipvsadm.rules")
	if err := os.WriteFile(file, []byte(saved), 0o600); err != nil {
		t.Fatal(err)
	}
	c.WriteConfig(global + fmt.Sprintf("rules: %q\n", file))
	c.Restart()
	check("loaded at the start", saved)
}
