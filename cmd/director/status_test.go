package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin"
	"lvsdr/admin/api"
	"lvsdr/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fake is a director that says what it is told to.
type fake struct {
	status      *api.Status
	reload      func() (api.Reload, error)
	change      func(api.Changes) (api.Changed, error)
	events      func(api.EventFilter, func([]api.Event) bool) error
	order       func(api.OrderRequest) (api.Ordered, error)
	connections func(api.ConnectionFilter, func(api.Connection) bool) error
	why         func(protocol, client, vip string) (*api.Why, error)
	run         func(context.Context) error
}

func (f *fake) Status(context.Context) (*api.Status, error) { return f.status, nil }
func (f *fake) Reload(context.Context) (api.Reload, error)  { return f.reload() }

func (f *fake) Change(_ context.Context, c api.Changes) (api.Changed, error) {
	return f.change(c)
}

func (f *fake) Events(_ context.Context, filter api.EventFilter, yield func([]api.Event) bool) error {
	return f.events(filter, yield)
}

func (f *fake) Order(_ context.Context, o api.OrderRequest) (api.Ordered, error) { return f.order(o) }

func (f *fake) Connections(_ context.Context, filter api.ConnectionFilter, yield func(api.Connection) bool) error {
	return f.connections(filter, yield)
}

func (f *fake) Why(_ context.Context, protocol, client, vip string) (*api.Why, error) {
	return f.why(protocol, client, vip)
}

func (f *fake) Run(ctx context.Context) error { return f.run(ctx) }

