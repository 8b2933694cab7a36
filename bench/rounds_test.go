package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// counted are cases that note that they were measured.
func counted(log *[]string, names ...string) (cases []Case) {
	for _, name := range names {
		cases = append(cases, Case{Scenario: "s", Variant: name, Measure: func(context.Context) ([]Reading, error) {
			*log = append(*log, name)
			return []Reading{{Metric: "m", Unit: "u", Better: Lower, Value: float64(len(*log))}}, nil
		}})
	}
	return cases
}

// TestRoundsInterleave: each round has each case once, in another order.
func TestRoundsInterleave(t *testing.T) {
	var log []string
	names := []string{"a", "b", "c", "d", "e"}
	const rounds = 6
	r := new(Run)
	if err := r.Rounds(t.Context(), rounds, counted(&log, names...), nil); err != nil {
		t.Fatal(err)
	}
	orders := make(map[string]bool)
	for i := range rounds {
		round := log[i*len(names) : (i+1)*len(names)]
		orders[strings.Join(round, "")] = true
		if !slices.Equal(slices.Sorted(slices.Values(round)), names) {
			t.Errorf("round %d: %v", i+1, round)
		}
	}
	if !slices.Equal(log[:len(names)], names) || len(orders) < 3 {
		t.Errorf("%v", log)
	}
	for i, s := range r.Series {
		if s.Variant != names[i] || len(s.Samples) != rounds || s.Samples[0].Round != 1 || s.Samples[rounds-1].Round != rounds {
			t.Errorf("%+v", s)
		}
	}
}

func TestRoundsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	var log []string
	cases := counted(&log, "a", "b")
	measure := cases[1].Measure
	cases[1].Measure = func(ctx context.Context) ([]Reading, error) {
		if len(log) == 3 {
			cancel(why)
			return nil, ctx.Err()
		}
		return measure(ctx)
	}
	r := new(Run)
	err := r.Rounds(ctx, 5, cases, nil)
	if !errors.Is(err, why) || !r.Interrupted || len(log) != 3 {
		t.Errorf("error %v, interrupted %v, %v", err, r.Interrupted, log)
	}
	if got := len(r.Series[0].Samples) + len(r.Series[1].Samples); got != 3 {
		t.Errorf("%d samples are kept", got)
	}
}

func TestRoundsSkip(t *testing.T) {
	var log []string
	cases := counted(&log, "a", "b")
	tries := 0
	cases[0].Measure = func(context.Context) ([]Reading, error) {
		tries++
		return nil, fmt.Errorf("no such peer: %w; install it", ErrSkip)
	}
	r := new(Run)
	if err := r.Rounds(t.Context(), 3, cases, nil); err != nil {
		t.Fatal(err)
	}
	if tries != 1 || len(log) != 3 || r.Interrupted {
		t.Errorf("%d tries, %v", tries, log)
	}
	if want := []Skip{{"s/a", "no such peer: skipped; install it"}}; !slices.Equal(r.Skipped, want) {
		t.Errorf("%+v", r.Skipped)
	}
	r.Skip("s/a", "no such peer: skipped; install it")
	if len(r.Skipped) != 1 {
		t.Errorf("noted twice: %+v", r.Skipped)
	}
}

func TestRoundsFail(t *testing.T) {
	var log []string
	cases := counted(&log, "a", "b")
	broken := errors.New("broken")
	cases[1].Measure = func(context.Context) ([]Reading, error) { return nil, broken }
	r := new(Run)
	err := r.Rounds(t.Context(), 3, cases, nil)
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "s/b: ") || r.Interrupted {
		t.Errorf("error %v", err)
	}
	if len(r.Series) != 1 || len(r.Series[0].Samples) != 1 {
		t.Errorf("what was measured before is lost: %+v", r.Series)
	}
}

// TestRoundsProgress: every step is shown, and the end.
func TestRoundsProgress(t *testing.T) {
	var log []string
	var p recorder
	if err := new(Run).Rounds(t.Context(), 2, counted(&log, "a", "b"), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.shown) != 4 || p.shown[0].What != "s/a" || p.shown[3].Round != 2 || p.shown[3].Rounds != 2 || p.ends != 1 {
		t.Errorf("%+v", p)
	}
}

type recorder struct {
	shown []Status
	ends  int
}

func (r *recorder) Show(s Status) { r.shown = append(r.shown, s) }
func (r *recorder) Done()         { r.ends++ }

func TestRatio(t *testing.T) {
	r := new(Run)
	hit, limit := Case{Scenario: "s", Variant: "hit"}, Case{Scenario: "s", Variant: "limit"}
	for round, v := range []float64{10, 20, 30} {
		r.Record(&hit, round+1, Reading{Metric: "time", Better: Lower, Value: v})
	}
	for round, v := range []float64{5, 0} { // and none in round 3
		r.Record(&limit, round+1, Reading{Metric: "time", Better: Lower, Value: v})
	}
	r.Ratio("hit / limit", r.Series[0], r.Series[1])
	r.Ratio("nothing", r.Series[0], nil)
	if len(r.Series) != 3 {
		t.Fatalf("%d series", len(r.Series))
	}
	got := r.Series[2]
	if got.Variant != "hit / limit" || got.Metric != "ratio" || !slices.Equal(got.Samples, []Sample{{1, 2}}) {
		t.Errorf("%+v", got)
	}
}
