package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// outputLines are the lines of what a command printed; the recorder cut off what
// is blank at its end.
func outputLines(out string) []string { return strings.Split(strings.TrimRight(out, " \n"), "\n") }

// listing is what ipvsadm printed, so that it can be compared: connections are in
// no order, and one that is recorded with nearly the same time is that one.
func listing(lines, recorded []string, late int) []string {
	if lines[0] != "IPVS connection entries" {
		return lines
	}
	lines = slices.Clone(lines)
	for i, line := range lines {
		for _, r := range recorded {
			if sameConnection(line, r, late) {
				lines[i] = r
				break
			}
		}
	}
	slices.Sort(lines[2:])
	return lines
}

// listedLine is a line of -Lc: protocol, minutes and seconds, and the rest.
var listedLine = regexp.MustCompile(`^(\S+) +(\d\d):(\d\d) (.*)$`)

func sameConnection(line, other string, late int) bool {
	a, b := listedLine.FindStringSubmatch(line), listedLine.FindStringSubmatch(other)
	return a != nil && b != nil && a[1] == b[1] && a[4] == b[4] && nearly(seconds(a), seconds(b), late)
}

func seconds(match []string) int {
	minutes, _ := strconv.Atoi(match[2]) // two digits
	rest, _ := strconv.Atoi(match[3])
	return minutes*60 + rest
}
