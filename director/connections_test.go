package director_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/director"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

// list returns what a filter takes, by client.
func (r *rig) list(f api.ConnectionFilter) (all []api.Connection) {
	r.Helper()
	err := r.d.Connections(r.Context(), f, func(c api.Connection) bool {
		all = append(all, c)
		return true
	})
	if err != nil {
		r.Fatal(err)
	}
	slices.SortFunc(all, func(a, b api.Connection) int { return cmp.Compare(a.Client, b.Client) })
	return all
}

// open opens n connections.
func (r *rig) open(n int) {
	r.Helper()
	for _, syn := range syns[:n] {
		for !r.lan.Wire().InjectBytes(syn) {
			if err := r.lan.Wire().Idle(r.Context()); err != nil {
				r.Fatal(err)
			}
		}
	}
	if err := r.lan.Wire().Idle(r.Context()); err != nil {
		r.Fatal(err)
	}
	r.lan.Wire().Take()
}

func TestConnections(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + web(21, 22) + service("mail", otherVIP, 22))
		r.up()
		r.send(segment(1, frame.TCPSyn), segment(2, frame.TCPSyn), segmentTo(otherVIP, 3, frame.TCPSyn))
		r.pass(10 * time.Second)
		r.send(segment(1, frame.TCPAck))
		want := []api.Connection{
			{Service: "web", Protocol: "tcp", Client: "198.51.100.7:1", VIP: "192.0.2.10:80", Server: "192.0.2.22:80", State: "ESTABLISHED", Expires: 900},
			{Service: "web", Protocol: "tcp", Client: "198.51.100.7:2", VIP: "192.0.2.10:80", Server: "192.0.2.21:80", State: "SYN_RECV", Expires: 50},
			{Service: "mail", Protocol: "tcp", Client: "198.51.100.7:3", VIP: "192.0.2.11:80", Server: "192.0.2.22:80", State: "SYN_RECV", Expires: 50},
		}
		for _, c := range []struct {
			filter api.ConnectionFilter
			want   []int
		}{
			{api.ConnectionFilter{}, []int{0, 1, 2}},
			{api.ConnectionFilter{Client: "198.51.100.7"}, []int{0, 1, 2}},
			{api.ConnectionFilter{Client: "198.51.100.8"}, nil},
			{api.ConnectionFilter{Client: "198.51.100.200/24"}, []int{0, 1, 2}},
			{api.ConnectionFilter{Client: "198.51.100.8/29"}, nil},
			{api.ConnectionFilter{Client: "198.51.100.7:2"}, []int{1}},
			{api.ConnectionFilter{Client: "198.51.100.0/24:3"}, []int{2}},
			{api.ConnectionFilter{Client: "2001:db8::/32"}, nil},
			{api.ConnectionFilter{Client: "[2001:db8::1]:1"}, nil},
			{api.ConnectionFilter{Client: "[2001:db8::]/32:1"}, nil},
			{api.ConnectionFilter{VIP: "192.0.2.10"}, []int{0, 1}},
			{api.ConnectionFilter{VIP: "192.0.2.11:80"}, []int{2}},
			{api.ConnectionFilter{VIP: "192.0.2.11:81"}, nil},
			{api.ConnectionFilter{Server: "192.0.2.22"}, []int{0, 2}},
			{api.ConnectionFilter{Service: "mail"}, []int{2}},
			{api.ConnectionFilter{State: "SYN_RECV"}, []int{1, 2}},
			{api.ConnectionFilter{State: "established"}, []int{0}},
			{api.ConnectionFilter{State: "TIME_WAIT"}, nil},
			{api.ConnectionFilter{Templates: true}, nil},
			{api.ConnectionFilter{Server: "192.0.2.22", State: "SYN_RECV", Client: "198.51.100.7", VIP: "192.0.2.11"}, []int{2}},
		} {
			var wanted []api.Connection
			for _, i := range c.want {
				wanted = append(wanted, want[i])
			}
			if got := r.list(c.filter); !slices.Equal(got, wanted) {
				t.Errorf("%+v:\n%+v\nwant\n%+v", c.filter, got, wanted)
			}
		}
	})
}

