package director_test

import (
	"testing"
	"time"

	"lvsdr/guard"
)

// TestRouteMTU: what the host's route to a server says is known with the first
// frame to it, and again after some seconds when it has changed.
func TestRouteMTU(t *testing.T) {
	const short = 30 // too short for a SYN
	within(t, func(r *rig) {
		r.lan.SetRoute(real(21), short)
		r.up()
		port := 0
		check := func(when string, reached ...int) {
			t.Helper()
			port += 6
			got := r.serversOf(port, port+1, port+2, port+3, port+4, port+5)
			for n := 21; n <= 23; n++ {
				if want := len(reached) > 0 && reached[0] == n; want != (got[n] > 0) {
					t.Errorf("%s: connections went to %v, want %v", when, got, reached)
				} else if want {
					reached = reached[1:]
				}
			}
		}
		check("at the start", 22)
		if n := r.verdicts()["drop too_long"]; n != 3 {
			t.Errorf("%d segments were too long", n)
		}
		r.lan.SetRoute(real(23), short)
		r.change(add.server(23, 1))
		r.pass(2 * time.Second) // until it is checked
		check("a server was added", 22)
		r.lan.SetRoute(real(21), 0)
		r.lan.SetRoute(real(22), short)
		check("before the host was asked again", 22)
		r.pass(guard.Interval)
		check("the routes changed", 21)
		r.change(remove.server(23, 1))
		r.lan.SetRoute(real(23), 1400)
		r.change(add.server(23, 1))
		r.pass(2 * time.Second)
		check("a server was added again", 21, 23)
		r.lan.SetRoute(real(22), 0)
		r.lan.Delete()
		r.lan.Create(lanMAC)
		r.pass(time.Second)
		check("another interface", 21, 22, 23)
	})
}
