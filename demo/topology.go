package demo

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// box is a host in a drawing: its name, and lines about it.
type box struct {
	name  string
	about []string
}

// columns returns how wide the box is, with its border.
func (b box) columns() int {
	widest := utf8.RuneCountInString(b.name)
	for _, line := range b.about {
		widest = max(widest, utf8.RuneCountInString(line))
	}
	return widest + 4
}

// rows are the lines of the box; all boxes of a row are equally high.
func (b box) rows(style Style, height, connector int, above bool) []string {
	inner := b.columns() - 2
	border := func(left, right, joint string, joined bool) string {
		line := strings.Repeat("─", inner)
		if joined {
			runes := []rune(line)
			line = string(runes[:connector-1]) + joint + string(runes[connector:])
		}
		return left + line + right
	}
	text := func(i ink, t string) string {
		return "│ " + style.paint(i, t) + strings.Repeat(" ", inner-1-utf8.RuneCountInString(t)) + "│"
	}
	rows := []string{border("┌", "┐", "┴", above), text(inkOf(b.name), b.name)}
	for i := range height {
		line := ""
		if i < len(b.about) {
			line = b.about[i]
		}
		rows = append(rows, text(plain, line))
	}
	return append(rows, border("└", "┘", "┬", !above))
}

// topology draws hosts above and below a switch, whose name stands in it.
func topology(style Style, upper, lower []box, name string) []string {
	const margin = 4
	across := width - 2*margin
	bus := []rune(strings.Repeat("═", across))
	top := row(style, upper, across, bus, false)
	bottom := row(style, lower, across, bus, true)
	label(bus, name)
	indent := strings.Repeat(" ", margin)
	var drawing []string
	for _, line := range top {
		drawing = append(drawing, indent+line)
	}
	drawing = append(drawing, indent+string(bus))
	for _, line := range bottom {
		drawing = append(drawing, indent+line)
	}
	return drawing
}

// row draws boxes side by side, spread over the width, and plugs each into the
// bus, which is above or below them.
func row(style Style, boxes []box, across int, bus []rune, above bool) []string {
	height, used := 0, 0
	for _, b := range boxes {
		height = max(height, len(b.about))
		used += b.columns()
	}
	lines := make([]string, height+3)
	free, x := across-used, 0
	for i, b := range boxes {
		// The free columns are shared out evenly, also what does not divide.
		gap := free * i / max(1, len(boxes)-1)
		if i > 0 {
			gap -= free * (i - 1) / max(1, len(boxes)-1)
		}
		x += gap
		connector := b.columns() / 2
		for j, line := range b.rows(style, height, connector, above) {
			lines[j] += strings.Repeat(" ", gap) + line
		}
		plug(bus, x+connector, above)
		x += b.columns()
	}
	return lines
}

// label writes the switch's name between its first two cables, if it fits.
func label(bus []rune, name string) {
	first := slices.IndexFunc(bus, func(r rune) bool { return r != '═' })
	if first < 0 {
		return
	}
	free := slices.IndexFunc(bus[first+1:], func(r rune) bool { return r != '═' })
	text := []rune(" " + name + " ")
	if free >= len(text)+2 {
		copy(bus[first+1+(free-len(text))/2:], text)
	}
}

// plug joins a cable from below or from above to the bus.
func plug(bus []rune, x int, below bool) {
	joint, other := '╧', '╤'
	if below {
		joint, other = other, joint
	}
	if bus[x] == other {
		joint = '╪'
	}
	bus[x] = joint
}
