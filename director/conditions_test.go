package director_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

// with puts keys into the services of a text.
func with(text string, keys ...string) string {
	return strings.ReplaceAll(text, "    real_servers:", "    "+strings.Join(keys, "\n    ")+"\n    real_servers:")
}

// scheduled is the text with another scheduler.
func scheduled(text, scheduler string) string {
	return strings.ReplaceAll(text, "scheduler: rr", "scheduler: "+scheduler)
}

// ports are so many ports, each for a new connection.
func ports(from, n int) (list []int) {
	for i := range n {
		list = append(list, from+i)
	}
	return list
}

// fail makes servers refuse, and lets the checks see it.
func (r *rig) fail(servers ...int) {
	for _, n := range servers {
		r.host.SetServer(port(n), memhost.Refusing)
	}
	r.pass(3 * time.Second)
}

// mend makes servers serve, and lets the checks see it.
func (r *rig) mend(servers ...int) {
	for _, n := range servers {
		r.host.SetServer(port(n), memhost.Serving)
	}
	r.pass(1100 * time.Millisecond)
}

// state is the state of the server 192.0.2.n in the service web.
func (r *rig) state(n int) string { return server(r.status(), "web", n).State }

func (r *rig) plan() string { return r.status().Services[0].Quorum.Plan }

// TestSlowStart: a server that returns gets few connections at first, and more and
// more; at the start of the director all have their whole share.
func TestSlowStart(t *testing.T) {
	within(t, func(r *rig) {
		r.write(scheduled(with(r.text, "slow_start: 20s"), "wrr"))
		r.up()
		if got := r.serversOf(ports(1, 20)...); got[21] != 10 || got[22] != 10 {
			t.Errorf("at the start twenty connections went to %v", got)
		}
		r.fail(22)
		r.mend(22)
		began := server(r.status(), "web", 22)
		if began.State != "warming" || began.Share < 5 || began.Share > 10 || began.Weight != 1 || began.Reason != "slow start" {
			t.Errorf("it returned: %+v", began)
		}
		if took := began.Until.Sub(began.StateSince); took != 20*time.Second {
			t.Errorf("slow start takes %v", took)
		}
		last := 0
		for i := range 4 {
			rs := server(r.status(), "web", 22)
			got := r.serversOf(ports(1000+i*210, 210)...)
			want := 210 * rs.Share / (100 + rs.Share)
			if got[22] < want-2 || got[22] > want+2 || got[22] <= last {
				t.Errorf("with a share of %d %%, of 210 connections %v, want %d", rs.Share, got, want)
			}
			last = got[22]
			r.pass(5 * time.Second)
		}
		if rs := server(r.status(), "web", 22); rs.State != "up" || rs.Share != 100 || rs.Weight != 1 {
			t.Errorf("after slow start: %+v", rs)
		}
		if got := r.serversOf(ports(3000, 20)...); got[22] != 10 {
			t.Errorf("after slow start twenty connections went to %v", got)
		}
	})
}

// TestSlowStartOfTheNew: a server that joins others begins slowly, one of a new
// service does not; a reload does not repeat it, and a restart neither.
func TestSlowStartOfTheNew(t *testing.T) {
	dir := t.TempDir()
	within(t, func(r *rig) {
		slow := func(text string) string { return scheduled(with(text, "slow_start: 40s"), "wrr") }
		r.write(slow(r.text))
		r.keepIn(dir)
		global := strings.Replace(global, `state_dir: ""`, "state_dir: "+dir, 1)
		r.up()
		r.mustReload(global + slow(web(21, 22, 23)+service("other", otherVIP, 21, 22)))
		r.pass(500 * time.Millisecond)
		s := r.status()
		for n, want := range map[int]string{21: "up", 22: "up", 23: "warming"} {
			if got := server(s, "web", n).State; got != want {
				t.Errorf("server %d is %s", n, got)
			}
		}
		if got := server(s, "other", 22).State; got != "up" {
			t.Errorf("a server of a new service is %s", got)
		}
		began := server(s, "web", 23).StateSince
		r.pass(20 * time.Second)
		r.mustReload(global + slow(web(23, 21, 22)))
		for _, again := range []func(){func() {}, func() { r.stop(); r.start() }} {
			again()
			rs := server(r.status(), "web", 23)
			if rs.State != "warming" || rs.Share != 50 || !rs.StateSince.Equal(began) {
				t.Errorf("after 20 of 40 seconds: %+v", rs)
			}
		}
		r.pass(20 * time.Second)
		if got := r.state(23); got != "up" {
			t.Errorf("at last it is %s", got)
		}
	})
}

