package report

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lvsdr/bench"
)

// run has a growth with two lines, a loss by rate, and a distribution.
func run() *bench.Run {
	r := &bench.Run{
		Schema: bench.Schema, Program: "v1", Command: []string{"director", "bench", "growth"},
		Machine: bench.Machine{CPU: "a <CPU> | with *marks*", Cores: 2},
		Start:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), End: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC),
		Distributions: []*bench.Distribution{
			{
				Name: bench.Name{Scenario: "latency", Variant: "director", Metric: "round trip"}, Unit: "us",
				Bins: []bench.Bin{{Upto: 10, Count: 50}, {Upto: 20, Count: 25}, {Upto: 500, Count: 25}},
			},
			{Name: bench.Name{Scenario: "latency", Variant: "nobody", Metric: "round trip"}, Unit: "us"},
		},
		Plots: []bench.Plot{
			{Title: "Time & connections", Scenario: "growth", Metric: "time", Along: "connections", LogX: true},
			{Title: "Loss by rate", Scenario: "wire", Metric: "loss", Along: "offered", Unit: "frames/s"},
			{Title: "Round trips", Scenario: "latency", Metric: "round trip", LogX: true},
			{Title: "Not measured", Scenario: "tcp", Metric: "rate", Along: "size"},
		},
	}
	record := func(scenario, variant, metric, unit string, p bench.Param, values ...float64) {
		c := bench.Case{Scenario: scenario, Variant: variant, Params: []bench.Param{p}}
		for round, v := range values {
			r.Record(&c, round+1, bench.Reading{Metric: metric, Unit: unit, Better: bench.Lower, Value: v})
		}
	}
	for _, n := range []int{1_000_000, 1000} { // not in the order of the axis
		record("growth", "a<b", "time", "ns", bench.P("connections", n), 100, 120, 140)
		record("growth", "new", "time", "ns", bench.P("connections", n), 300)
	}
	record("wire", "director", "loss", "%", bench.P("offered", 500_000), 0, 0)
	record("wire", "director", "loss", "%", bench.P("offered", 1_000_000), 20, 30)
	return r
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "report")
	for range 2 { // the second time over the first
		if err := Write(dir, run()); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 5 {
		t.Errorf("%d files: %v, %v", len(names), names, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, Page))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"    director bench growth\n", "2026-01-02T03:04:05Z, 1m0s",
		`a &lt;CPU> \| with \*marks\*, 2 cores`,
		"## growth: time, ns", "| a&lt;b | 1000000 | 120 | 8 % | 100 | 140 | 3 |",
		"![Time & connections](plot-1.svg)", "![Loss by rate](plot-2.svg)", "![Round trips](plot-3.svg)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "Not measured") {
		t.Errorf("a plot of nothing in\n%s", text)
	}
	if _, err := bench.ReadFile(filepath.Join(dir, Data)); err != nil {
		t.Error(err)
	}
}

func TestWriteFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, run()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
}

// TestSVG: the pictures are well-formed, and show what is there.
func TestSVG(t *testing.T) {
	r := run()
	for _, c := range []struct {
		plot   int
		curves int
		labels []string
	}{
		{0, 2, []string{"Time & connections", "a<b", "new", "connections", "time, ns", "1000", "1.00 M"}},
		{1, 1, []string{"Loss by rate", "director", "offered, frames/s", "loss, %", "0", "1.00 M"}},
		{2, 1, []string{"Round trips", "director", "round trip, us", "share of all, %", "100"}},
	} {
		var curves int
		labels := make(map[string]bool)
		decoder := xml.NewDecoder(strings.NewReader(newChart(r, r.Plots[c.plot]).svg()))
		for {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				if e.Name.Local == "polyline" {
					curves++
				}
			case xml.CharData:
				labels[string(e)] = true
			}
		}
		if curves != c.curves {
			t.Errorf("plot %d has %d curves", c.plot, curves)
		}
		for _, l := range c.labels {
			if !labels[l] {
				t.Errorf("plot %d: no %q among %v", c.plot, l, labels)
			}
		}
	}
}
