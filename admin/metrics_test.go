package admin_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a director with a little of everything.
func sample() *api.Status {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &api.Status{
		Version: "v1.2.3", Started: start, Now: start.Add(time.Hour), ConfigFile: "director.yaml",
		ConfigSince: start.Add(time.Minute), Guard: "missing",
		Interfaces: []api.Interface{
			{Name: "eth0", Role: "ingress", MAC: "02:00:00:00:00:01", MTU: 1500, State: "up"},
			{Name: "eth1", Role: "egress", MAC: "02:00:00:00:01:01", MTU: 1500, State: "no carrier"},
		},
		VIPs: []api.VIP{
			{Address: "192.0.2.10", State: "owned", Since: start, MAC: "02:00:00:00:00:01"},
			{Address: "192.0.2.11", State: "refused", Since: start, RefusedBy: "02:00:00:00:00:66", Claimants: []api.Claimant{
				{MAC: "02:00:00:00:00:66", How: "reply", First: start, Last: start, Count: 3},
			}},
		},
		Services: []api.Service{{
			Name: "web", Protocol: "tcp", Addresses: []string{"192.0.2.10:80"}, Scheduler: "wlc", Reject: "rst",
			Servers: []api.RealServer{
				{
					Address: "192.0.2.21:80", Weight: 1, Configured: 1, Health: "up", State: "up", Since: start, MAC: "02:00:00:00:00:21",
					MACState: "reachable", Active: 2, Inactive: 3, Connections: 12, Packets: 120, Bytes: 12000,
				},
				{Address: "192.0.2.22:80", Configured: 2, Health: "down", State: "maintenance", Since: start, Check: "connection refused", MACState: "resolving"},
			},
			Quorum:      api.Quorum{Up: 2, Down: 1, Weight: 1, Plan: "normal"},
			SorryServer: &api.RealServer{Address: "192.0.2.99:80", Configured: 1, Health: "up", State: "standby"},
		}},
		Connections: api.Connections{Capacity: 1000, Used: 7, Connections: 5, IPv6: 2, Bytes: 27000, Inserted: 12, Refused: 1},
		Frames: api.Frames{Received: 130, Lost: 4, Verdicts: []api.Verdict{
			{Kind: "forward", Reason: "forward", Frames: 120}, {Kind: "drop", Reason: "no_connection", Frames: 10},
		}},
		Memory: api.Memory{
			Resident: 121_000_000, Collections: 12, Allocations: 34567,
			Parts: []api.MemoryPart{{Name: "connection_table", Bytes: 48_000_000}, {Name: api.RingsPart, Bytes: 8_257_536}, {Name: "program", Bytes: 64_000_000}},
		},
		Notifications: []api.Notifications{
			{Kind: "program", To: "program /usr/local/bin/notify", Waiting: 2, Delivered: 40, Failed: 1, Lost: 3, Error: "exit status 1"},
		},
		Alarms: []api.Alarm{{Since: start, What: "VIP 192.0.2.11 is refused", Remedy: "find 02:00:00:00:00:66"}},
	}
}

// get asks over TCP.
func get(t *testing.T, s *admin.Server, method, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMetrics(t *testing.T) {
	s, _ := serve(t, admin.Options{Socket: socketPath(t), Listen: "127.0.0.1:0", Source: always(sample())})
	code, body := get(t, s, http.MethodGet, "/metrics")
	if code != http.StatusOK || !strings.Contains(body, "\ngo_goroutines ") || !strings.Contains(body, "\nprocess_open_fds ") {
		t.Errorf("%d:\n%s", code, body)
	}
	var ours strings.Builder
	for line := range strings.Lines(body) {
		if strings.Contains(line, "director_") {
			ours.WriteString(line)
		}
	}
	golden := filepath.Join("testdata", "metrics.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(ours.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), ours.String()); diff != "" {
		t.Errorf("metrics (-want +got; -update writes them anew):\n%s", diff)
	}
	problems, err := promlint.New(strings.NewReader(ours.String())).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// TestScrapeOfSilentDirector: no sample is better than a wrong one.
func TestScrapeOfSilentDirector(t *testing.T) {
	source := always(nil)
	source.status = func(context.Context) (*api.Status, error) { return nil, errors.New("busy") }
	s, _ := serve(t, admin.Options{Socket: socketPath(t), Listen: "127.0.0.1:0", Source: source})
	if code, body := get(t, s, http.MethodGet, "/metrics"); code != http.StatusInternalServerError {
		t.Errorf("%d:\n%s", code, body)
	}
}

func TestTCPIsReadOnly(t *testing.T) {
	source := always(sample())
	source.reload = func(context.Context) (api.Reload, error) {
		t.Error("reloaded over TCP")
		return api.Reload{}, nil
	}
	s, _ := serve(t, admin.Options{Socket: socketPath(t), Listen: "127.0.0.1:0", Source: source})
	for _, request := range [][2]string{{"POST", "/v1/reload"}, {"POST", "/v1/changes"}, {"POST", "/v1/orders"}, {"GET", "/v1/events"}, {"POST", "/v1/status"}, {"GET", "/v1/connections"}, {"GET", "/v1/why"}, {"POST", "/metrics"}, {"GET", "/"}} {
		if code, _ := get(t, s, request[0], request[1]); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", request[0], request[1], code)
		}
	}
}

// TestMetricsAreDocumented looks for each name that is in the golden file.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		fields := strings.Fields(line)
		if fields[0] == "#" && fields[1] == "TYPE" && !strings.Contains(string(page), "`"+fields[2]+"`") {
			t.Errorf("docs/operations.md does not explain %s", fields[2])
		}
	}
}
