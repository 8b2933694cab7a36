package director_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

// webService is the service web as ipvsadm names it.
var webService = &api.VirtualService{Protocol: "tcp", Address: "192.0.2.10:80", Scheduler: "rr"}

func addService(vip netip.Addr) api.Change {
	return api.Change{Op: api.AddService, Service: serviceOn(vip)}
}

func serviceOn(vip netip.Addr) *api.VirtualService {
	return &api.VirtualService{Protocol: "tcp", Address: netip.AddrPortFrom(vip, 80).String(), Scheduler: "rr"}
}

// server is a change of the server 192.0.2.n of the service web.
func (op changeServer) server(n, weight int) api.Change {
	return api.Change{Op: api.Op(op), Service: webService, Server: &api.Destination{Address: port(n).String(), Weight: weight}}
}

type changeServer api.Op

const (
	add    = changeServer(api.AddServer)
	modify = changeServer(api.EditServer)
	remove = changeServer(api.DeleteServer)
)

func (r *rig) change(changes ...api.Change) {
	r.Helper()
	done, err := r.d.Change(r.Context(), changes)
	if err != nil || done.Applied != len(changes) {
		r.Fatalf("%d of %d changes: %v", done.Applied, len(changes), err)
	}
}

// TestChangeFillsEmptyDirector: it starts with nothing, not even a VIP, and once
// a change has returned, the next frame finds its server.
func TestChangeFillsEmptyDirector(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global)
		r.start()
		if s := r.status(); len(s.Services)+len(s.VIPs)+len(s.Alarms) != 0 {
			t.Errorf("at first: %+v", s)
		}
		r.change(addService(vip), add.server(21, 1), add.server(22, 1))
		if got := r.serversOf(1, 2, 3, 4); got[21] != 2 || got[22] != 2 {
			t.Errorf("four connections went to %v: %v", got, r.verdicts())
		}
		if _, vips := r.host.Guarded(); !slices.Equal(vips, []netip.Addr{vip}) {
			t.Errorf("the guard keeps away %v", vips)
		}
		if s := r.status(); len(s.VIPs) != 1 || s.VIPs[0].Address != vip.String() {
			t.Errorf("VIPs: %+v", s.VIPs)
		}
		want := `msg="services changed through the admin socket" changes=3 what="add-service 192.0.2.10:80/tcp scheduler rr; ` +
			`add-server 192.0.2.10:80/tcp 192.0.2.21:80 weight 1; add-server 192.0.2.10:80/tcp 192.0.2.22:80 weight 1"`
		if r.log.count("services changed") != 1 || r.log.count(want) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		r.change(api.Change{Op: api.Clear})
		if s := r.status(); len(s.Services) != 0 || s.Connections.Connections != 0 || len(s.VIPs) != 1 {
			t.Errorf("cleared: %+v", s)
		}
		if r.send(segment(9, frame.TCPSyn)); r.verdicts()["reply rst"] != 1 {
			t.Errorf("a VIP without a service: %v", r.verdicts())
		}
	})
}

// TestOwnedVIP: a VIP that no service has had yet is the director's too.
func TestOwnedVIP(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + "vips: [192.0.2.11]\n")
		r.start()
		if _, vips := r.host.Guarded(); !slices.Equal(vips, []netip.Addr{otherVIP}) {
			t.Errorf("the guard keeps away %v", vips)
		}
		if r.send(segmentTo(otherVIP, 1, frame.TCPSyn)); r.verdicts()["reply rst"] != 1 {
			t.Errorf("a SYN: %v", r.verdicts())
		}
		r.pass(time.Minute)
		if s := r.status(); len(s.VIPs) != 1 || s.VIPs[0].State != "owned" {
			t.Errorf("VIPs: %+v", s.VIPs)
		}
	})
}