// TestFlapping is the measure of damping: a server fails and returns each second for
// a minute. No flow of the healthy servers moves, known or new, and the server is
// taken out a few times only.
func TestFlapping(t *testing.T) {
	for _, mode := range []string{"mh\n    flags: [mh-port]", "sh\n    flags: [sh-port]", "rr"} {
		within(t, func(r *rig) {
			text := scheduled(global+web(21, 22, 23), mode)
			r.write(strings.Replace(text, "every: 1s, timeout: 500ms, rise: 1, fall: 2", "every: 100ms, timeout: 50ms, rise: 1, fall: 1", 1))
			down := 0
			r.event = func(e api.Event) {
				if e.Kind == api.ServerEvent && e.To == "down" && e.From != "down" {
					down++
				}
			}
			r.up()
			before := r.homes(1, 60)
			kept := r.homes(1000, 30)
			for second := range 60 {
				r.host.SetServer(port(22), []memhost.Server{memhost.Refusing, memhost.Serving}[second%2])
				r.pass(time.Second)
				if second%10 != 9 {
					continue
				}
				for p, home := range r.segmentsTo(kept) {
					if home != 22 && home != kept[p] {
						t.Fatalf("%s: a connection of server %d went to %d", mode, kept[p], home)
					}
				}
				if mode == "rr" {
					continue
				}
				for p, home := range r.anew(before) {
					if before[p] != 22 && home != before[p] {
						t.Fatalf("%s, second %d: a new flow of server %d went to %d", mode, second, before[p], home)
					}
				}
			}
			if down != 4 {
				t.Errorf("%s: it was taken out %d times", mode, down)
			}
			r.host.SetServer(port(22), memhost.Serving)
			r.pass(time.Second)
			rs := server(r.status(), "web", 22)
			if rs.State != "down" || rs.Health != "up" || rs.Until.IsZero() || !strings.HasPrefix(rs.Reason, "it failed 9 times lately") {
				t.Errorf("%s: well again, it is %+v", mode, rs)
			}
			r.pass(5 * time.Minute)
			if got := r.state(22); got != "up" {
				t.Errorf("%s: after five minutes it is %s", mode, got)
			}
			if after := r.anew(before); mode != "rr" && !maps.Equal(after, before) {
				t.Errorf("%s: the flows did not come back to where they were", mode)
			}
		})
	}
}

// homes opens n connections and returns where each went.
func (r *rig) homes(from, n int) map[int]int {
	out := make(map[int]int)
	for _, p := range ports(from, n) {
		for server := range r.serversOf(p) {
			out[p] = server
		}
	}
	return out
}

// anew ends flows and opens them again, and returns where each went.
func (r *rig) anew(flows map[int]int) map[int]int {
	out := make(map[int]int)
	for _, p := range slices.Sorted(maps.Keys(flows)) {
		r.send(segment(p, frame.TCPRst))
		for server := range r.serversOf(p) {
			out[p] = server
		}
	}
	return out
}

// segmentsTo sends a segment of each connection that has not expired, and returns
// where it went.
func (r *rig) segmentsTo(flows map[int]int) map[int]int {
	out := make(map[int]int)
	for p, home := range flows {
		for _, sent := range r.send(segment(p, frame.TCPAck)) {
			if to := frame.Ethernet(sent.Data).Dst(); to != clientMAC {
				out[p] = int(to[5])
			} else if home != 22 {
				r.Errorf("a connection of server %d was refused", home)
			}
		}
	}
	return out
}

const quorumOfTwo = "quorum: {up: 2, down: 2}"

