package demo

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// eighths are the parts of a cell, from the left.
var eighths = []rune(" ▏▎▍▌▋▊▉█")

// bar is a horizontal bar, to an eighth of a cell, filled up to the width.
func bar(value, most, cells int) string {
	n := 0
	if most > 0 {
		n = min(value*cells*8/most, cells*8)
	}
	b := strings.Repeat("█", n/8)
	if n%8 > 0 {
		b += string(eighths[n%8])
	}
	return b + strings.Repeat(" ", cells-utf8.RuneCountInString(b))
}

// bars draws how many requests each server answered, of as many as there are
// to be, and how many failed, if any did.
func bars(style Style, servers []string, count map[string]int, total int) []string {
	const cells = 44
	done := 0
	for _, n := range count {
		done += n
	}
	// An even share is three quarters of the width.
	most := max(1, total*4/(3*max(1, len(servers))))
	var lines []string
	for _, name := range servers {
		n := count[name]
		lines = append(lines, fmt.Sprintf("    %-8s%s %6d  %3d %%",
			name, style.paint(inkOf(name), bar(n, most, cells)), n, percent(n, done)))
	}
	if n := count[""]; n > 0 {
		lines = append(lines, fmt.Sprintf("    %-8s%s %6d", "failed", style.paint(red, bar(n, most, cells)), n))
	}
	return lines
}

// percent returns the share, rounded.
func percent(part, whole int) int {
	if whole == 0 {
		return 0
	}
	return (200*part + whole) / (2 * whole)
}