func TestChangeEverything(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.change(
			api.Change{Op: api.EditService, Service: &api.VirtualService{
				Protocol: "tcp", Address: "192.0.2.10:80", Scheduler: "sh", Flags: []string{"sh-port"}, Persistence: 300, Prefix: 24,
			}},
			api.Change{Op: api.AddServer, Service: webService, Server: &api.Destination{Address: "192.0.2.23:80", Weight: 7, Upper: 100, Lower: 50}},
			modify.server(22, 5),
			remove.server(21, 0),
			api.Change{Op: api.SetTimeouts, Timeouts: &api.Timeouts{TCP: 100, UDP: 50}},
			api.Change{Op: api.AddService, Service: &api.VirtualService{Protocol: "udp", Address: "192.0.2.10:53", Scheduler: "rr", OnePacket: true}},
			addService(otherVIP),
			api.Change{Op: api.DeleteService, Service: serviceOn(otherVIP)},
		)
		s := r.status()
		if want := (api.Timeouts{TCP: 100, TCPFin: 120, UDP: 50}); s.Timeouts != want || s.Services[0].Timeouts != want {
			t.Errorf("timeouts: %+v", s.Timeouts)
		}
		if len(s.Services) != 2 || len(s.VIPs) != 2 {
			t.Fatalf("status: %+v", s)
		}
		web, dns := s.Services[0], s.Services[1]
		if web.Scheduler != "sh" || !slices.Equal(web.Flags, []string{"sh-port"}) || web.Persistence != 300 || web.Prefix != 24 || web.OnePacket {
			t.Errorf("edited service: %+v", web)
		}
		if dns.Protocol != "udp" || !dns.OnePacket || dns.Persistence != 0 || len(dns.Servers) != 0 {
			t.Errorf("new service: %+v", dns)
		}
		if len(web.Servers) != 2 || web.Servers[0].Address != "192.0.2.22:80" || web.Servers[0].Configured != 5 {
			t.Fatalf("servers: %+v", web.Servers)
		}
		if rs := web.Servers[1]; rs.Address != "192.0.2.23:80" || rs.Configured != 7 || rs.Upper != 100 || rs.Lower != 50 || rs.MAC != realMAC(23).String() {
			t.Errorf("new server: %+v", rs)
		}
	})
}

// TestChangeMark: a mark stands for the addresses that the file gives it.
func TestChangeMark(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + strings.Replace(web(21), "    protocol: tcp\n", "    protocol: tcp\n    mark: 7\n", 1))
		r.up()
		marked := &api.VirtualService{Mark: 7, Scheduler: "wlc"}
		r.change(
			api.Change{Op: api.EditService, Service: marked},
			api.Change{Op: api.AddServer, Service: marked, Server: &api.Destination{Address: "192.0.2.22:0", Weight: 3}},
			api.Change{Op: api.AddServer, Service: marked, Server: &api.Destination{Address: "192.0.2.23:80", Weight: 1}},
		)
		s := r.status().Services[0]
		if s.Mark != 7 || s.Scheduler != "wlc" || len(s.Servers) != 3 || s.Servers[1].Configured != 3 {
			t.Errorf("%+v", s)
		}
		// A server is known by the port with which it was added: ldirectord looks
		// for it by that. The file's have none.
		for i, want := range []string{"192.0.2.21", "192.0.2.22", "192.0.2.23:80"} {
			if got := s.Servers[i].Address; got != want {
				t.Errorf("server %d is %s, want %s", i, got, want)
			}
		}
		again := api.Destination{Address: "192.0.2.22:80", Weight: 3}
		r.change(
			api.Change{Op: api.DeleteServer, Service: marked, Server: &api.Destination{Address: "192.0.2.22:0"}},
			api.Change{Op: api.AddServer, Service: marked, Server: &again},
		)
		if got := r.status().Services[0].Servers[2].Address; got != again.Address {
			t.Errorf("added again with a port, it is %s", got)
		}
	})
}

