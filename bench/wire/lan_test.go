package wire

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
	"lvsdr/bench/peer/peertest"
	"lvsdr/lab"
)

func TestMain(m *testing.M) { peertest.Main(m) }

// options are those of a quick test with the real program.
func options(t *testing.T) Options {
	t.Helper()
	lab.ForTest(t) // skips where there is no root
	path := peertest.Director(t)
	o := Options{Program: path, Flows: 250, Time: 20 * time.Millisecond, Rounds: 1}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	return o
}

// newTestSite is a site that is closed when the test ends.
func newTestSite(t *testing.T, o Options) *site {
	t.Helper()
	s, err := newSite(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLANEveryFrame: at a low rate each peer gets all frames to the servers, and to
// all of them if it balances; and at any rate, what was sent is what arrived and
// what was counted as lost.
func TestLANEveryFrame(t *testing.T) {
	for _, protocol := range []generator.Protocol{generator.UDP, generator.TCP} {
		for _, p := range Peers() {
			t.Run(string(protocol)+" "+p.Name, func(t *testing.T) {
				o := options(t)
				o.Protocol = protocol
				g := newTestSite(t, o).newSegment(p)
				err := g.start(t.Context())
				if errors.Is(err, bench.ErrSkip) && p.Name == "ipvs" {
					t.Log(err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if g.kind != generator.LiveFrames {
					t.Errorf("frames are sent by %s", g.kind)
				}
				if p.start != nil && len(g.receiving) != 1 {
					t.Errorf("the kernel receives in the threads %v: %q", g.receiving, g.site.notes)
				}
				checkSlow(t, g)
				checkSaturated(t, g)
			})
		}
	}
}

// checkSlow sends each flow twice, at a rate that everybody carries. Where other
// programs took the processor for so long that an interface had no room left, which
// is counted, it is done again.
func checkSlow(t *testing.T, g *segment) {
	t.Helper()
	const tries = 5
	frames := uint64(2 * g.site.options.Flows)
	var trial *Trial
	for range tries {
		var err error
		trial, err = g.try(t.Context(), generator.Load{Rate: 2000, Time: 10 * time.Second, Frames: frames})
		if err != nil {
			t.Fatal(err)
		}
		if trial.Sent != frames || trial.Lost.Elsewhere != 0 {
			t.Fatalf("sent %d, want %d; arrived %v, lost %v", trial.Sent, frames, trial.Delivered, &trial.Lost)
		}
		if trial.Lost.Wire == 0 {
			break
		}
	}
	if trial.Arrived() != frames {
		t.Errorf("sent %d, arrived %v, lost %v", trial.Sent, trial.Delivered, &trial.Lost)
	}
	balances := map[string]bool{"director": true, "director-packet": true, "nft-fwd": true, "nft-dnat": true}[g.peer.Name]
	for server, n := range trial.Delivered {
		if want := balances || server == 0; n == 0 == want {
			t.Errorf("server %d got %d frames", server, n)
		}
	}
	if trial.Measured && trial.CPU <= 0 {
		t.Errorf("the peer took %v of its processor", trial.CPU)
	}
}

// checkSaturated sends more than a peer can take. What the kernel drops between
// receiving and the packet filter it tells nobody.
func checkSaturated(t *testing.T, g *segment) {
	t.Helper()
	trial, err := g.try(t.Context(), generator.Load{Time: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if trial.Sent == 0 || trial.Arrived() == 0 || trial.Lost.Elsewhere != 0 {
		t.Errorf("sent %d, arrived %v, lost %v", trial.Sent, trial.Delivered, &trial.Lost)
	}
}

// TestLANRun: a whole run has all figures of all peers, shows how it gets on, and
// says what it left out.
func TestLANRun(t *testing.T) {
	o := options(t)
	o.Peers = []string{"direct", "director", "ipvs"}
	o.New = 0.01
	o.Protocol = generator.TCP
	o.Curve = true
	shown := new(shows)
	r := bench.Start("test", nil)
	if err := Measure(t.Context(), r, o, shown); err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"direct", "director"} {
		for _, metric := range []string{MetricRate, MetricSaturated, MetricOffered, MetricCPU, MetricLost + "ring"} {
			s := r.Find(bench.Name{Scenario: Scenario, Variant: peer, Params: o.params(), Metric: metric})
			if peer == "direct" && metric == MetricCPU {
				if s != nil {
					t.Error("nobody forwards, and yet it takes time")
				}
				continue
			}
			if s == nil || len(s.Samples) != 1 || metric == MetricSaturated && s.Samples[0].Value <= 0 {
				t.Errorf("%s %s: %+v", peer, metric, s)
			}
		}
	}
	for metric, want := range map[string][2]float64{MetricResident: {40, 1000}, MetricDeclared: {40, 1000}, MetricGC: {0, 3}} {
		for _, peer := range []string{"direct", "director"} {
			s := r.Find(bench.Name{Scenario: Scenario, Variant: peer, Params: o.params(), Metric: metric})
			if told := s != nil; told != (peer == "director") {
				t.Errorf("%s of %s is told: %v", metric, peer, told)
			} else if told && (s.Samples[0].Value < want[0] || s.Samples[0].Value > want[1]) {
				t.Errorf("%s of %s is %v", metric, peer, s.Samples[0].Value)
			}
		}
	}
	said := 0 // of the curve: what arrived, or that the generator fell behind
	for _, skipped := range r.Skipped {
		if strings.HasPrefix(skipped.What, ScenarioCurve+"/director ") {
			said++
		}
	}
	for _, rate := range curve {
		params := append(o.params(), bench.P(paramOffered, int(rate)))
		s := r.Find(bench.Name{Scenario: ScenarioCurve, Variant: "director", Params: params, Metric: MetricArrived})
		if s == nil {
			continue
		}
		said++
		if len(s.Samples) != 1 || s.Samples[0].Value <= 0 {
			t.Errorf("of %.0f frames/s arrived: %+v", rate, s)
		}
	}
	if said != len(curve) {
		t.Errorf("of %d rates of the curve %d are told: %+v", len(curve), said, r.Skipped)
	}
	if len(r.Skipped) == 0 && r.Find(bench.Name{Scenario: Scenario, Variant: "ipvs", Params: o.params(), Metric: MetricRate}) == nil {
		t.Error("IPVS was neither measured nor skipped")
	}
	if !shown.moving || shown.lost {
		t.Errorf("a rate was shown: %v; without its round: %v", shown.moving, shown.lost)
	}
}

type shows struct {
	bench.Silent
	moving, lost bool
}

func (s *shows) Show(status bench.Status) {
	s.moving = s.moving || status.Moving
	s.lost = s.lost || status.Moving && status.Round == 0 && !strings.Contains(status.What, ": open ")
}

// TestLANInterrupted: a run that is ended from outside ends soon, says so, and
// leaves nothing behind, which the test of leaked goroutines, and the site's close,
// look at.
func TestLANInterrupted(t *testing.T) {
	o := options(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	o.Peers = []string{"forwarder", "director"}
	o.Time, o.Rounds = time.Minute, 1000
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	progress := cancelAt{func(s bench.Status) {
		if s.Round == 1 {
			cancel(enough)
		}
	}}
	r := bench.Start("test", nil)
	if err := Measure(ctx, r, o, progress); !errors.Is(err, enough) || !r.Interrupted {
		t.Errorf("error %v, interrupted %v", err, r.Interrupted)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

type cancelAt struct{ show func(bench.Status) }

func (c cancelAt) Show(s bench.Status) { c.show(s) }
func (c cancelAt) Done()               {}
