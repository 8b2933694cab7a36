package tcp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/lan"
	"lvsdr/bench/peer/peertest"
	"lvsdr/lab"
)

func TestMain(m *testing.M) { peertest.Main(m) }

// options are those of a quick test with the real program, of whose files none
// may be left.
func options(t *testing.T) Options {
	t.Helper()
	lab.ForTest(t) // skips where there is no root
	path := peertest.Director(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	before := namespaces(t)
	t.Cleanup(func() {
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
		for space, process := range namespaces(t) {
			if before[space] == "" {
				t.Errorf("left: %s in %s", process, space)
			}
		}
	})
	o := Quick()
	o.Program, o.Time, o.Rounds, o.Connections = path, 100*time.Millisecond, 2, 8
	return o
}

// namespaces are the network namespaces in which there are children of this
// process, and one of these.
func namespaces(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		children, _ := os.ReadFile(path) // a thread that has ended has none
		for _, child := range strings.Fields(string(children)) {
			if space, err := os.Readlink("/proc/" + child + "/ns/net"); err == nil {
				name, _ := os.ReadFile("/proc/" + child + "/comm")
				found[space] = strings.TrimSpace(string(name))
			}
		}
	}
	return found
}

// measured finds the series of a peer's scenario, the first one by circumstances.
func measured(r *bench.Run, scenario, peer, metric string) *bench.Series {
	for _, s := range r.Series {
		if s.Scenario == scenario && s.Variant == peer && s.Metric == metric {
			return s
		}
	}
	return nil
}

// TestLANRun: a whole run has all figures of all peers, each of which carried
// traffic without a failure, and says what it left out.
func TestLANRun(t *testing.T) {
	o := options(t)
	r := bench.Start("test", nil)
	if err := Measure(t.Context(), r, o, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range lan.Peers() {
		if p.Name == "ipvs" && len(r.Skipped) > 0 && r.Skipped[0].What == p.Name {
			continue
		}
		for _, scenario := range []string{Connections, Requests, Upload} {
			checkMeasured(t, r, scenario, p.Name)
		}
	}
	uploads := 0
	for _, s := range r.Series {
		if s.Scenario == Upload && s.Variant == "director" && s.Metric == MetricRate {
			uploads++
		}
	}
	if uploads != 2 {
		t.Errorf("%d kinds of uploads, want those with offloads and without", uploads)
	}
	if len(r.Plots) != 3 {
		t.Errorf("%d plots", len(r.Plots))
	}
}

// checkMeasured: a peer carried something in each round but for those in which it
// had no processor, failed at nothing, and has its ratio to direct.
func checkMeasured(t *testing.T, r *bench.Run, scenario, peer string) {
	t.Helper()
	rate := measured(r, scenario, peer, MetricRate)
	if rate == nil || len(rate.Samples) == 0 || slices.Max(rate.Values()) <= 0 {
		t.Fatalf("%s of %s: %+v", scenario, peer, rate)
	}
	if failed := measured(r, scenario, peer, MetricFailed); failed == nil || slices.Max(failed.Values()) != 0 {
		t.Errorf("%s of %s: failed %+v; %v", scenario, peer, failed, r.Skipped)
	}
	ratio, unit := measured(r, scenario, peer, MetricRatio), measured(r, scenario, direct, MetricRate)
	if peer == direct {
		if ratio != nil {
			t.Errorf("%s: a ratio of direct to itself", scenario)
		}
		return
	}
	if ratio == nil || len(unit.Samples) != len(rate.Samples) {
		t.Fatalf("%s of %s: no ratio of %+v to %+v", scenario, peer, rate, unit)
	}
	for _, s := range ratio.Samples {
		if i := s.Round - 1; s.Value != rate.Samples[i].Value/unit.Samples[i].Value {
			t.Errorf("%s of %s: ratio %v of %v to %v", scenario, peer, s.Value, rate.Samples[i], unit.Samples[i])
		}
	}
}

// TestLANPrograms: with nginx, wrk and iperf3 figures say so, and none fails.
func TestLANPrograms(t *testing.T) {
	for _, program := range []string{"nginx", "wrk", "iperf3"} {
		path := os.Getenv("PATH")
		t.Setenv("PATH", path+":/usr/sbin:/sbin")
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: make deps installs it", err)
		}
	}
	o := options(t)
	o.Peers, o.Rounds, o.BuiltIn = []string{"direct", "haproxy"}, 1, false
	r := bench.Start("test", nil)
	if err := Measure(t.Context(), r, o, nil); err != nil {
		t.Fatal(err)
	}
	for _, peer := range o.Peers {
		for _, scenario := range []string{Connections, Requests, Upload} {
			checkMeasured(t, r, scenario, peer)
			client, _ := measured(r, scenario, peer, MetricRate).Param("client")
			want := "wrk"
			if scenario == Upload {
				want = "iperf3"
			}
			if client != want {
				t.Errorf("%s of %s by %s, want %s", scenario, peer, client, want)
			}
		}
		if web, _ := measured(r, Requests, peer, MetricRate).Param("servers"); web != "nginx" {
			t.Errorf("servers of %s: %s", peer, web)
		}
	}
	if len(r.Skipped) > 0 {
		t.Errorf("notes %v", r.Skipped)
	}
}