// serve answers for the source until the test ends, and returns the socket.
func serve(t *testing.T, source admin.Source) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "director.sock")
	server, err := admin.Listen(admin.Options{Socket: path, Source: source, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return path
}

// sample is a director to whom all has happened.
func sample() *api.Status {
	now := time.Date(2026, 3, 5, 16, 30, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	return &api.Status{
		Version: "v1.2.3", Started: ago(76 * time.Hour), Now: now,
		ConfigFile: "/etc/director/director.yaml", ConfigSince: ago(90 * time.Minute), Guard: "on",
		Interfaces: []api.Interface{
			{Name: "eth0", Role: "ingress", MAC: "02:00:00:00:00:01", MTU: 1500, State: "up"},
			{Name: "eth1", Role: "egress", MAC: "02:00:00:00:01:01", MTU: 9000, State: "no carrier"},
		},
		VIPs: []api.VIP{
			{
				Address: "192.0.2.10", State: "owned", Since: ago(76 * time.Hour), MAC: "02:00:00:00:00:01",
				Claimants: []api.Claimant{
					{MAC: "02:00:00:00:00:22", RealServer: "192.0.2.22", How: "reply", First: ago(time.Hour), Last: ago(3 * time.Second), Count: 14},
				},
			},
			{Address: "192.0.2.11", State: "refused", Since: ago(5 * time.Second), MAC: "02:00:00:00:00:01", RefusedBy: "02:00:00:00:00:66"},
		},
		Notifications: []api.Notifications{
			{Kind: "program", To: "program /usr/local/bin/notify", Delivered: 40, Failed: 1, Waiting: 2, Error: "exit status 1: no such mailbox"},
			{Kind: "webhook", To: "webhook https://hooks.example.org", Delivered: 41, Lost: 3},
		},
		Services: []api.Service{
			{
				Name: "web", Protocol: "tcp", Addresses: []string{"192.0.2.10:80", "192.0.2.10:443"},
				Scheduler: "mh", Flags: []string{"mh-port", "mh-fallback"}, Reject: "rst",
				Servers: []api.RealServer{
					{
						Address: "192.0.2.21:80", Weight: 1, Configured: 1, Health: "up", Since: ago(76 * time.Hour),
						Load:  &api.ServerLoad{Part: 60, Says: new(40)},
						Check: "200 OK", MAC: "02:00:00:00:00:21", MACState: "reachable", Active: 120, Inactive: 31,
						Connections: 1_234_567_890, Packets: 98_765_432_109, Bytes: 12_345_678_901_234,
						ConnectionsS: 41.6, PacketsS: 123456, BytesS: 150_000_000,
					},
					{
						Address: "192.0.2.22:80", Weight: 0, Configured: 65535, Health: "down", Since: ago(192 * time.Second),
						Check: "connect 192.0.2.22:80: connection refused", MAC: "02:00:00:00:00:22", MACState: "stale",
					},
					{Address: "192.0.2.23:80", Weight: 0, Configured: 0, Health: "unknown", MACState: "resolving"},
				},
			},
			{
				Name: "shop", Protocol: "tcp", Addresses: []string{"192.0.2.10:8080"}, Scheduler: "wlc", Reject: "rst",
				Quorum: api.Quorum{Up: 7, Down: 5, Weight: 4, Plan: "sorry"},
				SorryServer: &api.RealServer{
					Address: "192.0.2.99:8080", Weight: 1, Configured: 1, Health: "up", State: "up", Reason: "sorry server", Share: 100,
					MAC: "02:00:00:00:00:99", MACState: "reachable", Active: 4,
				},
				Servers: []api.RealServer{
					{
						Address: "192.0.2.31:8080", Weight: 1, Configured: 4, Health: "up", State: "warming", StateSince: ago(8 * time.Second),
						Until: now.Add(22 * time.Second), Share: 25, Reason: "slow start", MAC: "02:00:00:00:00:31", MACState: "reachable",
						Orders: []api.Order{{Duty: api.SetWeight, At: ago(time.Hour), By: "alice", Weight: 4, Instead: 1}},
					},
					{
						Address: "192.0.2.32:8080", Configured: 1, Health: "up", State: "draining", StateSince: ago(2 * time.Minute),
						Until: now.Add(8 * time.Minute), Reason: "is to be drained", MAC: "02:00:00:00:00:32", MACState: "reachable", Active: 17, Inactive: 2,
						Orders: []api.Order{{Duty: api.Drain, At: ago(2 * time.Minute), By: "bob", Deadline: now.Add(8 * time.Minute)}},
					},
					{
						Address: "192.0.2.33:8080", Configured: 1, Health: "down", State: "maintenance", StateSince: ago(26 * time.Hour),
						Reason: "disabled", MAC: "02:00:00:00:00:33", MACState: "reachable",
						Orders: []api.Order{{Duty: api.Disable, At: ago(26 * time.Hour)}},
					},
					{
						Address: "192.0.2.34:8080", Configured: 1, Health: "up", State: "down", StateSince: ago(40 * time.Second),
						Until: now.Add(9 * time.Second), Reason: "it failed 5 times lately, and must be well for a while before it is used again",
						MAC: "02:00:00:00:00:34", MACState: "reachable",
					},
				},
			},
			{Name: "dns6", Protocol: "udp", Addresses: []string{"[2001:db8::10]:53"}, Scheduler: "rr", Reject: "icmp"},
		},
		Memory: api.Memory{
			Resident: 121_000_000, Collections: 12, Allocations: 34567,
			Parts: []api.MemoryPart{{Name: "connection_table", Bytes: 48_000_000}, {Name: api.RingsPart, Bytes: 8_257_536}, {Name: "program", Bytes: 64_000_000}},
		},
		Connections: api.Connections{
			Capacity: 1_000_000, Used: 1246, Connections: 1234, IPv6: 12, Bytes: 28 << 20, Inserted: 1_234_567_890, Refused: 3,
		},
		Frames: api.Frames{Received: 98_765_432_209, Lost: 7, Verdicts: []api.Verdict{
			{Kind: "forward", Reason: "forward", Frames: 98_765_432_109},
			{Kind: "reply", Reason: "echo", Frames: 10},
			{Kind: "drop", Reason: "no_connection", Frames: 90},
		}},
		Alarms: []api.Alarm{
			{
				Since: ago(time.Hour), What: "real server 192.0.2.22 answers ARP for VIP 192.0.2.10",
				Remedy: "on that host: director realserver apply --vip 192.0.2.10",
			},
			{Since: ago(time.Second), What: "eth1 has no carrier"},
		},
	}
}

func TestStatusGolden(t *testing.T) {
	socket := serve(t, &fake{status: sample()})
	for name, flags := range map[string][]string{"status": nil, "stats": {"--stats"}, "rate": {"--rate"}} {
		t.Run(name, func(t *testing.T) {
			code, got, stderr := runDirector(append([]string{"status", "--socket", socket}, flags...)...)
			if code != 0 || stderr != "" {
				t.Fatalf("exit code %d\n%s", code, stderr)
			}
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got; -update writes it anew)\n%s", diff)
			}
		})
	}
}

