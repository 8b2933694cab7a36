package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"lvsdr/dataplane"
	"lvsdr/finding"
)

// TestReasonsAreDocumented: whoever sees a frame dropped finds out why.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for reason := range strings.SplitSeq(cells[2], ",") {
			documented[strings.TrimSpace(cells[1])+" "+strings.Trim(reason, " `")] = true
		}
	}
	for v := range dataplane.Verdict(dataplane.VerdictCount) {
		if v.Reason() == "ok" { // the place in the counters where nothing is malformed
			continue
		}
		if !documented[v.String()] {
			t.Errorf("docs/operations.md does not explain %q", v)
		}
	}
}

// TestKindsAreDocumented: docs/doctor.md has a row for each kind, and no others.
func TestKindsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| Kind |")
	var rows []string
	for line := range strings.Lines(table) {
		if kind, ok := strings.CutPrefix(line, "| `"); ok {
			kind, _, _ = strings.Cut(kind, "`")
			rows = append(rows, kind)
		}
	}
	var want []string
	for _, kind := range finding.Kinds() {
		want = append(want, string(kind))
	}
	slices.Sort(rows)
	slices.Sort(want)
	if !slices.Equal(rows, want) {
		t.Errorf("docs/doctor.md explains %q, there are %q", rows, want)
	}
}
