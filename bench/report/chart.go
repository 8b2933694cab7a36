package report

import (
	"cmp"
	"slices"
	"strings"

	"lvsdr/bench"
)

// chart is a plot with its data.
type chart struct {
	title string
	x, y  axis
	lines []line
}

// line is one curve.
type line struct {
	label  string
	points []point // by rising x
}

// point is a median with the middle half of its samples; low and high are y where
// there is no spread to show.
type point struct{ x, y, low, high float64 }

// maxPoints is how many points a curve of a distribution has at most: more would
// not be seen.
const maxPoints = 400

// newChart takes the data of a plot out of a run.
func newChart(run *bench.Run, p bench.Plot) *chart {
	c := &chart{title: p.Title}
	if p.Along == "" {
		c.distributions(run, p)
	} else {
		c.series(run, p)
	}
	c.x.log, c.y.log = p.LogX, p.LogY
	c.x.span(c.values(func(p point) []float64 { return []float64{p.x} }))
	c.y.span(c.values(func(p point) []float64 { return []float64{p.low, p.high} }))
	return c
}

func (c *chart) empty() bool { return len(c.lines) == 0 }

// series draws a line for each name but for the circumstance along which it goes.
func (c *chart) series(run *bench.Run, p bench.Plot) {
	c.x.label = p.Along
	if p.Unit != "" {
		c.x.label += ", " + p.Unit
	}
	for _, s := range run.Series {
		x, ok := s.Number(p.Along)
		if !ok || s.Scenario != p.Scenario || s.Metric != p.Metric || len(s.Samples) == 0 {
			continue
		}
		m := s.Summary()
		c.y.label = s.Metric + ", " + s.Unit
		l := c.line(label(s.Without(p.Along)))
		l.points = append(l.points, point{x, m.Median, m.Quarter1, m.Quarter3})
	}
	for _, l := range c.lines {
		slices.SortStableFunc(l.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	}
}

// distributions draws the share of values up to each.
func (c *chart) distributions(run *bench.Run, p bench.Plot) {
	c.y.label = "share of all, %"
	for _, d := range run.Distributions {
		if d.Scenario != p.Scenario || d.Metric != p.Metric {
			continue
		}
		total, sum := uint64(0), uint64(0)
		for _, b := range d.Bins {
			total += b.Count
		}
		if total == 0 {
			continue
		}
		c.x.label = d.Metric + ", " + d.Unit
		l := c.line(label(d.Name))
		every := len(d.Bins)/maxPoints + 1
		for i, b := range d.Bins {
			sum += b.Count
			if i%every == 0 || i == len(d.Bins)-1 {
				y := 100 * float64(sum) / float64(total)
				l.points = append(l.points, point{b.Upto, y, y, y})
			}
		}
	}
}

// line returns the line with the label, made if it is new.
func (c *chart) line(label string) *line {
	i := slices.IndexFunc(c.lines, func(l line) bool { return l.label == label })
	if i < 0 {
		i = len(c.lines)
		c.lines = append(c.lines, line{label: label})
	}
	return &c.lines[i]
}

func label(n bench.Name) string {
	parts := []string{n.Variant}
	for _, p := range n.Params {
		parts = append(parts, p.Key+" "+p.Value)
	}
	return strings.Join(parts, ", ")
}

func (c *chart) values(of func(point) []float64) (all []float64) {
	for _, l := range c.lines {
		for _, p := range l.points {
			all = append(all, of(p)...)
		}
	}
	return all
}
