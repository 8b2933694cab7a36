package director_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

func TestReloadUnchanged(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		before := r.status()
		r.pass(time.Second)
		if done := r.mustReload("# another comment\nguard: on # the default\n" + r.text); done.Changed || done.NeedRestart != nil {
			t.Errorf("reload of what means the same: %+v", done)
		}
		if s := r.status(); !s.ConfigSince.Equal(before.ConfigSince) {
			t.Error("the configuration is as new")
		}
	})
}

// TestReloadRemembersWhatIsSaid: that a service names the timeouts that it has
// already changes nothing, but it keeps them when the director's change.
func TestReloadRemembersWhatIsSaid(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.mustReload(global + web(21, 22) + "    timeouts: {tcp: 15m}\n")
		r.change(api.Change{Op: api.SetTimeouts, Timeouts: &api.Timeouts{TCP: 100}})
		if s := r.status(); s.Timeouts.TCP != 100 || s.Services[0].Timeouts.TCP != 900 {
			t.Errorf("timeouts %+v, of the service %+v", s.Timeouts, s.Services[0].Timeouts)
		}
		r.mustReload(global + web(21, 22))
		if s := r.status(); s.Timeouts.TCP != 100 || s.Services[0].Timeouts.TCP != 100 {
			t.Errorf("and back: timeouts %+v, of the service %+v", s.Timeouts, s.Services[0].Timeouts)
		}
	})
}

// The guard is written only if its VIPs change: that takes the kernel long.
func TestReloadSparesGuard(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.host.Fail(memhost.UpdateGuard, errBoom)
		if done := r.mustReload(global + web(22, 21)); !done.Changed {
			t.Errorf("reload: %+v", done)
		}
	})
}

func TestReloadBroken(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		mistakes := config.Errors{{Message: "a mistake"}}
		for _, c := range []struct {
			name  string
			spoil func()
			want  string
		}{
			{"mistake", func() { r.loadErr = mistakes }, "a mistake"},
			{"a VIP of this host", func() { r.text = global + service("web", hostAddr, 21) }, "192.0.2.1 is an address of this host"},
			{"guard", func() {
				// Another VIP, and two servers less on the first one.
				r.text = global + web(23) + service("more", otherVIP, 23)
				r.host.Fail(memhost.UpdateGuard, errBoom)
			}, "boom"},
			{"health checks", func() {
				r.text = "guard: off\n" + global + web(23)
				r.edit = func(c *config.Config) { c.Services[0].Check.Rise = 0 }
			}, "rise"},
			{"guard off", func() {
				r.text = "guard: off\n" + global + web(23)
				r.host.SetForwarding(true)
			}, "the kernel forwards IPv4"},
			{"guard off, and it cannot be", func() { r.host.Fail(memhost.OpenGuard, errBoom) }, "boom"},
		} {
			r.loadErr, r.edit = nil, nil
			c.spoil()
			if _, err := r.d.Reload(r.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			if c.name == "mistake" {
				var typed config.Errors
				if _, err := r.d.Reload(r.Context()); !errors.As(err, &typed) {
					t.Errorf("the errors lost their type: %v", err)
				}
			}
			if got := r.serversOf(1, 2, 3, 4); got[21] != 2 || got[22] != 2 {
				t.Errorf("%s: four connections went to %v: %v", c.name, got, r.verdicts())
			}
			if name, vips := r.host.Guarded(); name != "eth0" || !slices.Contains(vips, vip) {
				t.Errorf("%s: the guard is on %q for %v", c.name, name, vips)
			}
			r.send(segment(1, frame.TCPRst), segment(2, frame.TCPRst), segment(3, frame.TCPRst), segment(4, frame.TCPRst))
			r.pass(time.Minute)
		}
	})
}