// TestRefusedChanges: those before are made, the one and those after are not.
func TestRefusedChanges(t *testing.T) {
	marked := &api.VirtualService{Mark: 7, Scheduler: "rr"}
	for _, c := range []struct {
		change     api.Change
		code, want string
	}{
		{addService(vip), api.CodeServiceExists, "192.0.2.10:80/tcp"},
		{api.Change{Op: api.EditService, Service: serviceOn(otherVIP)}, api.CodeNoService, "192.0.2.11:80/tcp"},
		{api.Change{Op: api.DeleteService, Service: serviceOn(otherVIP)}, api.CodeNoService, ""},
		{api.Change{Op: api.ZeroCounters, Service: serviceOn(otherVIP)}, api.CodeNoService, ""},
		{api.Change{Op: api.EditService, Service: marked}, api.CodeNoService, "mark 7"},
		{api.Change{Op: api.AddServer, Service: serviceOn(otherVIP), Server: &api.Destination{Address: "192.0.2.21:80"}}, api.CodeNoService, ""},
		{add.server(21, 1), api.CodeServerExists, "192.0.2.21"},
		{modify.server(24, 1), api.CodeNoServer, "192.0.2.24"},
		{remove.server(24, 1), api.CodeNoServer, "192.0.2.24"},
		{add.server(24, 70_000), api.CodeInvalid, "70000"},
		{
			api.Change{Op: api.AddServer, Service: webService, Server: &api.Destination{Address: "192.0.2.1:80", Weight: 1}},
			api.CodeInvalid,
			"192.0.2.1 is an address of this host, on eth0; a director cannot be its own real server",
		},
		{api.Change{Op: api.AddServer, Service: webService, Server: &api.Destination{Address: "nobody", Weight: 1}}, api.CodeInvalid, "nobody"},
		{addService(hostAddr), api.CodeInvalid, "192.0.2.1 is an address of this host, on eth0; the director answers for a VIP"},
		{addService(netip.MustParseAddr("192.0.2.255")), api.CodeInvalid, "broadcast"},
		{api.Change{Op: api.AddService, Service: &api.VirtualService{Protocol: "tcp", Address: "192.0.2.11:80", Scheduler: "fastest"}}, api.CodeInvalid, "fastest"},
		{api.Change{Op: api.AddService, Service: &api.VirtualService{Address: "192.0.2.11:80"}}, api.CodeInvalid, "neither a protocol nor a mark"},
		{api.Change{Op: api.AddService, Service: marked}, api.CodeInvalid, "no service in the configuration file"},
		{api.Change{Op: api.AddService}, api.CodeInvalid, "add-service: no service is named"},
		{api.Change{Op: api.AddServer, Service: webService}, api.CodeInvalid, "add-server: no real server is named"},
		{api.Change{Op: api.SetTimeouts}, api.CodeInvalid, "set-timeouts: no timeouts are named"},
		{api.Change{Op: api.SetTimeouts, Timeouts: &api.Timeouts{TCP: -1}}, api.CodeInvalid, "timeouts"},
		{api.Change{Op: api.SetTimeouts, Timeouts: &api.Timeouts{UDP: math.MaxInt}}, api.CodeInvalid, "timeouts"},
		{api.Change{Op: api.EditService, Service: &api.VirtualService{Protocol: "tcp", Address: "192.0.2.10:80", Persistence: -1}}, api.CodeInvalid, "persistence"},
		{api.Change{}, api.CodeInvalid, `"" is no change`},
		{api.Change{Op: "make-coffee", Service: webService, Server: &api.Destination{}}, api.CodeInvalid, `"make-coffee" is no change`},
	} {
		t.Run(fmt.Sprintf("%s %s %s", c.change.Op, c.code, c.want), func(t *testing.T) {
			within(t, func(r *rig) {
				r.up()
				_, err := r.d.Change(r.Context(), api.Changes{add.server(23, 9), modify.server(21, 4), c.change, remove.server(22, 0)})
				var refused *api.Error
				if !errors.As(err, &refused) || refused.Code != c.code || refused.Applied != 2 || !strings.Contains(refused.Message, c.want) {
					t.Fatalf("%+v, %v; want %s, %q", refused, err, c.code, c.want)
				}
				s := r.status()
				if server(s, "web", 23).Configured != 9 || server(s, "web", 21).Configured != 4 || server(s, "web", 22).Address == "" {
					t.Errorf("servers: %+v", s.Services[0].Servers)
				}
				if r.log.count("changes=2") != 1 {
					t.Errorf("log:\n%s", r.log)
				}
			})
		})
	}
}

