package director_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lvsdr/admin/api"
)

// TestNamesAreListed: who names something that is not there learns what is.
func TestNamesAreListed(t *testing.T) {
	within(t, func(r *rig) {
		var many []int
		for n := 21; n <= 32; n++ {
			many = append(many, n)
		}
		r.write(with(global+web(21, 22), "sorry_server: 192.0.2.99") + service("other", otherVIP, 21) +
			service("many", netip.MustParseAddr("192.0.2.12"), many...))
		r.up()
		for _, c := range []struct {
			code, want string
			o          api.OrderRequest
		}{
			{"no-service", `there is no service "shop"; there are web, other, many`, api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Service: "shop"}},
			{"no-server", "service other has no real server 192.0.2.22; there is 192.0.2.21:80", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.22", Service: "other"}},
			{"no-server", "no service has a real server 192.0.2.22:81; there is 192.0.2.22:80", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.22:81"}},
			{
				"no-server",
				"service many has no real server 192.0.2.50; there are 192.0.2.21:80, 192.0.2.22:80, 192.0.2.23:80, 192.0.2.24:80, 192.0.2.25:80, " +
					"192.0.2.26:80, 192.0.2.27:80, 192.0.2.28:80, 192.0.2.29:80, 192.0.2.30:80 and 2 more (director status)",
				api.OrderRequest{Duty: api.Drain, Server: "192.0.2.50", Service: "many"},
			},
			{"invalid", "192.0.2.99 is the sorry server of web, which takes no orders", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.99"}},
			{"no-server", "service other has no real server 192.0.2.99; there is 192.0.2.21:80", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.99", Service: "other"}},
		} {
			if got := r.refused(c.code, c.o); got != c.want {
				t.Errorf("%+v:\n%s\nwant\n%s", c.o, got, c.want)
			}
		}
	})
}

// TestWeightIsAmbiguous: where services give a server different weights, one of them
// must be named; an order to drain it means them all.
func TestWeightIsAmbiguous(t *testing.T) {
	within(t, func(r *rig) {
		other := strings.Replace(service("other", otherVIP, 21), "{address: 192.0.2.21}", "{address: 192.0.2.21, weight: 5}", 1)
		r.write(global + web(21, 22) + other + strings.ReplaceAll(other, "other", "third"))
		r.write(strings.Replace(r.text, "  - name: third\n    address: 192.0.2.11:80", "  - name: third\n    address: 192.0.2.11:81", 1))
		r.up()
		before := fmt.Sprint(r.status().Services)
		three := api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.21", Weight: 3}
		const want = "the configuration gives it different weights: 192.0.2.21:80 of web (1), 192.0.2.21:80 of other (5), " +
			"192.0.2.21:81 of third (5); name a service, or a port"
		if got := r.refused("invalid", three); got != want {
			t.Error(got)
		}
		if after := fmt.Sprint(r.status().Services); after != before {
			t.Errorf("something has changed: %s", after)
		}
		three.Service = "other"
		if done := r.order(three); len(done.Servers) != 1 || done.Servers[0].Weight != 3 || done.Servers[0].Service != "other" {
			t.Errorf("in one service: %+v", done)
		}
		if done := r.order(api.OrderRequest{Duty: api.ResetWeight, Server: "192.0.2.21"}); len(done.Servers) != 1 || done.Servers[0].Weight != 5 {
			t.Errorf("reset where there is something to reset: %+v", done)
		}
		if done := r.order(api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Deadline: 60}); len(done.Servers) != 3 || done.Servers[2].Until.IsZero() {
			t.Errorf("drained: %+v", done)
		}
	})
}
