package report

import (
	"fmt"
	"html"
	"math"
	"strings"

	"lvsdr/bench"
)

// Sizes, in pixels. The legend stands below, in two columns.
const (
	width, height = 760.0, 400.0 // of the field with its axes
	left, right   = 70.0, 20.0
	top, bottom   = 40.0, 50.0
	legendLine    = 18.0
)

// colours are those of Okabe and Ito (2008), which the colour-blind can tell apart;
// then they come again, dashed.
var colours = []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A8A00"}

// svg draws the chart.
func (c *chart) svg() string {
	var b strings.Builder
	full := height + legendLine*math.Ceil(float64(len(c.lines))/2) + 10
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, full)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="white"/>`+"\n", width, full)
	text(&b, width/2, 22, "middle", c.title, ` font-size="15"`)
	c.grid(&b)
	for i := range c.lines {
		c.curve(&b, i)
		legend(&b, i, c.lines[i].label)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (c *chart) px(x float64) float64 { return left + c.x.at(x)*(width-left-right) }
func (c *chart) py(y float64) float64 { return height - bottom - c.y.at(y)*(height-top-bottom) }

// grid draws the axes.
func (c *chart) grid(b *strings.Builder) {
	const stroke = ` stroke="#ddd"`
	for _, v := range c.x.ticks() {
		rule(b, c.px(v), top, c.px(v), height-bottom, stroke)
		text(b, c.px(v), height-bottom+16, "middle", bench.Scale(v), "")
	}
	for _, v := range c.y.ticks() {
		rule(b, left, c.py(v), width-right, c.py(v), stroke)
		text(b, left-6, c.py(v)+4, "end", bench.Scale(v), "")
	}
	text(b, (left+width-right)/2, height-12, "middle", c.x.label, "")
	middle := (top + height - bottom) / 2
	text(b, 14, middle, "middle", c.y.label, fmt.Sprintf(` transform="rotate(-90 14 %g)"`, middle))
}

// curve draws a line through the medians, and the spread across each.
func (c *chart) curve(b *strings.Builder, i int) {
	var path []string
	for _, p := range c.lines[i].points {
		path = append(path, fmt.Sprintf("%.1f,%.1f", c.px(p.x), c.py(p.y)))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke-width="1.5"%s/>`+"\n", strings.Join(path, " "), strokeOf(i))
	for _, p := range c.lines[i].points {
		if p.low == p.high && len(path) > 30 {
			continue // a smooth curve
		}
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", c.px(p.x), c.py(p.y), colours[i%len(colours)])
		if p.low != p.high {
			rule(b, c.px(p.x), c.py(p.low), c.px(p.x), c.py(p.high), strokeOf(i))
		}
	}
}

func legend(b *strings.Builder, i int, label string) {
	x, y := left+float64(i%2)*(width-left)/2, height+8+float64(i/2)*legendLine
	rule(b, x, y, x+24, y, ` stroke-width="2"`+strokeOf(i))
	text(b, x+30, y+4, "start", label, "")
}

func strokeOf(i int) string {
	s := fmt.Sprintf(` stroke="%s"`, colours[i%len(colours)])
	if i/len(colours)%2 == 1 {
		s += ` stroke-dasharray="5 3"`
	}
	return s
}

func rule(b *strings.Builder, x1, y1, x2, y2 float64, attributes string) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"%s/>`+"\n", x1, y1, x2, y2, attributes)
}

func text(b *strings.Builder, x, y float64, anchor, s, attributes string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, attributes, html.EscapeString(s))
}