func TestReloadServices(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.serversOf(1, 2) // one connection each
		done := r.mustReload(global + web(22, 23) + service("mail", otherVIP, 23))
		if !done.Changed || done.NeedRestart != nil {
			t.Errorf("reload: %+v", done)
		}
		r.pass(200 * time.Millisecond)
		s := r.status()
		if len(s.Services) != 2 || server(s, "web", 21).Address != "" || server(s, "mail", 23).Health != "up" || !s.ConfigSince.After(s.Started) {
			t.Errorf("status: %+v", s.Services)
		}
		if rs := server(s, "web", 22); rs.Connections != 1 || rs.Active+rs.Inactive != 1 || rs.Health != "up" {
			t.Errorf("the server that stayed: %+v", rs)
		}
		if s.Connections.Connections != 1 {
			t.Errorf("%d connections; that of the removed server is to be gone", s.Connections.Connections)
		}
		if _, vips := r.host.Guarded(); !slices.Contains(vips, vip) || !slices.Contains(vips, otherVIP) {
			t.Errorf("the guard keeps away %v", vips)
		}
		if got := r.serversOf(11, 12, 13, 14); got[22] != 2 || got[23] != 2 {
			t.Errorf("four connections went to %v", got)
		}
		if sent := r.send(segmentTo(otherVIP, 1, frame.TCPSyn)); len(sent) != 1 || frame.Ethernet(sent[0].Data).Dst() != realMAC(23) {
			t.Errorf("the new service: %d frames", len(sent))
		}
		r.pass(time.Minute)
		if s = r.status(); len(s.VIPs) != 2 || s.VIPs[1].State != "owned" {
			t.Errorf("VIPs: %+v", s.VIPs)
		}
		// No service at all.
		r.mustReload(global)
		if s = r.status(); len(s.VIPs) != 0 || len(s.Services) != 0 || s.Connections.Connections != 0 {
			t.Errorf("without services: %+v", s)
		}
	})
}

// TestReloadNeedsRestart: what only a restart can change is kept and named,
// also by the reloads after it.
func TestReloadNeedsRestart(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		first := r.text
		fixed := strings.Replace(global, "65536", "4096", 1) + "workers: 2\nmac: virtual\nrouter_id: 7\n"
		want := []string{"mac", "router_id", "workers", "connections"}
		done := r.mustReload(fixed + web(21, 22))
		if !done.Changed || !slices.Equal(done.NeedRestart, want) {
			t.Errorf("first reload: %+v", done)
		}
		if done = r.mustReload(r.text); done.Changed || !slices.Equal(done.NeedRestart, want) {
			t.Errorf("second reload of the same file: %+v", done)
		}
		if done = r.mustReload(fixed + web(21)); !done.Changed || !slices.Equal(done.NeedRestart, want) {
			t.Errorf("with another server beside: %+v", done)
		}
		s := r.status()
		if server(s, "web", 22).Address != "" || s.VIPs[0].MAC != lanMAC.String() {
			t.Errorf("after them: %+v", s)
		}
		if len(s.Alarms) != 1 || !strings.Contains(s.Alarms[0].What, "mac, router_id, workers, connections") {
			t.Errorf("alarms: %+v", s.Alarms)
		}
		if done = r.mustReload(first); !done.Changed || done.NeedRestart != nil {
			t.Errorf("back again: %+v", done)
		}
		if s = r.status(); len(s.Alarms) != 0 || server(s, "web", 22).Address == "" {
			t.Errorf("back again: %+v", s)
		}
	})
}

// TestKeepsAllThatNeedsRestart: what NeedRestart names is what a reload keeps,
// key by key.
func TestKeepsAllThatNeedsRestart(t *testing.T) {
	within(t, func(r *rig) {
		r.host.AddInterface("eth1", outMAC)
		r.up()
		for _, line := range []string{
			"egress: eth1", "mac: virtual\nrouter_id: 9", "conflict: takeover", "poll: spin", "workers: 3",
		} {
			before := r.status()
			done := r.mustReload(line + "\n" + global + web(21, 22))
			if key, _, _ := strings.Cut(line, ":"); !slices.Contains(done.NeedRestart, key) {
				t.Errorf("%s: needs a restart: %v", line, done.NeedRestart)
			}
			if s := r.status(); !s.ConfigSince.Equal(before.ConfigSince) || s.Interfaces[0].Role != "both" {
				t.Errorf("%s: something was applied", line)
			}
		}
	})
}

