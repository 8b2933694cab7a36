package latency

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/peer/peertest"
	"lvsdr/lab"
)

func TestMain(m *testing.M) { peertest.Main(m) }

// options are those of a quick test with the real program, which leaves its files
// where the test looks after them.
func options(t *testing.T) Options {
	t.Helper()
	lab.ForTest(t) // skips where there is no root
	path := peertest.Director(t)
	t.Setenv("TMPDIR", t.TempDir())
	o := Quick()
	o.Program = path
	return o
}

// nothingLeft fails the test if a run has left a file.
func nothingLeft(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// TestLANRun: a whole run has all figures of all variants, each of which answers, and
// percentiles rise. It says what it left out, and leaves nothing.
func TestLANRun(t *testing.T) {
	o := options(t)
	r := bench.Start("test", nil)
	if err := Measure(t.Context(), r, o, nil); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t)
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	variants, err := o.variants()
	if err != nil {
		t.Fatal(err)
	}
	if len(variants) != 10 {
		t.Errorf("%d variants", len(variants))
	}
	for _, v := range variants {
		if why := skipped(r, v.Name); why != "" && v.Name == "ipvs" {
			t.Log(why)
			continue
		}
		for _, c := range o.circumstances() {
			checkTrips(t, r, v.Name, &c)
		}
		checkIdle(t, r, v)
	}
	if len(r.Plots) != len(o.circumstances()) {
		t.Errorf("%d plots", len(r.Plots))
	}
}

func skipped(r *bench.Run, what string) string {
	for _, s := range r.Skipped {
		if s.What == what {
			return s.Why
		}
	}
	return ""
}

// value returns a figure that was measured once.
func value(t *testing.T, r *bench.Run, variant, load, metric string) float64 {
	t.Helper()
	s := r.Find(bench.Name{Scenario: Scenario, Variant: variant, Params: params(load), Metric: metric})
	if s == nil || len(s.Samples) != 1 {
		t.Errorf("%s, load %s, %s: %+v", variant, load, metric, s)
		return 0
	}
	return s.Samples[0].Value
}

func checkTrips(t *testing.T, r *bench.Run, variant string, c *circumstance) {
	t.Helper()
	last := 0.0
	for _, metric := range []string{MetricP50, MetricP90, MetricMax} {
		v := value(t, r, variant, c.name, metric)
		if v < last || v <= 0 {
			t.Errorf("%s, load %s: %s is %v, the one before %v", variant, c.name, metric, v, last)
		}
		last = v
	}
	if lost := value(t, r, variant, c.name, MetricLost); lost > 50 {
		t.Errorf("%s, load %s: %v %% are lost", variant, c.name, lost)
	}
	if c.share > 0 && value(t, r, variant, c.name, MetricLoad) <= 0 {
		t.Errorf("%s, load %s: there was none", variant, c.name)
	}
	if variant != "direct" {
		value(t, r, variant, c.name, MetricAdded)
	}
	for _, d := range r.Distributions {
		if d.Variant == variant && d.Metric == metricOf(c.name) && len(d.Bins) > 0 {
			return
		}
	}
	t.Errorf("%s, load %s: no distribution", variant, c.name)
}

// checkIdle: what waits for frames itself has a figure for that; how much it takes
// is another test's.
func checkIdle(t *testing.T, r *bench.Run, v variant) {
	t.Helper()
	if !strings.HasPrefix(v.Name, "director ") && !strings.HasPrefix(v.Name, "forwarder ") {
		return
	}
	if share := value(t, r, v.Name, "none, idle", MetricIdle); share < 0 || share > 250 {
		t.Errorf("%s takes %v %% of a processor", v.Name, share)
	}
}

// TestLANIdle: one that spins takes a processor while nothing happens, or what others
// leave of it, and nothing while it rests; one that blocks takes hardly any.
func TestLANIdle(t *testing.T) {
	o := options(t)
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	s, err := newSite(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	// Its threads have run, or not, when other programs let them.
	soon := func(p *path, want func(share float64) bool) {
		t.Helper()
		share := 0.0
		for range 20 {
			if share, err = p.idle(t.Context(), 200*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if want(share) {
				return
			}
		}
		t.Errorf("%s takes %v of a processor", p.Name, share)
	}
	little := func(share float64) bool { return share >= 0 && share < 0.02 }
	for _, poll := range Polls() {
		p, err := s.add(t.Context(), waiting("forwarder", poll))
		if err != nil {
			t.Fatal(err)
		}
		soon(p, little)
		if !p.spins {
			continue
		}
		err = p.awake(func() error {
			soon(p, func(share float64) bool { return share > 0.1 })
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		soon(p, little)
	}
}

// TestLANThroughPeer: what is answered has passed the peer: while it sleeps, nothing
// is, and afterwards all is again.
func TestLANThroughPeer(t *testing.T) {
	o := options(t)
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	o.Steer = true // the other way is that of a whole run
	s, err := newSite(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"forwarder", "director"} {
		p, err := s.add(t.Context(), waiting(peer, "block"))
		if err != nil {
			t.Fatal(err)
		}
		checkSleeps(t, p)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	nothingLeft(t)
}

func checkSleeps(t *testing.T, p *path) {
	t.Helper()
	answers := func() uint64 {
		found, err := p.client.run(t.Context(), time.Millisecond, 5*time.Millisecond, nil)
		if err != nil {
			t.Fatal(err)
		}
		return found.took.total()
	}
	if n := answers(); n == 0 {
		t.Errorf("%s: none of the datagrams was answered", p.Name)
	}
	if err := p.Sleep(); err != nil {
		t.Fatal(err)
	}
	// What has begun may still be answered, on a busy machine for a while.
	tries := 20
	for answers() != 0 {
		if tries--; tries == 0 {
			t.Fatalf("%s: answers while it sleeps", p.Name)
		}
	}
	if err := p.Wake(); err != nil {
		t.Fatal(err)
	}
	if n := answers(); n == 0 {
		t.Errorf("%s: no answers after it has slept", p.Name)
	}
}

// TestLANFails: a peer that does not start is left out, with the reason; the others
// are measured.
func TestLANFails(t *testing.T) {
	o := options(t)
	o.Peers, o.Polls, o.Program = []string{"direct", "director", "nft-fwd"}, []string{"block"}, "/bin/false"
	r := bench.Start("test", nil)
	if err := Measure(t.Context(), r, o, nil); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t)
	if why := skipped(r, "director block"); !strings.Contains(why, "it failed: ") {
		t.Errorf("director: %q", why)
	}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	for _, variant := range []string{"direct", "nft-fwd"} {
		for _, c := range o.circumstances() {
			checkTrips(t, r, variant, &c)
		}
	}
}

// TestLANInterrupted: a run that is ended from outside ends soon, keeps what it has,
// and leaves nothing behind, which the test of leaked goroutines looks at too.
func TestLANInterrupted(t *testing.T) {
	o := options(t)
	o.Peers, o.Polls, o.Time, o.Rounds = []string{"direct", "director"}, []string{"spin"}, time.Minute, 1000
	o.Sleep = true
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
	nothingLeft(t)
}

type cancelAt struct{ show func(bench.Status) }

func (c cancelAt) Show(s bench.Status) { c.show(s) }
func (c cancelAt) Done()               {}