func TestConnectionsNonsense(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.serversOf(1)
		for _, c := range []struct {
			filter api.ConnectionFilter
			want   string
		}{
			{api.ConnectionFilter{Client: "everybody"}, `client: "everybody" is no address`},
			{api.ConnectionFilter{Client: "198.51.100.7/33"}, `client: "198.51.100.7/33" is no address`},
			{api.ConnectionFilter{Client: "198.51.100.7:65536"}, `client: "65536" is no port`},
			{api.ConnectionFilter{Client: "198.51.100.7:"}, `client: "" is no port`},
			{api.ConnectionFilter{Client: "[2001:db8::1:80"}, "is no address"},
			{api.ConnectionFilter{Client: "[198.51.100.7:80"}, "is no address"},
			{api.ConnectionFilter{Client: "fe80::1%eth0"}, "is no address"},
			{api.ConnectionFilter{VIP: "192.0.2.0/24"}, `vip: "192.0.2.0/24" is no address`},
			{api.ConnectionFilter{Server: "192.0.2.21:80"}, `server: "192.0.2.21:80" is no address; write the real server's, without a port`},
			{api.ConnectionFilter{Service: "wbe"}, `service: there is no service "wbe"`},
			{api.ConnectionFilter{State: "ALIVE"}, `state: there is no state "ALIVE"; there are NONE, ESTABLISHED`},
		} {
			err := r.d.Connections(r.Context(), c.filter, func(api.Connection) bool {
				t.Errorf("%+v: a connection was found", c.filter)
				return false
			})
			var refused *api.Error
			if !errors.As(err, &refused) || refused.Code != api.CodeInvalid || !strings.Contains(refused.Message, c.want) {
				t.Errorf("%+v: %v, want %s", c.filter, err, c.want)
			}
		}
	})
}

// TestConnectionsStopNothing: while somebody reads, frames pass, the loop
// answers, and services come and go.
func TestConnectionsStopNothing(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.open(5000)
		seen := 0
		err := r.d.Connections(r.Context(), api.ConnectionFilter{}, func(c api.Connection) bool {
			if seen++; seen%1000 != 0 {
				return true
			}
			if got := r.serversOf(50_000 + seen); got[21]+got[22] != 1 {
				t.Errorf("after %d connections, a new one went to %v", seen, got)
			}
			if n := r.status().Connections.Inserted; n != uint64(5000+seen/1000) {
				t.Errorf("after %d connections: %d in status", seen, n)
			}
			r.mustReload(global + web(21, 22) + service("mail", otherVIP, 20+seen/1000%3))
			return true
		})
		if err != nil || seen < 5000 || seen > 5005 {
			t.Errorf("%d connections, %v", seen, err)
		}
	})
}

