package report

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lvsdr/bench"
)

// rates has two peers, of which the second one is twice as fast.
func rates() *bench.Run {
	r := &bench.Run{Schema: bench.Schema, Plots: []bench.Plot{
		{Title: "Connections & more", Scenario: "tcp", Metric: "rate", Bars: true},
		{Title: "Not measured", Scenario: "udp", Metric: "rate", Bars: true},
	}}
	for variant, values := range map[string][]float64{"a<b": {1000, 1000, 1000}, "director": {1900, 2000, 2100}} {
		for round, v := range values {
			c := bench.Case{Scenario: "tcp", Variant: variant, Params: []bench.Param{bench.P("offloads", "on")}}
			r.Record(&c, round+1, bench.Reading{Metric: "rate", Unit: "connections/s", Better: bench.Higher, Value: v})
		}
	}
	return r
}

// drawnBars are the labels of a picture, and the widths of its coloured boxes.
func drawnBars(t *testing.T, svg string) (labels []string, widths []float64, whiskers int) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return labels, widths, whiskers
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.CharData:
			labels = append(labels, string(e))
		case xml.StartElement:
			attributes := make(map[string]string)
			for _, a := range e.Attr {
				attributes[a.Name.Local] = a.Value
			}
			if e.Name.Local == "line" && attributes["stroke"] == "black" {
				whiskers++
			}
			if e.Name.Local == "rect" && attributes["fill"] == colours[0] {
				width, err := strconv.ParseFloat(attributes["width"], 64)
				if err != nil {
					t.Fatal(err)
				}
				widths = append(widths, width)
			}
		}
	}
}

// TestBars: bars are as long as medians are, and begin at 0.
func TestBars(t *testing.T) {
	r := rates()
	labels, widths, whiskers := drawnBars(t, newBars(r, r.Plots[0]).svg())
	if len(widths) != 2 || math.Abs(max(widths[0], widths[1])/min(widths[0], widths[1])-2) > 0.01 {
		t.Errorf("widths %v, want one twice the other", widths)
	}
	if whiskers != 1 {
		t.Errorf("%d spreads are drawn, one peer has some", whiskers)
	}
	all := strings.Join(labels, "\n")
	for _, want := range []string{"Connections & more", "a<b, offloads on", "director, offloads on", "rate, connections/s", "2000"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q among %q", want, labels)
		}
	}
}

// TestBarsOnPage: they stand behind the table of their figures.
func TestBarsOnPage(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, rates()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, Page))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "![Connections & more](plot-1.svg)"); n != 1 || strings.Contains(string(text), "Not measured") {
		t.Errorf("the plot is there %d times:\n%s", n, text)
	}
}
