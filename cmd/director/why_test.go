package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// oracle is a director that gives the same answer to everything, and notes what
// it was asked.
func oracle(answer api.Why, asked *[]string) *fake {
	return &fake{why: func(protocol, client, vip string) (*api.Why, error) {
		*asked = []string{protocol, client, vip}
		return &answer, nil
	}}
}

func TestWhy(t *testing.T) {
	answer := api.Why{
		Protocol: "tcp", Client: "198.51.100.7:40000", VIP: "192.0.2.10:80", Verdict: "forward forward",
		Steps:   []api.WhyStep{{Step: "vip", Result: "192.0.2.10 is a VIP of this director"}, {Step: "schedule", Result: "rr picks 192.0.2.21:80 now"}},
		Server:  "192.0.2.21:80",
		MAC:     "02:00:00:00:00:21",
		Changes: []string{"a connection in between"},
	}
	var asked []string
	socket := serve(t, oracle(answer, &asked))
	code, stdout, stderr := runDirector("why", "--socket", socket, "198.51.100.7:40000", "192.0.2.10:80")
	want := `vip       192.0.2.10 is a VIP of this director
schedule  rr picks 192.0.2.21:80 now
verdict   forward forward
what would change it:
  - a connection in between
`
	if diff := cmp.Diff(want, stdout); diff != "" || code != 0 || stderr != "" {
		t.Errorf("exit code %d\n%s\n(-want +got)\n%s", code, stderr, diff)
	}
	if diff := cmp.Diff([]string{"tcp", "198.51.100.7:40000", "192.0.2.10:80"}, asked); diff != "" {
		t.Error(diff)
	}
	code, stdout, _ = runDirector("why", "--socket", socket, "--json", "--protocol", "udp", "198.51.100.7:1", "192.0.2.10:53")
	var got api.Why
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || asked[0] != "udp" {
		t.Errorf("exit code %d, asked %q: %v", code, asked, err)
	}
	if diff := cmp.Diff(answer, got); diff != "" {
		t.Error(diff)
	}
}

// TestWhyNowhere: a packet that reaches no server is said by the exit code too.
func TestWhyNowhere(t *testing.T) {
	var asked []string
	socket := serve(t, oracle(api.Why{Verdict: "reply rst"}, &asked))
	code, stdout, stderr := runDirector("why", "--socket", socket, "198.51.100.7:1", "192.0.2.10:81")
	if code != 1 || !strings.Contains(stdout, "verdict   reply rst") || stderr != "" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	code, _, stderr = runDirector("why", "198.51.100.7:1")
	if code != 2 || !strings.Contains(stderr, "two addresses") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