// TestReloadAdmin: the director takes another place of the admin API, which is
// its caller's to move, as changed.
func TestReloadAdmin(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		if done := r.mustReload("admin: {socket: /run/elsewhere.sock}\n" + r.text); !done.Changed || done.NeedRestart != nil {
			t.Errorf("reload: %+v", done)
		}
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 || len(r.status().Alarms) != 0 {
			t.Errorf("two connections went to %v, alarms: %+v", got, r.status().Alarms)
		}
	})
}

func TestReloadGuard(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.mustReload("guard: off\n" + global + web(21, 22))
		if name, _ := r.host.Guarded(); name != "" || r.status().Guard != "off" {
			t.Errorf("off: the guard is on %q, status %q", name, r.status().Guard)
		}
		r.mustReload("guard: off\n" + global + web(21))
		r.mustReload(global + service("web", otherVIP, 21))
		name, vips := r.host.Guarded()
		if name != "eth0" || !slices.Equal(vips, []netip.Addr{otherVIP}) || r.status().Guard != "on" {
			t.Errorf("on again: the guard is on %q for %v, status %q", name, vips, r.status().Guard)
		}
	})
}

// TestReloadTTL: the switch reaches the workers.
func TestReloadTTL(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		hops := func() byte { return r.send(segment(1, frame.TCPSyn))[0].Data[14+8] }
		if ttl := hops(); ttl != 64 {
			t.Errorf("keep: TTL %d", ttl)
		}
		r.mustReload("ttl: decrement\n" + r.text)
		if ttl := hops(); ttl != 63 {
			t.Errorf("decrement: TTL %d", ttl)
		}
	})
}

// TestReloadDropsNothing: while servers and services come and go, each new
// connection finds a server.
func TestReloadDropsNothing(t *testing.T) {
	sets := [][]int{{21, 22, 23}, {21, 22}, {21, 23}, {21}}
	changing := func(i int) string { return web(sets[i%len(sets)]...) }
	unchecked := func(text string) string {
		return strings.Replace(text, "{kind: tcp, every: 1s, timeout: 500ms, rise: 1, fall: 2}", "{kind: none}", 1)
	}
	for name, text := range map[string]func(i int) string{
		// A new server is used when it was checked and resolved.
		"checked": changing,
		// It is used at once: another service has resolved it.
		"known": func(i int) string { return unchecked(changing(i)) + service("mail", otherVIP, 21, 22, 23) },
		// All servers are new, and used at once.
		"renamed": func(i int) string {
			return unchecked(service(fmt.Sprint("web", i%3), vip, 21, 22)) + service("mail", otherVIP, 21, 22)
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(r *rig) {
				r.write(global + text(0))
				r.up()
				injected := r.injectWhile(60, func(i int) error {
					r.write(global + text(i))
					_, err := r.d.Reload(r.Context())
					return err
				})
				r.pass(time.Second)
				if got := r.verdicts(); len(got) != 1 || got["forward forward"] != injected {
					t.Errorf("%d connections: %v", injected, got)
				}
				if injected < 10_000 {
					t.Errorf("only %d connections", injected)
				}
			})
		})
	}
}

// syns open connections from many ports.
var syns = func() (all [][]byte) {
	for p := range 60_000 {
		all = append(all, segment(1+p, frame.TCPSyn))
	}
	return all
}()

// injectWhile injects a stream of SYNs while something is changed n times, and
// returns how many.
func (r *rig) injectWhile(n int, change func(int) error) (injected uint64) {
	next := 1
	for i := range n {
		changed := make(chan error, 1)
		go func() { changed <- change(i) }()
		for done := false; !done; {
			select {
			case err := <-changed:
				if err != nil {
					r.Fatal(err)
				}
				done = true
			default:
			}
			for range 50 {
				for !r.lan.Wire().InjectBytes(syns[next]) {
					if err := r.lan.Wire().Idle(r.Context()); err != nil {
						r.Fatal(err)
					}
				}
				injected++
				next = (next + 1) % len(syns)
			}
		}
		if err := r.lan.Wire().Idle(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.lan.Wire().Take()
		if i%10 == 0 {
			r.pass(200 * time.Millisecond) // new servers are checked and resolved
		}
	}
	return injected
}