// TestLANFails: a peer that does not start is left out, with the reason; the others
// are measured.
func TestLANFails(t *testing.T) {
	o := options(t)
	o.Peers, o.Program = []string{"direct", "director", "nft-fwd"}, "/bin/false"
	r := bench.Start("test", nil)
	if err := Measure(t.Context(), r, o, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Skipped); n != 1 || r.Skipped[0].What != "director" || !strings.Contains(r.Skipped[0].Why, "it failed: ") {
		t.Errorf("notes %v", r.Skipped)
	}
	for _, peer := range []string{"direct", "nft-fwd"} {
		for _, scenario := range []string{Connections, Requests, Upload} {
			checkMeasured(t, r, scenario, peer)
		}
	}
}

// TestLANFailed: what fails is a figure with a reason, not an error.
func TestLANFailed(t *testing.T) {
	o := options(t)
	o.Peers = []string{"direct"}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	r := bench.Start("test", nil)
	s, err := newSite(r, o, bench.Silent{})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := s.prepare(t.Context())
	if err == nil {
		err = s.servers.stop()
	}
	if err == nil {
		err = r.Rounds(t.Context(), 2, cases, nil)
	}
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
	for _, scenario := range []string{Connections, Requests, Upload} {
		rate, failed := measured(r, scenario, direct, MetricRate), measured(r, scenario, direct, MetricFailed)
		if rate == nil || rate.Samples[1].Value != 0 || failed.Samples[1].Value != 100 {
			t.Errorf("%s without servers: %+v, failed %+v", scenario, rate, failed)
		}
	}
	if len(r.Skipped) != len(cases) || !strings.Contains(r.Skipped[0].Why, "connection refused") {
		t.Errorf("notes %v", r.Skipped)
	}
}

// TestLANInterrupted: a run that is ended from outside ends soon, says so, and
// leaves nothing behind.
func TestLANInterrupted(t *testing.T) {
	o := options(t)
	o.Peers = []string{"direct", "director", "nginx-stream"}
	o.Time, o.Rounds, o.BuiltIn = time.Minute, 1000, false
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	r := bench.Start("test", nil)
	err := Measure(ctx, r, o, cancelAt{func(s bench.Status) {
		if s.Round == 1 {
			cancel(enough)
		}
	}})
	if !errors.Is(err, enough) || !r.Interrupted {
		t.Errorf("error %v, interrupted %v", err, r.Interrupted)
	}
}

type cancelAt struct{ show func(bench.Status) }

func (c cancelAt) Show(s bench.Status) { c.show(s) }
func (c cancelAt) Done()               {}