// TestConnectionsEnd: with the reader, its context, or the director.
func TestConnectionsEnd(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.open(5000)
		seen := 0
		err := r.d.Connections(r.Context(), api.ConnectionFilter{}, func(api.Connection) bool {
			seen++
			return seen < 10
		})
		if err != nil || seen != 10 {
			t.Errorf("a reader who left: %d connections, %v", seen, err)
		}
		ctx, leave := context.WithCancel(r.Context())
		seen = 0
		err = r.d.Connections(ctx, api.ConnectionFilter{}, func(api.Connection) bool {
			leave()
			seen++
			return true
		})
		if !errors.Is(err, context.Canceled) || seen == 0 || seen > 2000 {
			t.Errorf("a context that ended: %d connections, %v", seen, err)
		}
		// Nothing is left to be found, and it ends all the same.
		ctx, leave = context.WithCancel(r.Context())
		leave()
		if err = r.d.Connections(ctx, api.ConnectionFilter{State: "CLOSE"}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that had ended: %v", err)
		}
		// The table is not taken away from under a reader.
		seen = 0
		err = r.d.Connections(r.Context(), api.ConnectionFilter{}, func(api.Connection) bool {
			if seen++; seen == 1 {
				r.cancel()
				for stopped := false; !stopped; {
					_, err := r.d.Status(r.Context())
					stopped = errors.Is(err, director.ErrStopped)
				}
			}
			return true
		})
		if !errors.Is(err, director.ErrStopped) || seen > 2000 {
			t.Errorf("a director that stopped: %d connections, %v", seen, err)
		}
		d := r.d
		r.stop()
		if err = d.Connections(r.Context(), api.ConnectionFilter{}, nil); !errors.Is(err, director.ErrStopped) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestTemplates: what persistent services remember is listed beside the
// connections, under the name that the service has.
func TestTemplates(t *testing.T) {
	persistent := func(keys string, more string) string {
		text := strings.Replace(web(21), "    protocol: tcp\n", "    protocol: tcp\n    persistence: {timeout: 5m, netmask: 24}\n"+keys, 1)
		return strings.Replace(text, "192.0.2.10:80\n", more+"\n", 1)
	}
	for _, c := range []struct {
		name, text string
		want       api.Connection
	}{
		{"one port", persistent("", "192.0.2.10:80"), api.Connection{VIP: "192.0.2.10:80", Server: "192.0.2.21:80"}},
		{"all ports", strings.Replace(persistent("", "192.0.2.10:0"), "{kind: tcp,", "{kind: tcp, port: 80,", 1), api.Connection{VIP: "192.0.2.10:0", Server: "192.0.2.21:0"}},
		{"addresses", persistent("", "[192.0.2.10:80, 192.0.2.11:80]"), api.Connection{VIP: "192.0.2.10:0", Server: "192.0.2.21:0"}},
		{"mark", persistent("    mark: 7\n", "[192.0.2.10:80, 192.0.2.11:80]"), api.Connection{Mark: 7, Server: "192.0.2.21:0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, func(r *rig) {
				r.write(global + c.text)
				r.host.SetServer(port(21), memhost.Serving)
				r.up()
				r.send(segment(1, frame.TCPSyn), segment(1, frame.TCPAck))
				c.want.Service, c.want.Protocol, c.want.Client, c.want.State, c.want.Template = "web", "tcp", "198.51.100.0:0", "ASSURED", true
				c.want.Expires = 300
				if got := r.list(api.ConnectionFilter{Templates: true, VIP: "192.0.2.10"}); !slices.Equal(got, []api.Connection{c.want}) {
					t.Errorf("%+v\nwant\n%+v", got, c.want)
				}
				if got := r.list(api.ConnectionFilter{}); len(got) != 2 {
					t.Errorf("all: %+v", got)
				}
				if got := r.list(api.ConnectionFilter{State: "ASSURED", VIP: "192.0.2.12"}); len(got) != 0 {
					t.Errorf("of another VIP: %+v", got)
				}
				if rs := server(r.status(), "web", 21); rs.Persistent != 1 {
					t.Errorf("in status: %+v", rs)
				}
			})
		})
	}
}

// TestConnectionsOutliveTheirService: their VIP and service keep their names.
func TestConnectionsOutliveTheirService(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + "ipvs: {expire_nodest_conn: 0}\n" + web(21))
		r.up()
		r.serversOf(1)
		want := r.list(api.ConnectionFilter{})
		r.mustReload(global + "ipvs: {expire_nodest_conn: 0}\n")
		if got := r.list(api.ConnectionFilter{Service: "web", VIP: "192.0.2.10"}); len(want) != 1 || !slices.Equal(got, want) {
			t.Errorf("%+v\nwant\n%+v", got, want)
		}
	})
}
