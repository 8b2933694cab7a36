package director_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/frame"
)

// TestRules: what they change runs from the first frame on, on top of the file.
func TestRules(t *testing.T) {
	within(t, func(r *rig) {
		r.rules = api.Changes{
			add.server(23, 4), remove.server(22, 0),
			{Op: api.ZeroCounters},
			addService(otherVIP),
			{Op: api.AddServer, Service: serviceOn(otherVIP), Server: &api.Destination{Address: "192.0.2.22:80", Weight: 1}},
		}
		r.up()
		s := r.status()
		if len(s.Services) != 2 || server(s, "web", 22).Address != "" || server(s, "web", 23).Configured != 4 || len(s.VIPs) != 2 {
			t.Errorf("%+v", s.Services)
		}
		if sent := r.send(segmentTo(otherVIP, 1, frame.TCPSyn)); len(sent) != 1 || frame.Ethernet(sent[0].Data).Dst() != realMAC(22) {
			t.Errorf("the service of the rules: %d frames, %v", len(sent), r.verdicts())
		}
		if r.log.count(`msg="services changed by the rules" changes=5`) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		r.mustReload("# the same\n" + r.text)
		r.mustReload("ttl: decrement\n" + r.text)
		if again := r.status(); server(again, "web", 23).Configured != 4 || len(again.Services) != 2 {
			t.Errorf("after a reload: %+v", again.Services)
		}
	})
}

// TestRefusedRule: the director does not start, and says which one it is.
func TestRefusedRule(t *testing.T) {
	within(t, func(r *rig) {
		r.rules = api.Changes{addService(otherVIP), add.server(21, 1), addService(vip)}
		err := r.try()
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Applied != 1 || refused.Code != api.CodeServerExists {
			t.Errorf("%v", err)
		}
		if name, _ := r.host.Guarded(); name != "" {
			t.Errorf("the guard is on %s", name)
		}
	})
}

// TestReloadKeepsChanges: where the file says what it said before.
func TestReloadKeepsChanges(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.change(modify.server(21, 7), add.server(23, 2), addService(otherVIP))
		r.serversOf(1, 2, 3)
		r.mustReload(global + web(21, 22) + "    mark: 9\n")
		s := r.status()
		weights := func() (out []int) {
			for _, rs := range s.Services[0].Servers {
				out = append(out, rs.Configured)
			}
			return out
		}
		if !slices.Equal(weights(), []int{7, 1, 2}) || len(s.Services) != 2 || s.Services[0].Mark != 9 {
			t.Errorf("%+v", s.Services)
		}
		if server(s, "web", 21).Connections != 1 {
			t.Errorf("the servers are others: %+v", s.Services[0].Servers)
		}
		// The file changes what was changed: the file it is.
		r.mustReload(global + strings.Replace(web(21, 22), "192.0.2.21}", "192.0.2.21, weight: 3}", 1) + "    mark: 9\n")
		s = r.status()
		if !slices.Equal(weights(), []int{3, 1, 2}) {
			t.Errorf("%+v", s.Services)
		}
		// The file needs the address of a service that was added.
		r.mustReload(global + service("mail", otherVIP, 22) + web(21, 22))
		s = r.status()
		if len(s.Services) != 2 || s.Services[0].Name != "mail" || len(s.Services[0].Servers) != 1 {
			t.Errorf("%+v", s.Services)
		}
		if n := r.log.count("which is dropped"); n != 1 || r.log.count("tcp-192.0.2.11-80") == 0 {
			t.Errorf("%d lines say what was dropped:\n%s", n, r.log)
		}
		// And a restart knows nothing of it.
		r.stop()
		r.up()
		r.pass(time.Second)
		if s = r.status(); len(s.Services) != 2 || len(s.Services[1].Servers) != 2 {
			t.Errorf("after a restart: %+v", s.Services)
		}
	})
}