// TestSorryServer serves while there are too few others.
func TestSorryServer(t *testing.T) {
	for _, failure := range []string{"remove", "quiesce"} {
		within(t, func(r *rig) {
			r.lan.AddNeighbor(real(99), realMAC(99))
			r.write(with(global+web(21, 22, 23), quorumOfTwo, "sorry_server: 192.0.2.99", "on_failure: "+failure))
			r.up()
			if got := r.serversOf(ports(1, 6)...); got[21] != 2 || got[22] != 2 || got[23] != 2 {
				t.Fatalf("six connections went to %v", got)
			}
			s := r.status().Services[0]
			if s.SorryServer == nil || s.SorryServer.State != "standby" || s.SorryServer.MAC == "" || len(s.Servers) != 3 {
				t.Errorf("the sorry server: %+v", s.SorryServer)
			}
			r.fail(22)
			if got := r.serversOf(ports(11, 2)...); got[21] != 1 || got[23] != 1 || r.plan() != "normal" {
				t.Errorf("with two of three, connections went to %v, plan %s", got, r.plan())
			}
			r.fail(23)
			if got := r.serversOf(ports(21, 3)...); got[99] != 3 || r.plan() != "sorry" {
				t.Errorf("with one of three, connections went to %v, plan %s", got, r.plan())
			}
			status := r.status()
			if s := status.Services[0]; s.SorryServer.State != "up" || s.SorryServer.Active+s.SorryServer.Inactive != 3 || s.Quorum.Weight != 1 {
				t.Errorf("without a quorum: %+v %+v", s.SorryServer, s.Quorum)
			}
			if len(status.Alarms) != 1 || !strings.Contains(status.Alarms[0].What, "the sorry server 192.0.2.99:80 serves") {
				t.Errorf("alarms: %+v", status.Alarms)
			}
			if rs := server(status, "web", 21); rs.State != "up" || rs.Weight != 0 {
				t.Errorf("the server that is left: %+v", rs)
			}
			if got := r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck), segment(3, frame.TCPAck)); !slices.ContainsFunc(got, isTo(21)) {
				t.Error("the connections of the server that is left do not go on")
			}
			r.mend(23)
			if got := r.serversOf(ports(31, 2)...); got[21] != 1 || got[23] != 1 || r.plan() != "normal" {
				t.Errorf("with two of three again, connections went to %v, plan %s", got, r.plan())
			}
			left := r.status().Services[0].SorryServer
			if n := left.Active + left.Inactive; n != map[string]int{"remove": 0, "quiesce": 3}[failure] {
				t.Errorf("%s: the sorry server has %d connections left", failure, n)
			}
		})
	}
}

// TestQuorumHysteresis: between the thresholds it stays as it is, also over a
// restart.
func TestQuorumHysteresis(t *testing.T) {
	dir := t.TempDir()
	within(t, func(r *rig) {
		r.write(with(global+web(21, 22, 23), "quorum: {up: 3, down: 2}"))
		r.keepIn(dir)
		r.up()
		want := func(when, plan string, served bool) {
			t.Helper()
			got := r.serversOf(int(time.Now().UnixMilli()%60000) + 1)
			if r.plan() != plan || (got[0] == 0) != served {
				t.Errorf("%s: plan %s, a connection went to %v", when, r.plan(), got)
			}
		}
		want("all up", "normal", true)
		r.fail(22)
		want("two up", "normal", true)
		r.fail(23)
		want("one up", "refused", false)
		if a := r.status().Alarms; len(a) != 1 || a[0].What != "service web has too few usable real servers, and refuses its clients" {
			t.Errorf("alarms: %+v", a)
		}
		if why, err := r.d.Why(r.Context(), "tcp", "198.51.100.7:50000", "192.0.2.10:80"); err != nil ||
			!strings.Contains(fmt.Sprint(why.Steps), "192.0.2.21:80 is one of too few for the quorum, 192.0.2.22:80 is down") {
			t.Errorf("why: %+v, %v", why, err)
		}
		r.mend(22)
		want("two up again", "refused", false)
		r.stop()
		r.up()
		want("two up, after a restart", "refused", false)
		r.mend(23)
		want("all up again", "normal", true)
		r.fail(23)
		r.stop()
		r.up()
		want("two up, after another restart", "normal", true)
	})
}

// TestQuorumIsAwaited: as long as a quorum may yet be made, nobody is served, and
// nobody refused.
func TestQuorumIsAwaited(t *testing.T) {
	within(t, func(r *rig) {
		r.host.SetServer(port(22), memhost.Silent)
		r.write(with(r.text, quorumOfTwo))
		r.start()
		r.pass(300 * time.Millisecond)
		if sent := r.send(segment(1, frame.TCPSyn)); len(sent) != 0 || r.verdicts()["drop undecided"] != 1 || r.plan() != "waiting" {
			t.Errorf("%d frames were sent, plan %s, %v", len(sent), r.plan(), r.verdicts())
		}
		r.pass(3 * time.Second)
		if got := r.serversOf(2); got[0] != 1 || r.plan() != "refused" {
			t.Errorf("it cannot be made: a connection went to %v, plan %s", got, r.plan())
		}
		r.mend(22)
		if got := r.serversOf(3, 4); got[21] != 1 || got[22] != 1 || r.plan() != "normal" {
			t.Errorf("it is made: connections went to %v, plan %s", got, r.plan())
		}
	})
}

