package dataplane

import "testing"

// TestVerdictsAreToldApart: by kind and reason: a counter with the labels of
// another makes every scrape of the metrics fail.
func TestVerdictsAreToldApart(t *testing.T) {
	named := make(map[string]Verdict)
	for v := range Verdict(VerdictCount) {
		if other, taken := named[v.String()]; taken {
			t.Errorf("%d and %d are both called %q", other, v, v)
		}
		named[v.String()] = v
	}
}
