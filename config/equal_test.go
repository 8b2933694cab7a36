package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEqual(t *testing.T) {
	const text = `ingress: eth0
services:
  - address: 192.0.2.10:80
    real_servers: [192.0.2.21, 192.0.2.22]
`
	a := parse(t, text)
	for _, same := range []string{
		"# moved down\n\n" + text,
		"workers: 1\n" + text,
		"ipvs: {sync_threshold: 3 50}\n" + text,
		strings.ReplaceAll(text, "192.0.2.21,", `{weight: 1, address: "192.0.2.21:80"},`),
	} {
		b := parse(t, same)
		if !a.Equal(b) || !a.Services[0].Equal(b.Services[0]) || !a.Services[0].RealServers[0].Equal(b.Services[0].RealServers[0]) {
			t.Errorf("not equal to:\n%s", same)
		}
	}
	for _, other := range []string{
		"workers: 2\n" + text,
		strings.ReplaceAll(text, "192.0.2.21,", "{address: 192.0.2.21, weight: 2},"),
		strings.ReplaceAll(text, "192.0.2.21, 192.0.2.22", "192.0.2.22, 192.0.2.21"),
		"ingress: eth0",
	} {
		if a.Equal(parse(t, other)) {
			t.Errorf("equal to:\n%s", other)
		}
	}
	if a.Equal(nil) || !(*Config)(nil).Equal(nil) {
		t.Error("nil equals a Config, or not itself")
	}
}

func TestNeedRestart(t *testing.T) {
	a := parse(t, "ingress: eth0")
	b := parse(t, "ingress: eth1\nmac: virtual\nrouter_id: 1\nworkers: 2\nconnections: 2000\nttl: decrement\n"+
		"conflict: takeover\npoll: spin\nsend: packet\nstate_dir: /tmp/x\nrestart_grace: 1s\nrules: /tmp/rules\n")
	want := []string{
		"ingress", "egress", "mac", "router_id", "workers", "connections",
		"conflict", "poll", "send", "state_dir", "restart_grace", "rules",
	}
	if got := a.NeedRestart(b); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := a.NeedRestart(parse(t, `ingress: eth0
guard: off
admin: {listen: 127.0.0.1:9480}
ttl: decrement
timeouts: {tcp: 1m}
quotas: {udp: 1}
ipvs: {sloppy_tcp: 1}
vips: [192.0.2.10]
services: [{address: 192.0.2.10:53, protocol: udp, persistence: 5m, one_packet: true}]
`)); got != nil {
		t.Errorf("got %v for what a reload can change", got)
	}
	if got := a.NeedRestart(parse(t, "ingress: eth0\ncompat: ipvs")); !slices.Equal(got, []string{"restart_grace"}) {
		t.Errorf("got %v for compat, with which restart_grace changes", got)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "director.yaml")
	if _, err := Load(file); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "load configuration: open ") {
		t.Errorf("no file: %v", err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a directory was taken")
	}
	if err := os.WriteFile(file, []byte("workers: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	var one Error
	if !errors.As(err, &one) || one.File != file || one.Key != "ingress" || one.Line != 1 {
		t.Errorf("got %+v", one)
	}
	if err := os.Truncate(file, maxSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", time.Hour: "1h", 10 * time.Second: "10s",
		90 * time.Minute: "1h30m", 10 * time.Minute: "10m", time.Hour + time.Second: "1h0m1s", 20 * time.Hour: "20h",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestClosest(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"adress", "address"},
		{"Address", "address"},
		{"real-servers", "real_servers"},
		{"wieght", ""},
		{"shceduler", "scheduler"},
		{"x", ""},
		{"", ""},
		{strings.Repeat("address", 20), ""},
		{"flag", "flags"},
	} {
		if got := closest(test.word, serviceKeys.keys); got != test.want {
			t.Errorf("closest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}
