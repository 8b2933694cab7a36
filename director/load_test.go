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

// TestDynamicWeight: what the check says is a part of the weight, smoothed and limited;
// an operator's weight is the whole of it.
func TestDynamicWeight(t *testing.T) {
	file := filepath.Join(t.TempDir(), "load")
	within(t, func(r *rig) {
		say := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		say("100\n")
		// Both servers say the same.
		text := strings.Replace(scheduled(r.text, "wrr"), "{address: 192.0.2.21}", "{address: 192.0.2.21, weight: 10}", 1)
		text = strings.Replace(text, "kind: tcp", "kind: file, file: "+file, 1)
		text = strings.Replace(text, "    real_servers:", "    dynamic_weight: {min: 20%, max: 90%}\n    real_servers:", 1)
		r.write(text)
		r.up()
		want := func(when string, weight, configured, part int) {
			t.Helper()
			rs := server(r.status(), "web", 21)
			if rs.State != "up" || rs.Weight != weight || rs.Configured != configured || rs.Load == nil || rs.Load.Part != part {
				t.Errorf("%s: %+v, load %+v", when, rs, rs.Load)
			}
		}
		want("at first", 9, 10, 90)
		say("50\n")
		r.pass(1100 * time.Millisecond)
		r.pass(10 * time.Second)
		if rs := server(r.status(), "web", 21); rs.Load.Part < 60 || rs.Load.Part > 70 || rs.Load.Says == nil || *rs.Load.Says != 50 {
			t.Errorf("after the time of smoothing: %+v", rs.Load)
		}
		r.pass(time.Minute)
		if rs := server(r.status(), "web", 21); rs.Load.Part < 50 || rs.Load.Part > 54 {
			t.Errorf("after a minute: %+v", rs.Load)
		}
		say("3\n")
		r.pass(2 * time.Minute)
		want("it asks for little", 2, 10, 20)
		r.order(api.OrderRequest{Duty: api.SetWeight, Server: "192.0.2.21", Weight: 100})
		want("an operator's weight", 20, 100, 20)
		r.order(api.OrderRequest{Duty: api.ResetWeight, Server: "192.0.2.21"})
		if got := r.serversOf(ports(1, 22)...); got[21] != 20 || got[22] != 2 {
			t.Errorf("22 connections went to %v", got)
		}
		say("0\n")
		r.pass(1100 * time.Millisecond)
		want("it asks for none", 0, 10, 0)
		if got := r.serversOf(ports(101, 2)...); got[21]+got[22] != 0 {
			t.Errorf("connections went to %v", got)
		}
		why, err := r.d.Why(r.Context(), "tcp", "198.51.100.7:50000", "192.0.2.10:80")
		if err != nil || !strings.Contains(fmt.Sprint(why.Steps), "192.0.2.21:80 asks for no new connections, 192.0.2.22:80 asks for no") {
			t.Errorf("why: %+v, %v", why, err)
		}
		r.mustReload(strings.Replace(text, "connections: 65536", "connections: 65536\nguard: off", 1))
		want("after a reload", 0, 10, 0)
		say("80\n")
		r.pass(1100 * time.Millisecond)
		want("it asks for more", 8, 10, 80)
		r.mustReload(strings.Replace(text, "    dynamic_weight: {min: 20%, max: 90%}\n", "", 1))
		if rs := server(r.status(), "web", 21); rs.Weight != 80 || rs.Load != nil {
			t.Errorf("without dynamic_weight it is the weight itself: %+v", rs)
		}
	})
}

// TestDynamicWeightMovesNobodyElse: with a hash, only clients of the server that has less
// go elsewhere, and they come back.
func TestDynamicWeightMovesNobodyElse(t *testing.T) {
	dir := t.TempDir()
	for _, mode := range []string{"mh\n    flags: [mh-port]", "sh\n    flags: [sh-port]"} {
		within(t, func(r *rig) {
			file := filepath.Join(dir, "load")
			say := func(percent int) {
				t.Helper()
				if err := os.WriteFile(file, fmt.Appendln(nil, percent), 0o644); err != nil {
					t.Fatal(err)
				}
				r.pass(2 * time.Minute)
			}
			if err := os.WriteFile(file, []byte("100"), 0o644); err != nil {
				t.Fatal(err)
			}
			// An agent asks each server; here it reads one file, which 192.0.2.22 alone heeds.
			text := scheduled(global+web(21, 22, 23), mode)
			agent := fmt.Sprintf("dynamic_weight: {agent: {kind: exec, user: \"%d:%d\", every: 1s, timeout: 1s, command: [/bin/sh, -c, "+
				"'[ $DIRECTOR_REAL_SERVER = 192.0.2.22 ] || exit 102; exit $((2+$(cat %s)))']}}", os.Getuid(), os.Getgid(), file)
			r.write(with(text, agent))
			r.up()
			before := r.homes(1, 90)
			say(40)
			part := server(r.status(), "web", 22).Load.Part
			moved, own := 0, 0
			for p, home := range r.anew(before) {
				if before[p] == 22 {
					own++
				}
				switch {
				case home == before[p]:
				case before[p] != 22:
					t.Fatalf("%s: a flow of server %d went to %d", mode, before[p], home)
				default:
					moved++
				}
			}
			if part < 40 || part > 45 || moved < own*4/10 || moved > own*8/10 {
				t.Errorf("%s: it has %d %% of its weight, and %d of its %d flows went elsewhere", mode, part, moved, own)
			}
			say(0)
			for p, home := range r.anew(before) {
				if home == 22 || before[p] != 22 && home != before[p] {
					t.Fatalf("%s: it asks for none, and a flow of server %d went to %d", mode, before[p], home)
				}
			}
			say(100)
			if after := r.anew(before); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("%s: not all flows came back", mode)
			}
		})
	}
}
