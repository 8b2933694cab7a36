package director_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

func isTo(n int) func(memlink.Packet) bool {
	return func(p memlink.Packet) bool { return frame.Ethernet(p.Data).Dst() == realMAC(n) }
}

// order gives an order that must be carried out.
func (r *rig) order(o api.OrderRequest) api.Ordered {
	r.Helper()
	done, err := r.d.Order(r.Context(), o)
	if err != nil {
		r.Fatalf("%+v: %v", o, err)
	}
	return done
}

// refused gives an order that must be refused.
func (r *rig) refused(code string, o api.OrderRequest) string {
	r.Helper()
	_, err := r.d.Order(r.Context(), o)
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Code != code {
		r.Errorf("%+v: %v", o, err)
		return ""
	}
	return refused.Message
}

const somebody = "alice"

// TestDrain: no new connections, those that are there go on; with the last of them
// the server is out of service.
func TestDrain(t *testing.T) {
	within(t, func(r *rig) {
		var events []string
		r.event = func(e api.Event) {
			events = append(events, fmt.Sprintf("%s %s %s>%s %s %s", e.Kind, e.Server, e.From, e.To, e.Reason, e.By))
		}
		r.up()
		r.serversOf(1, 2, 3, 4)
		events = nil
		done := r.order(api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", By: somebody})
		if want := (api.OrderedServer{Service: "web", Server: "192.0.2.21:80", State: "draining", Left: 2, Weight: 1}); len(done.Servers) != 1 || done.Servers[0] != want {
			t.Errorf("ordered: %+v", done)
		}
		if got := r.serversOf(ports(11, 4)...); got[22] != 4 {
			t.Errorf("four connections went to %v", got)
		}
		var own int
		for p := range 4 {
			if sent := r.send(segment(p+1, frame.TCPAck)); slices.ContainsFunc(sent, isTo(21)) {
				own = p + 1
			}
		}
		rs := server(r.status(), "web", 21)
		if own == 0 || rs.State != "draining" || rs.Active != 2 || rs.Weight != 0 || rs.Configured != 1 || rs.Health != "up" ||
			len(rs.Orders) != 1 || rs.Orders[0].Duty != api.Drain || rs.Orders[0].By != somebody || rs.Orders[0].At.IsZero() {
			t.Errorf("connection %d, status %+v", own, rs)
		}
		for p := range 4 {
			r.send(segment(p+1, frame.TCPRst))
		}
		r.pass(20 * time.Second)
		if rs := server(r.status(), "web", 21); rs.State != "maintenance" || rs.Reason != "drained: no connection is left" {
			t.Errorf("empty: %+v", rs)
		}
		r.order(api.OrderRequest{Duty: api.Undrain, Server: "192.0.2.21:80", By: "bob"})
		if got := r.serversOf(ports(21, 4)...); got[21] != 2 || r.state(21) != "up" {
			t.Errorf("back in service, four connections went to %v", got)
		}
		want := []string{
			"order 192.0.2.21:80 >drain  alice",
			"server 192.0.2.21:80 up>draining is to be drained alice",
			"server 192.0.2.21:80 draining>maintenance drained: no connection is left alice",
			"order 192.0.2.21:80 >undrain  bob",
			"server 192.0.2.21:80 maintenance>up connected ",
		}
		if !slices.Equal(events, want) {
			t.Errorf("events:\n%s", strings.Join(events, "\n"))
		}
		for _, text := range []string{
			`msg="order of an operator: drain" service=web server=192.0.2.21:80 by=alice`,
			`msg="state of real server in service: draining" service=web server=192.0.2.21:80 was=up reason="is to be drained" by=alice`,
		} {
			if r.log.count(text) != 1 {
				t.Errorf("not in the log: %s\n%v", text, r.log)
			}
		}
	})
}

// TestDrainUntil: at the deadline what is left is cut off.
func TestDrainUntil(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.serversOf(1, 2)
		r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck)) // else they last a minute
		r.order(api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Deadline: 60, By: somebody})
		r.pass(59 * time.Second)
		if rs := server(r.status(), "web", 21); rs.State != "draining" || rs.Active != 1 || rs.Until.Sub(rs.StateSince) != time.Minute {
			t.Errorf("before the deadline: %+v", rs)
		}
		r.pass(time.Second)
		if rs := server(r.status(), "web", 21); rs.State != "maintenance" || rs.Active+rs.Inactive != 0 || rs.Reason != "drained: the deadline is over" {
			t.Errorf("after the deadline: %+v", rs)
		}
		refused := 0
		for _, sent := range r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck)) {
			if frame.Ethernet(sent.Data).Dst() == clientMAC {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d of the two connections were refused", refused)
		}
	})
}

