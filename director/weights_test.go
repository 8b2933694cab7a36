package director_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// TestWeightsOfChecks: a check that says a weight sets it; an operator's order is
// stronger, and ends where it would without.
func TestWeightsOfChecks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weight")
	within(t, func(r *rig) {
		say := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			r.pass(3 * time.Second)
		}
		say("1\n")
		text := strings.Replace(scheduled(r.text, "wrr"), "kind: tcp", "kind: file, file: "+file, 1)
		text += strings.ReplaceAll(service("other", otherVIP, 21), "rr", "wrr")
		r.write(text)
		r.up()
		want := func(when, state string, weight, configured int) {
			t.Helper()
			rs := server(r.status(), "web", 21)
			if rs.State != state || rs.Weight != weight || rs.Configured != configured {
				t.Errorf("%s: %+v", when, rs)
			}
			if other := server(r.status(), "other", 21); other.Weight != 1 {
				t.Errorf("%s: in a service with another check: %+v", when, other)
			}
		}
		want("at first", "up", 1, 1)
		for _, n := range []int{7, 0, 3} {
			say(fmt.Sprintln(n))
			want("the file says another", "up", n, n)
		}
		say("0\n")
		if got := r.serversOf(ports(1, 4)...); got[21]+got[22] != 0 {
			t.Errorf("weight 0: connections went to %v", got)
		}
		say("-1\n")
		want("the file says down", "down", 0, 0)
		say("5\n")
		want("the file says up", "up", 5, 5)
		r.mustReload(strings.Replace(text, "connections: 65536", "connections: 65536\nguard: off", 1))
		want("after a reload", "up", 5, 5)
		r.order(api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.21", Service: "web", Weight: 9, By: somebody})
		want("ordered", "up", 9, 9)
		if o := server(r.status(), "web", 21).Orders[0]; o.Instead != 1 {
			t.Errorf("the order is instead of %d, not of the configuration's weight", o.Instead)
		}
		say("6\n")
		want("ordered, and the file says another", "up", 9, 9)
		r.mustReload(text)
		want("ordered, after a reload", "up", 9, 9)
		r.order(api.OrderRequest{Duty: api.ResetWeight, Server: "192.0.2.21", Service: "web"})
		want("reset", "up", 6, 6)
	})
}