// TestFailOpen: servers that fail their checks are better than none, where the
// service says so; a sorry server comes first, if it answers ARP.
func TestFailOpen(t *testing.T) {
	for name, c := range map[string]struct {
		keys []string
		ask  int // who answers ARP beside the others
		plan string
		want map[int]int
	}{
		"not wanted":              {nil, 0, "refused", map[int]int{0: 4}},
		"wanted":                  {[]string{"fail_open: on"}, 0, "open", map[int]int{21: 2, 22: 2}},
		"a sorry server is first": {[]string{"fail_open: on", "sorry_server: 192.0.2.99"}, 99, "sorry", map[int]int{99: 4}},
		"unless it is absent":     {[]string{"fail_open: on", "sorry_server: 192.0.2.99"}, 0, "open", map[int]int{21: 2, 22: 2}},
		"nobody at all":           {[]string{"sorry_server: 192.0.2.99"}, 0, "refused", map[int]int{0: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(r *rig) {
				if len(c.keys) > 0 {
					r.write(with(r.text, c.keys...))
				}
				if c.ask != 0 {
					r.lan.AddNeighbor(real(c.ask), realMAC(c.ask))
				}
				r.up()
				r.pass(10 * time.Second) // until it is known who is absent
				r.serversOf(ports(1, 2)...)
				r.fail(21)
				r.fail(22)
				if got := r.serversOf(ports(11, 4)...); !maps.Equal(got, c.want) || r.plan() != c.plan {
					t.Errorf("four connections went to %v, plan %s", got, r.plan())
				}
				if rs := server(r.status(), "web", 22); rs.State != "down" || rs.Health != "down" {
					t.Errorf("a server that fails: %+v", rs)
				}
				r.mend(22)
				if got := r.serversOf(ports(21, 2)...); got[22] != 2 || r.plan() != "normal" {
					t.Errorf("one is back: connections went to %v, plan %s", got, r.plan())
				}
			})
		})
	}
}

// TestFailOpenWithFew: too few that pass their checks are better than those that do
// not, and what an operator took out is not used at all.
func TestFailOpenWithFew(t *testing.T) {
	within(t, func(r *rig) {
		r.write(with(global+web(21, 22, 23), quorumOfTwo, "fail_open: on"))
		r.up()
		r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.23"})
		r.fail(22)
		if got := r.serversOf(ports(1, 3)...); got[21] != 3 || r.plan() != "few" {
			t.Errorf("connections went to %v, plan %s", got, r.plan())
		}
		r.fail(21)
		if got := r.serversOf(ports(11, 4)...); got[21] != 2 || got[22] != 2 || r.plan() != "open" {
			t.Errorf("connections went to %v, plan %s", got, r.plan())
		}
		r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.22"})
		r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.21"})
		if got := r.serversOf(ports(21, 2)...); got[0] != 2 || r.plan() != "refused" {
			t.Errorf("connections went to %v, plan %s", got, r.plan())
		}
	})
}

// TestStatesSurvive: a reload and a restart take nothing back that was decided.
func TestStatesSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	within(t, func(r *rig) {
		r.write(global + web(21, 22, 23))
		r.keepIn(dir)
		r.up()
		r.fail(22)
		for range 4 { // until it has to wait
			r.mend(23)
			r.fail(23)
		}
		r.mend(23)
		want := map[int]string{21: "up", 22: "down", 23: "down"}
		check := func(when string) {
			t.Helper()
			s := r.status()
			for n, state := range want {
				if rs := server(s, "web", n); rs.State != state {
					t.Errorf("%s, server %d is %s", when, n, rs.State)
				}
			}
			if rs := server(s, "web", 23); rs.Health != "up" || rs.Until.IsZero() {
				t.Errorf("%s, the one that flaps: %+v", when, rs)
			}
		}
		check("at first")
		r.mustReload(strings.Replace(r.text, "      - {address: 192.0.2.22}", "      - {address: 192.0.2.22, weight: 7}", 1))
		check("after a reload")
		r.stop()
		r.event = func(e api.Event) { t.Errorf("the restart is news: %+v", e) }
		r.start()
		check("after a restart")
	})
}