// TestChangeFails: what the host cannot do is not done in part.
func TestChangeFails(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		before := r.status()
		r.host.Fail(memhost.UpdateGuard, errBoom)
		done, err := r.d.Change(r.Context(), api.Changes{add.server(23, 1), addService(otherVIP)})
		var refused *api.Error // for a program that drives the director it is one change of many
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, errBoom.Error()) || done.Applied != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		r.host.Fail(memhost.ListInterfaces, errBoom)
		if done, err = r.d.Change(r.Context(), api.Changes{add.server(23, 1)}); !errors.Is(err, errBoom) || done.Applied != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		r.host.Fail(memhost.ListInterfaces, nil)
		if s := r.status(); len(s.Services) != 1 || len(s.Services[0].Servers) != 2 || !s.ConfigSince.Equal(before.ConfigSince) {
			t.Errorf("%+v", s)
		}
		if r.log.count("services changed") != 0 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestChangeIsRefusedAsAStartIs: a director without a VIP starts on a host that
// forwards; with the first VIP, the kernel would duplicate its traffic.
func TestChangeIsRefusedAsAStartIs(t *testing.T) {
	within(t, func(r *rig) {
		r.write("guard: off\n" + global)
		r.host.SetForwarding(true)
		r.start()
		_, err := r.d.Change(r.Context(), api.Changes{addService(vip)})
		if err == nil || !strings.Contains(err.Error(), "the kernel forwards IPv4") {
			t.Errorf("change: %v", err)
		}
		if _, err = r.reload("guard: off\n" + global + web(21)); err == nil || !strings.Contains(err.Error(), "the kernel forwards IPv4") {
			t.Errorf("reload: %v", err)
		}
		if s := r.status(); len(s.Services)+len(s.VIPs)+len(s.Alarms) != 0 {
			t.Errorf("%+v", s)
		}
		r.host.SetForwarding(false)
		r.change(addService(vip))
		r.host.SetForwarding(true)
		r.pass(time.Minute)
		r.change(addService(otherVIP)) // it is an alarm already
		if s := r.status(); len(s.Services) != 2 || len(s.Alarms) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestChangeIsNoLoad: it says nothing of the file.
func TestChangeIsNoLoad(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.pass(time.Minute)
		r.change(add.server(23, 1))
		if s := r.status(); !s.ConfigSince.Equal(s.Started) {
			t.Errorf("loaded at %v, started at %v", s.ConfigSince, s.Started)
		}
	})
}

func TestZeroCounters(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + web(21) + service("mail", otherVIP, 22))
		r.up()
		r.send(segment(1, frame.TCPSyn), segment(1, frame.TCPAck), segmentTo(otherVIP, 1, frame.TCPSyn))
		r.change(api.Change{Op: api.ZeroCounters, Service: webService})
		s := r.status()
		if rs := server(s, "web", 21); rs.Zero != (api.Counts{Connections: 1, Packets: 2, Bytes: 80}) || rs.Packets != 2 {
			t.Errorf("%+v", rs)
		}
		if rs := server(s, "mail", 22); rs.Zero != (api.Counts{}) {
			t.Errorf("of the other service: %+v", rs)
		}
		r.send(segment(2, frame.TCPSyn))
		r.change(add.server(23, 1)) // keeps the other's
		s = r.status()
		if rs := server(s, "web", 21); rs.Zero.Packets != 2 || rs.Packets != 3 {
			t.Errorf("%+v", rs)
		}
		r.change(api.Change{Op: api.ZeroCounters})
		s = r.status()
		if server(s, "web", 21).Zero.Packets != 3 || server(s, "mail", 22).Zero.Packets != 1 {
			t.Errorf("all: %+v", s.Services)
		}
		// It is only a part of a batch.
		r.change(remove.server(21, 0), api.Change{Op: api.ZeroCounters}, api.Change{Op: api.DeleteService, Service: serviceOn(otherVIP)})
		if s = r.status(); len(s.Services) != 1 || len(s.Services[0].Servers) != 1 {
			t.Errorf("%+v", s.Services)
		}
	})
}

