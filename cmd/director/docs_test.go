package main

import (
	"os"
	"strings"
	"testing"

	"lvsdr/dataplane"
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