func TestStatusJSON(t *testing.T) {
	code, out, stderr := runDirector("status", "--json", "--socket", serve(t, &fake{status: sample()}))
	var got api.Status
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v\n%s", code, err, stderr)
	}
	if diff := cmp.Diff(sample(), &got); diff != "" {
		t.Error(diff)
	}
}

func TestStatusOfEmptyDirector(t *testing.T) {
	code, out, _ := runDirector("status", "--socket", serve(t, &fake{status: &api.Status{}}))
	if code != 0 || !strings.Contains(out, "Prot LocalAddress:Port") || strings.Contains(out, "ALARM") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestReloadSays(t *testing.T) {
	for _, test := range []struct {
		name   string
		reload api.Reload
		err    error
		code   int
		want   string
	}{
		{"changed", api.Reload{Changed: true}, nil, 0, "reloaded\n"},
		{"the same", api.Reload{}, nil, 0, "unchanged: the file says what it said before\n"},
		{"restart", api.Reload{Changed: true, NeedRestart: []string{"workers", "mac"}}, nil, 0, "reloaded; these take effect with the next start: workers, mac\n"},
		{"in part", api.Reload{Changed: true, Problem: "the admin API stays where it was: listen"}, nil, 1, "director: reloaded, but the admin API stays where it was: listen\n"},
		{"refused", api.Reload{}, errors.New("a.yaml:1:2: x: is not a key"), 1, "director: reload: refused, what ran before goes on:\na.yaml:1:2: x: is not a key\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := &fake{reload: func() (api.Reload, error) { return test.reload, test.err }}
			code, stdout, stderr := runDirector("reload", "--socket", serve(t, source))
			if code != test.code || stdout+stderr != test.want {
				t.Errorf("exit code %d, want %d\n%s%swant\n%s", code, test.code, stdout, stderr, test.want)
			}
		})
	}
}

func TestDefaultSocket(t *testing.T) {
	c, err := config.Parse("director.yaml", []byte("ingress: eth0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Admin.Socket != defaultSocket {
		t.Errorf("commands ask %s, a director listens on %s", defaultSocket, c.Admin.Socket)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 41.6: "42", 99999999: "99999999", 100000000: "100000K", 12_345_678_901_234: "12345679M", 1e30: "1000000000000000000T",
	} {
		if got := short(v); got != want {
			t.Errorf("short(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59900 * time.Millisecond: "59s", 192 * time.Second: "3m12s", 90 * time.Minute: "1h30m", 76 * time.Hour: "3d4h",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %s, want %s", d, got, want)
		}
	}
}

// screens counts what is written and ends a context after the second time.
type screens struct {
	n      int
	cancel func()
}

func (f *screens) Write(p []byte) (int, error) {
	if f.n++; f.n == 2 {
		f.cancel()
	}
	return len(p), nil
}

func TestStatusWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &screens{cancel: cancel}
	o := statusOptions{watch: true}
	if err := o.show(ctx, api.NewClient(serve(t, &fake{status: sample()})), out); err != nil || out.n != 2 {
		t.Errorf("shown %d times, %v", out.n, err)
	}
}

func TestLoadNote(t *testing.T) {
	for want, l := range map[string]*api.ServerLoad{
		"": {Part: 100, Says: new(250)},
		"load: it asks for 20 % of its weight, and has 100 %": {Part: 100, Says: new(20)},
		"load: it says nothing, and has 45 % of its weight":   {Part: 45},
		"load: it asks for no new connections":                {Says: new(int)},
	} {
		if got := loadNote(l); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
	if got := loadNote(nil) + loadNote(&api.ServerLoad{Part: 100}); got != "" {
		t.Errorf("%q", got)
	}
}
