package demo

import (
	"fmt"
	"strings"
	"time"
)

// levels are the heights of a column, from none to full.
var levels = []rune(" ▁▂▃▄▅▆▇█")

// mark is a moment worth a letter below the columns.
type mark struct {
	at   time.Time
	what string
}

// timeline draws requests over time: a row for each server, a column for each
// span, whose height is how many requests were answered.
type timeline struct {
	start   time.Time
	span    time.Duration
	servers []string
	marks   []mark
}

// note adds a mark.
func (t *timeline) note(at time.Time, what string) { t.marks = append(t.marks, mark{at, what}) }

// draw returns the lines, up to now. When there are more columns than fit, the
// first ones are left out.
func (t *timeline) draw(style Style, answers []answer, now time.Time) []string {
	const cells = 60
	last := t.column(now)
	first := max(0, last-cells+1)
	counts := make(map[string][]int)
	names := append(append([]string(nil), t.servers...), "")
	for _, name := range names {
		counts[name] = make([]int, cells)
	}
	most := 1
	for _, a := range answers {
		c := t.column(a.started) - first
		if row := counts[a.server]; row != nil && c >= 0 && c < cells {
			row[c]++
			most = max(most, row[c])
		}
	}
	var lines []string
	for _, name := range names {
		lines = append(lines, t.row(style, name, counts[name], most))
	}
	return append(lines, t.letters(style, first, cells), t.legend(style))
}

func (t *timeline) column(at time.Time) int { return int(at.Sub(t.start) / t.span) }

// row draws one server's columns. A count that is not zero is always seen.
func (t *timeline) row(style Style, name string, counts []int, most int) string {
	var b strings.Builder
	total := 0
	for _, n := range counts {
		total += n
		b.WriteRune(levels[(n*(len(levels)-1)+most-1)/most])
	}
	label := name
	if name == "" {
		label = "failed"
	}
	return fmt.Sprintf("    %-8s%s %5d", label, style.paint(inkOf(name), b.String()), total)
}

// letters draws the marks' letters below their columns; of two in one column
// the later one goes to the next that is free.
func (t *timeline) letters(style Style, first, cells int) string {
	line := []byte(strings.Repeat(" ", cells))
	for i, m := range t.marks {
		c := t.column(m.at) - first
		for c >= 0 && c < cells && line[c] != ' ' {
			c++
		}
		if c >= 0 && c < cells {
			line[c] = byte('a' + i)
		}
	}
	return strings.TrimRight("            "+style.paint(bold, strings.TrimRight(string(line), " ")), " ")
}

func (t *timeline) legend(style Style) string {
	var parts []string
	for i, m := range t.marks {
		parts = append(parts, style.paint(bold, string(rune('a'+i)))+" "+m.what)
	}
	return strings.TrimRight("            "+strings.Join(parts, "   "), " ")
}