// TestZeroIsCheap: a change of counters does not look at all services, so that
// the director is not away for long while many are made.
func TestZeroIsCheap(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global)
		r.start()
		r.change(services(200)...)
		var zeros api.Changes
		for i := range 1000 {
			zero := api.Change{Op: api.ZeroCounters}
			if i%2 == 0 {
				zero.Service = &api.VirtualService{Protocol: "tcp", Address: fmt.Sprintf("198.18.0.%d:80", 1+i%100)}
			}
			zeros = append(zeros, zero)
		}
		if n := testing.AllocsPerRun(1, func() { r.change(zeros...) }); n > 100_000 {
			t.Errorf("%.0f allocations for %d changes", n, len(zeros))
		}
	})
}

// total is what a service has counted.
func total(s *api.Status, name string) (c api.Counts) {
	for _, svc := range s.Services {
		if svc.Name == name {
			c = svc.Total
		}
	}
	return c
}

// TestTotals: a service has also counted what went to servers that it has no more,
// until it is made anew; a server that comes back has its counts, unless its
// service is another.
func TestTotals(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + web(21))
		r.up()
		check := func(when string, service int, servers ...int) {
			t.Helper()
			s := r.status()
			for i, n := range append([]int{service}, servers...) {
				got, what := total(s, "web"), "the service"
				if i > 0 {
					rs := server(s, "web", 20+i)
					got.Packets, what = rs.Packets-rs.Zero.Packets, fmt.Sprint("server ", 20+i)
				}
				if got.Packets != uint64(n) || i == 0 && (got.Connections != got.Packets || got.Bytes != 40*got.Packets) {
					t.Errorf("%s: %s has counted %+v, want %d", when, what, got, n)
				}
			}
		}
		send := func(ports ...int) { r.serversOf(ports...) }
		send(1, 2, 3)
		check("at first", 3, 3)
		r.change(add.server(22, 1), remove.server(21, 0))
		r.pass(2 * time.Second)
		send(4, 5)
		check("21 has gone", 5, 0, 2)
		r.change(add.server(21, 0))
		check("21 is back", 5, 3, 2)
		r.change(remove.server(21, 0))
		r.change(api.Change{Op: api.ZeroCounters, Service: webService})
		check("set to zero without 21", 0, 0, 0)
		r.change(add.server(21, 0))
		check("21 is back", 0, 3, 0)
		send(6)
		check("one more", 1, 3, 1)
		r.change(remove.server(22, 0))
		r.pass(time.Hour) // until nobody knows it any more
		r.change(modify.server(21, 1))
		r.pass(time.Minute)
		r.change(modify.server(21, 1), api.Change{Op: api.SetTimeouts, Timeouts: &api.Timeouts{TCP: 60}})
		check("22 is forgotten", 1, 3)

		// The same service again, in one step and in two, and from the file.
		again := api.Changes{{Op: api.DeleteService, Service: webService}, {Op: api.AddService, Service: webService}, add.server(21, 1), add.server(22, 1)}
		r.change(again...)
		r.pass(2 * time.Second)
		check("made anew", 0, 0, 0)
		send(7, 8)
		check("two more", 2, 1, 1)
		r.change(api.Change{Op: api.Clear})
		r.change(again[1:]...)
		r.pass(2 * time.Second)
		check("cleared, and made anew", 0, 0, 0)
		send(9, 10)
		r.mustReload(global + service("mail", otherVIP, 23))
		r.mustReload(global + web(21, 22))
		check("in the file again", 0, 0, 0)
	})
}

// TestChangeDropsNothing: while servers and services come and go, each new
// connection finds a server.
func TestChangeDropsNothing(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		injected := r.injectWhile(60, func(i int) error {
			changes := api.Changes{add.server(23, 1), modify.server(21, 0), addService(otherVIP)}
			if i%2 == 1 {
				changes = api.Changes{modify.server(21, 1), remove.server(23, 0), {Op: api.DeleteService, Service: serviceOn(otherVIP)}}
			}
			_, err := r.d.Change(r.Context(), changes)
			return err
		})
		r.pass(time.Second)
		if got := r.verdicts(); len(got) != 1 || got["forward forward"] != injected {
			t.Errorf("%d connections: %v", injected, got)
		}
		if injected < 5000 {
			t.Errorf("only %d connections", injected)
		}
	})
}