// TestDrainOfClients: a persistent client is no reason to give a server that is to
// become empty new connections; for one of weight 0 it is, as in IPVS.
func TestDrainOfClients(t *testing.T) {
	within(t, func(r *rig) {
		r.write(with(r.text, "persistence: 5m"))
		r.up()
		home := 0
		for n := range r.serversOf(1) {
			home = n
		}
		at := real(home).String()
		r.order(api.OrderRequest{Duty: api.SetWeight, Server: at, Weight: 0})
		if got := r.serversOf(2); got[home] != 1 {
			t.Errorf("weight 0: the client went to %v, before to %d", got, home)
		}
		r.order(api.OrderRequest{Duty: api.ResetWeight, Server: at})
		r.order(api.OrderRequest{Duty: api.Drain, Server: at})
		if got := r.serversOf(3); got[home] != 0 || len(got) != 1 {
			t.Errorf("draining: the client went to %v, before to %d", got, home)
		}
	})
}

func TestDisable(t *testing.T) {
	within(t, func(r *rig) {
		r.write(r.text + service("other", otherVIP, 21, 22))
		r.up()
		r.serversOf(1, 2)
		if done := r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.21", By: somebody}); len(done.Servers) != 2 {
			t.Errorf("ordered: %+v", done)
		}
		s := r.status()
		for _, name := range []string{"web", "other"} {
			if rs := server(s, name, 21); rs.State != "maintenance" || rs.Active+rs.Inactive != 0 || rs.Reason != "disabled" {
				t.Errorf("%s: %+v", name, rs)
			}
		}
		r.order(api.OrderRequest{Duty: api.Enable, Server: "192.0.2.21", Service: "other"})
		if s = r.status(); server(s, "web", 21).State != "maintenance" || server(s, "other", 21).State != "up" {
			t.Errorf("enabled in one service: %+v", s.Services)
		}
		r.order(api.OrderRequest{Duty: api.Enable, Server: "192.0.2.21"}) // where it is not yet
		if got := r.state(21); got != "up" {
			t.Errorf("it is %s", got)
		}
	})
}

// TestEnableEndsThePenalty: an operator who knows better need not wait.
func TestEnableEndsThePenalty(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		for range 4 {
			r.fail(21)
			r.mend(21)
		}
		if got := r.state(21); got != "down" {
			t.Fatalf("it is %s", got)
		}
		r.order(api.OrderRequest{Duty: api.Enable, Server: "192.0.2.21"})
		if got := r.state(21); got != "up" {
			t.Errorf("it is %s", got)
		}
		r.refused("invalid", api.OrderRequest{Duty: api.Enable, Server: "192.0.2.21"})
	})
}

// TestWeights: the last who spoke about a weight is right.
func TestWeights(t *testing.T) {
	within(t, func(r *rig) {
		r.write(scheduled(r.text, "wrr"))
		text := r.text
		r.up()
		want := func(when string, weight, configured, orders int) {
			t.Helper()
			rs := server(r.status(), "web", 21)
			if rs.Weight != weight || rs.Configured != configured || len(rs.Orders) != orders {
				t.Errorf("%s: %+v", when, rs)
			}
		}
		three := api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.21", Weight: 3, By: somebody}
		r.order(three)
		want("ordered", 3, 3, 1)
		if o := server(r.status(), "web", 21).Orders[0]; o.Weight != 3 || o.Instead != 1 || o.By != somebody {
			t.Errorf("the order: %+v", o)
		}
		if got := r.serversOf(ports(1, 8)...); got[21] != 6 {
			t.Errorf("eight connections went to %v", got)
		}
		r.mustReload(strings.Replace(text, "connections: 65536", "connections: 65536\nguard: off", 1))
		want("after a reload that says nothing about it", 3, 3, 1)
		r.mustReload(strings.Replace(text, "{address: 192.0.2.21}", "{address: 192.0.2.21, weight: 2}", 1))
		want("after a reload that says otherwise", 2, 2, 0)
		r.order(three)
		r.change(modify.server(21, 2))
		want("after ipvsadm", 2, 2, 0)
		r.order(three)
		r.order(api.OrderRequest{Duty: api.ResetWeight, Server: "192.0.2.21"})
		want("reset", 2, 2, 0)
		r.order(three)
		r.change(modify.server(22, 2), add.server(23, 1))
		want("after ipvsadm on others", 3, 3, 1)
		if n := r.log.count(`msg="order of an operator: reset-weight" service=web server=192.0.2.21:80 reason="`); n != 2 {
			t.Errorf("%d times the log says why a weight ended:\n%v", n, r.log)
		}
	})
}

