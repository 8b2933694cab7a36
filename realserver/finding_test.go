package realserver

import (
	"encoding/json"
	"testing"
)

func TestFindingVerdict(t *testing.T) {
	for _, test := range []struct {
		f    Finding
		want string
	}{
		{Finding{OK: true}, "ok"},
		{Finding{OK: true, Why: "odd"}, "note"},
		{Finding{Why: "it matters"}, "wrong"},
	} {
		if got := test.f.Verdict(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.f, got, test.want)
		}
	}
}

// What a finding is not about is not in its JSON.
func TestFindingJSON(t *testing.T) {
	for _, test := range []struct {
		f    Finding
		want string
	}{
		{Finding{Name: NameLoopback, OK: true, What: "lo is up"}, `{"name":"loopback","ok":true,"what":"lo is up"}`},
		{
			Finding{Name: NameVIPMissing, VIP: vipA, Interface: "lo", What: "w", Why: "y", Remedy: "r"},
			`{"name":"vip-missing","ok":false,"vip":"192.0.2.10","interface":"lo","what":"w","why":"y","remedy":"r"}`,
		},
	} {
		if got, err := json.Marshal(test.f); err != nil || string(got) != test.want {
			t.Errorf("%s, %v, want %s", got, err, test.want)
		}
	}
}
