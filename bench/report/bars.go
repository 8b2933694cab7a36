package report

import (
	"fmt"
	"strings"

	"lvsdr/bench"
)

// bars is a plot of medians side by side.
type bars struct {
	title string
	x     axis
	rows  []bar
}

// bar is a median with the middle half of its samples.
type bar struct {
	label             string
	median, low, high float64
}

// newBars takes the data of a plot out of a run, in the run's order.
func newBars(run *bench.Run, p bench.Plot) *bars {
	c := &bars{title: p.Title}
	var ends []float64
	for _, s := range run.Series {
		if s.Scenario != p.Scenario || s.Metric != p.Metric || len(s.Samples) == 0 {
			continue
		}
		m := s.Summary()
		c.x.label = s.Metric + ", " + s.Unit
		c.rows = append(c.rows, bar{label(s.Name), m.Median, m.Quarter1, m.Quarter3})
		ends = append(ends, m.Median, m.Quarter3)
	}
	c.x.span(ends)
	return c
}

func (c *bars) empty() bool { return len(c.rows) == 0 }

// Sizes, in pixels.
const (
	barLabel  = 330.0 // before the bars
	barHeight = 16.0
	barLine   = 26.0
)

func (c *bars) px(x float64) float64 { return barLabel + c.x.at(x)*(width-barLabel-right) }

// svg draws them, the first one on top.
func (c *bars) svg() string {
	var b strings.Builder
	foot := top + barLine*float64(len(c.rows))
	full := foot + bottom
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, full)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="white"/>`+"\n", width, full)
	text(&b, width/2, 22, "middle", c.title, ` font-size="15"`)
	for _, v := range c.x.ticks() {
		rule(&b, c.px(v), top, c.px(v), foot, ` stroke="#ddd"`)
		text(&b, c.px(v), foot+16, "middle", bench.Scale(v), "")
	}
	text(&b, (barLabel+width-right)/2, full-12, "middle", c.x.label, "")
	for i, r := range c.rows {
		y := top + barLine*float64(i) + (barLine-barHeight)/2
		middle := y + barHeight/2
		text(&b, barLabel-6, middle+4, "end", r.label, "")
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%g" fill="%s"/>`+"\n",
			c.px(0), y, c.px(r.median)-c.px(0), barHeight, colours[0])
		if r.low != r.high {
			rule(&b, c.px(r.low), middle, c.px(r.high), middle, ` stroke="black"`)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}
