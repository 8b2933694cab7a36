package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// TestLANCheckedServerHangs: two failures that a connection does not show. The web
// server is stopped, so that its kernel goes on taking connections in its place; and
// the VIP is gone from the server, whose own address answers. No client is sent there
// once fall × every + timeout are over.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22: nginx is frozen, or it lacks the VIP
//	director .2 ──┘              └── web3 .23
func TestLANCheckedServerHangs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{Check: checkBounded, Settings: "restart_grace: 0s\n", StaticARP: true})
	victim := c.Servers[1]
	signal := func(s syscall.Signal) {
		if err := victim.nginx.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []struct {
		name       string
		fail, mend func()
	}{
		{"its program is frozen", func() { signal(syscall.SIGSTOP) }, func() { signal(syscall.SIGCONT) }},
		{"it lacks the VIP", victim.Undo, victim.Apply},
	} {
		way.fail()
		failed := time.Now()
		c.WaitStatus(victim.Name()+" has left", func(s *api.Status) bool { return serverStatus(s, victim).State == "down" })
		if took := time.Since(failed); took > checkBound+busy {
			t.Errorf("%s: it left after %v; its checks allow %v", way.name, took, checkBound)
		}
		if served := c.ServedBy(60, "/"); served[victim.Name()] != 0 || served["web1"] != 30 || served["web3"] != 30 {
			t.Errorf("%s: served by %v", way.name, served)
		}
		way.mend()
		c.WaitServing()
	}
}

// TestLANChecksLeakNothing: ten thousand probes of all kinds, that succeed and that
// fail, and a hundred reloads that take servers and services out and put them back
// leave the director's process and the host's routing as they were.
//
//	             ┌── web1 .21
//	director .2 ─┼── web2 .22
//	             └── web3 .23  comes and goes
func TestLANChecksLeakNothing(t *testing.T) {
	// Of 17 checks, which are as often as each other, nginx answers and logs four.
	const probes, reloads = 2500, 100
	t.Parallel()
	c := layCluster(t, clusterConfig{StaticARP: true})
	weight := filepath.Join(c.Dir, "weight")
	if err := os.WriteFile(weight, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Those that nginx answers, and logs.
	checks := []string{
		"kind: http, path: /http",
		"kind: http, path: /kept, reuse: on",
		`kind: tcp, send: 'GET /tcp HTTP/1.0\r\n\r\n', expect: web`,
		"kind: http, path: /real, via: real",
	}
	// The others: some succeed, and some fail for want of a server.
	for _, check := range []string{
		"kind: icmp", "kind: arp", "kind: file, file: " + weight, "kind: exec, command: [/bin/true]", "kind: tcp",
		"kind: tls, insecure: on", "kind: https, insecure: on", "kind: http, version: '2'", "kind: smtp", "kind: grpc",
		"kind: udp, expect: x", "kind: dns, name: example.org", "kind: exec, command: [/bin/sleep, '1']",
	} {
		checks = append(checks, check+", timeout: 40ms")
	}
	variant := func(i int) string {
		servers := "192.0.2.21, 192.0.2.22"
		if i%2 == 0 {
			servers += `, {address: 192.0.2.23, mac: "02:00:00:02:00:23"}`
		}
		text, _, _ := strings.Cut(c.Config(), "services:")
		text = strings.Replace(text, "{socket:", "{listen: 127.0.0.1:9480, socket:", 1) + "services:\n"
		for n, check := range checks {
			if n == i%5 && i%2 == 1 {
				continue
			}
			// All ask port 80: whether anybody serves it is not what is asked.
			text += fmt.Sprintf("  - {name: s%d, address: %v:%d, check: {port: 80, every: 50ms, %s}, real_servers: [%s]}\n",
				n, c.VIP, 8000+n, check, servers)
		}
		for _, kind := range []string{"icmp", "arp", "file"} {
			text = strings.ReplaceAll(text, "port: 80, every: 50ms, kind: "+kind, "every: 50ms, kind: "+kind)
		}
		return text
	}
	asked := func() (n int) {
		for _, s := range c.Servers {
			for _, path := range []string{"/http", "/kept", "/tcp", "/real"} {
				n += s.Requests(path)
			}
		}
		return n
	}
	await := func(n int) {
		if _, enough := poll(20*time.Millisecond, 2*time.Minute, asked, func(got int) bool { return got >= n }); !enough {
			t.Fatalf("%d probes, not %d", asked(), n)
		}
	}
	c.WriteConfig(variant(0))
	c.Start()
	await(probes / 10)
	routing, _ := c.routing()
	before := c.usage(t)
	for i := range reloads {
		if _, err := c.Reload(variant(i + 1)); err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
		await(probes/10 + i*probes*9/10/reloads)
	}
	if _, err := c.Reload(variant(0)); err != nil {
		t.Fatal(err)
	}
	await(asked() + 100)
	// Probes that are on their way hold descriptors too, now more and now fewer;
	// what leaks stays.
	after, _ := poll(20*time.Millisecond, 20*time.Second, func() usage { return c.usage(t) }, func(u usage) bool { return !before.grew(u) })
	t.Logf("%d probes of nginx; %v, before %v", asked(), after, before)
	before.check(t, after)
	if now, _ := c.routing(); len(now) != len(routing) {
		t.Errorf("the routing was\n%s\nand is\n%s", strings.Join(routing, "\n"), strings.Join(now, "\n"))
	}
	c.Stop()
	if now, ours := c.routing(); ours != 0 || slices.ContainsFunc(now, func(line string) bool { return strings.Contains(line, "02:00:00:02:00:23") }) {
		t.Errorf("at the end:\n%s", strings.Join(now, "\n"))
	}
}