// TestOrdersSurvive a reload and a restart; those about a server that is no more do
// not.
func TestOrdersSurvive(t *testing.T) {
	dir := t.TempDir()
	within(t, func(r *rig) {
		r.write(scheduled(global+web(21, 22, 23), "wrr"))
		r.keepIn(dir)
		text := r.text
		r.up()
		r.serversOf(1, 2, 3)
		r.order(api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Deadline: 600, By: somebody})
		r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.22", By: somebody})
		r.order(api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.23", Weight: 9, By: somebody})
		before := r.status()
		check := func(when, drained string) {
			t.Helper()
			s := r.status()
			for n, state := range map[int]string{21: drained, 22: "maintenance", 23: "up"} {
				got, was := server(s, "web", n), server(before, "web", n)
				if got.State != state || len(got.Orders) != 1 || !got.Orders[0].At.Equal(was.Orders[0].At) ||
					got.Orders[0].By != somebody || !got.Orders[0].Deadline.Equal(was.Orders[0].Deadline) {
					t.Errorf("%s, server %d: %+v", when, n, got)
				}
			}
			if got := r.serversOf(int(time.Now().UnixMilli()%30000) + 30000); got[23] != 1 {
				t.Errorf("%s, a connection went to %v", when, got)
			}
			if w := server(s, "web", 23).Weight; w != 9 {
				t.Errorf("%s, the weight is %d", when, w)
			}
		}
		check("at first", "draining")
		r.mustReload(strings.Replace(text, "connections: 65536", "connections: 65536\nguard: off", 1))
		check("after a reload", "draining")
		r.stop()
		r.up()
		r.pass(time.Second)
		check("after a restart, empty", "maintenance")
		r.mustReload(strings.Replace(text, "      - {address: 192.0.2.22}\n", "", 1))
		r.mustReload(text)
		r.pass(time.Second)
		if rs := server(r.status(), "web", 22); rs.State != "up" || len(rs.Orders) != 0 {
			t.Errorf("gone and back: %+v", rs)
		}
	})
}

// TestDrainOverRestart: within the restart grace nobody knows which connections a
// server has.
func TestDrainOverRestart(t *testing.T) {
	dir := t.TempDir()
	within(t, func(r *rig) {
		r.keepIn(dir)
		r.write(strings.Replace(r.text, "restart_grace: 0s", "restart_grace: 30s", 1))
		r.up()
		r.serversOf(1, 2)
		r.order(api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21"})
		r.stop()
		r.up()
		r.pass(28 * time.Second)
		if got := r.state(21); got != "draining" {
			t.Errorf("within the grace it is %s: %+v", got, server(r.status(), "web", 21))
		}
		r.order(api.OrderRequest{Duty: api.Drain, Server: "192.0.2.22"})
		r.pass(time.Second)
		if got := r.state(22); got != "maintenance" {
			t.Errorf("one that is drained now, and has no connections, is %s", got)
		}
		r.pass(3 * time.Second)
		if got := r.state(21); got != "maintenance" {
			t.Errorf("after the grace it is %s", got)
		}
	})
}

func TestOrdersAreRefused(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		before := r.status().Services
		for _, c := range []struct {
			code, want string
			o          api.OrderRequest
		}{
			{"invalid", `"rest" is no order; give drain, undrain, disable, enable, weight or reset-weight`, api.OrderRequest{Duty: "rest", Server: "192.0.2.21"}},
			{"invalid", `server: "web1" is not an address; write one such as 192.0.2.21 or 192.0.2.21:80`, api.OrderRequest{Duty: api.Drain, Server: "web1"}},
			{"no-server", "no service has a real server 192.0.2.99; there are 192.0.2.21:80, 192.0.2.22:80", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.99"}},
			{"no-server", "service web has no real server 192.0.2.23; there are 192.0.2.21:80, 192.0.2.22:80", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.23", Service: "web"}},
			{"no-server", "no service has a real server 192.0.2.21:81; there is 192.0.2.21:80", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21:81"}},
			{"no-service", `there is no service "shop"; there is web`, api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Service: "shop"}},
			{"invalid", "192.0.2.21:80 of service web is not to be drained", api.OrderRequest{Duty: api.Undrain, Server: "192.0.2.21"}},
			{"invalid", "192.0.2.21:80 of service web is not disabled", api.OrderRequest{Duty: api.Enable, Server: "192.0.2.21"}},
			{"invalid", "192.0.2.21:80 of service web has the weight of the configuration already", api.OrderRequest{Duty: api.ResetWeight, Server: "192.0.2.21"}},
			{"invalid", "weight 65536 is out of range; give one from 0 to 65535", api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.21", Weight: 65536}},
			{"invalid", "weight -1 is out of range; give one from 0 to 65535", api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.21", Weight: -1}},
			{"invalid", "deadline -1 is out of range; give seconds from 0 to 31622400", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Deadline: -1}},
			{"invalid", "disable knows no deadline; leave it out", api.OrderRequest{Duty: api.Disable, Server: "192.0.2.21", Deadline: 1}},
		} {
			if got := r.refused(c.code, c.o); got != c.want {
				t.Errorf("%+v: %q", c.o, got)
			}
		}
		if after := r.status().Services; fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("something has changed: %+v", after)
		}
		r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.21"})
		if got := r.refused("invalid", api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21"}); !strings.Contains(got, "enable it first") {
			t.Error(got)
		}
	})
}
