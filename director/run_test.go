package director_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/director"
	"lvsdr/director/memhost"
	"lvsdr/frame"
	"lvsdr/guard"
)

func TestForwardsOnceServersAreUp(t *testing.T) {
	within(t, func(r *rig) {
		r.host.SetServer(port(21), memhost.Silent)
		r.host.SetServer(port(22), memhost.Silent)
		r.start()
		if sent := r.send(segment(1, frame.TCPSyn)); len(sent) != 0 || r.verdicts()["drop undecided"] != 1 {
			t.Errorf("before the first result: %d frames sent, %v", len(sent), r.verdicts())
		}
		r.host.SetServer(port(21), memhost.Serving)
		r.host.SetServer(port(22), memhost.Serving)
		r.pass(2 * time.Second)
		if got := r.serversOf(2, 3, 4, 5); got[21] != 2 || got[22] != 2 {
			t.Errorf("four connections went to %v", got)
		}
		sent := r.send(segment(2, frame.TCPAck))
		if len(sent) != 1 || frame.Ethernet(sent[0].Data).Src() != lanMAC {
			t.Errorf("a segment of a connection: %d frames sent", len(sent))
		}
	})
}

func TestStatus(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.pass(time.Minute) // the VIP was probed for and announced
		r.serversOf(1, 2)
		r.send(segment(1, frame.TCPAck))
		r.send([]byte("not a frame that anybody knows"))
		s := r.status()
		if s.Version != "test" || s.ConfigFile != "director.yaml" || s.Guard != "on" || len(s.Alarms) != 0 ||
			s.Now.Sub(s.Started) < time.Minute || !s.ConfigSince.Equal(s.Started) {
			t.Errorf("status: %+v", s)
		}
		if want := (api.Interface{Name: "eth0", Role: "both", MAC: lanMAC.String(), MTU: 1500, State: "up"}); len(s.Interfaces) != 1 || s.Interfaces[0] != want {
			t.Errorf("interfaces: %+v", s.Interfaces)
		}
		if len(s.VIPs) != 1 || s.VIPs[0].Address != vip.String() || s.VIPs[0].State != "owned" || s.VIPs[0].MAC != lanMAC.String() {
			t.Errorf("VIPs: %+v", s.VIPs)
		}
		if len(s.Services) != 1 || s.Services[0].Name != "web" || s.Services[0].Protocol != "tcp" || s.Services[0].Scheduler != "rr" ||
			s.Services[0].Reject != "rst" || strings.Join(s.Services[0].Addresses, " ") != "192.0.2.10:80" {
			t.Errorf("services: %+v", s.Services)
		}
		rs := server(s, "web", 21)
		if rs.Health != "up" || rs.Check != "connected" || rs.MAC != realMAC(21).String() || rs.Weight != 1 || rs.Configured != 1 ||
			rs.Connections != 1 || rs.Address != "192.0.2.21:80" || rs.MACState == "" || rs.Since.IsZero() {
			t.Errorf("server 21: %+v", rs)
		}
		if s.Connections.Connections != 2 || s.Connections.Inserted != 2 || s.Connections.Capacity == 0 {
			t.Errorf("connections: %+v", s.Connections)
		}
		sum := uint64(0)
		for _, v := range s.Frames.Verdicts {
			sum += v.Frames
		}
		if s.Frames.Received != 4 || sum != 4 || r.verdicts()["forward forward"] != 3 {
			t.Errorf("frames: %+v", s.Frames)
		}
	})
}

func TestRates(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.pass(1500 * time.Millisecond) // between two samples
		for p := range 20 {
			r.send(segment(1+p, frame.TCPSyn))
		}
		r.pass(time.Second)
		rs := server(r.status(), "web", 21)
		if rs.ConnectionsS != 10 || rs.PacketsS != 10 || rs.BytesS != 400 {
			t.Errorf("rates within the second: %+v", rs)
		}
		r.pass(time.Second)
		if rs = server(r.status(), "web", 21); rs.ConnectionsS != 0 || rs.PacketsS != 0 || rs.BytesS != 0 {
			t.Errorf("rates a second later: %+v", rs)
		}
	})
}

func TestStop(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		if name, vips := r.host.Guarded(); name != "eth0" || len(vips) != 1 || vips[0] != vip {
			t.Errorf("the guard is on %q for %v", name, vips)
		}
		d, before := r.d, r.lan.Wire().Sent()
		for p := range 500 {
			r.lan.Wire().InjectBytes(segment(1+p, frame.TCPSyn))
		}
		r.stop()
		if sent := r.lan.Wire().Sent() - before; sent != 500 {
			t.Errorf("%d of 500 frames that had come were sent", sent)
		}
		if name, _ := r.host.Guarded(); name != "" {
			t.Errorf("the guard is still on %s", name)
		}
		if _, err := d.Status(r.Context()); !errors.Is(err, director.ErrStopped) {
			t.Errorf("status afterwards: %v", err)
		}
		if _, err := d.Reload(r.Context()); !errors.Is(err, director.ErrStopped) {
			t.Errorf("reload afterwards: %v", err)
		}
	})
}

// TestRefusesToStart: whatever is missing, the error says it, and nothing is
// left behind.
func TestRefusesToStart(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*rig)
		want  string
	}{
		{"no interface", func(r *rig) { r.lan.Delete() }, `there is no interface "eth0"`},
		{"no list of interfaces", func(r *rig) { r.host.Fail(memhost.ListInterfaces, errBoom) }, "boom"},
		{"no receiver", func(r *rig) { r.host.Fail(memhost.OpenReceiver, errBoom) }, "boom"},
		{"no sender", func(r *rig) { r.host.Fail(memhost.OpenSender, errBoom) }, "boom"},
		{"no resolver", func(r *rig) { r.host.Fail(memhost.OpenResolver, errBoom) }, "boom"},
		{"no responder", func(r *rig) { r.host.Fail(memhost.OpenResponder, errBoom) }, "boom"},
		{"no guard", func(r *rig) { r.host.Fail(memhost.OpenGuard, errBoom) }, "guard: boom"},
		{"the kernel forwards", func(r *rig) {
			r.write("guard: off\n" + global + web(21))
			r.host.SetForwarding(true)
		}, "the kernel forwards IPv4 from eth0"},
		{"something refuses", func(r *rig) {
			r.host.SetFindings(guard.Finding{Severity: guard.Refuse, What: "it is Monday"})
		}, "it is Monday"},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, func(r *rig) {
				c.spoil(r)
				err := r.try()
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "tries again") {
					t.Errorf("start: %v, want %q", err, c.want)
				}
				if strings.HasSuffix(c.want, "boom") && !errors.Is(err, errBoom) {
					t.Errorf("start: %v does not wrap its cause", err)
				}
				if n := r.log.count("tries again"); n != 0 {
					t.Errorf("%d lines say that it tries again:\n%v", n, r.log)
				}
				if name, _ := r.host.Guarded(); name != "" {
					t.Errorf("the guard is still on %s", name)
				}
			})
		})
	}
}

// TestManyServers: more news than any queue holds, while nobody reads it.
func TestManyServers(t *testing.T) {
	many := func(check string) string {
		var b strings.Builder
		b.WriteString(global + "  - name: web\n    address: 192.0.2.10:80\n    protocol: tcp\n    scheduler: rr\n    check: " + check + "\n    real_servers:\n")
		for n := range 1000 {
			fmt.Fprintf(&b, "      - {address: 10.0.%d.%d, mac: \"02:00:00:00:%02x:%02x\"}\n", n/250, n%250+1, n/250, n%250)
		}
		return b.String()
	}
	within(t, func(r *rig) {
		r.write(many("{kind: none}"))
		r.host.Fail(memhost.OpenResponder, errBoom)
		if err := r.try(); !errors.Is(err, errBoom) && (err == nil || !strings.Contains(err.Error(), "boom")) {
			t.Errorf("start: %v", err)
		}
		r.host.Fail(memhost.OpenResponder, nil)
		r.start()
		if got := len(r.send(segment(1, frame.TCPSyn))); got != 1 {
			t.Errorf("%d frames sent", got)
		}
		r.lan.Delete() // lets go while 1000 pins are reported
		r.lan.Create(outMAC)
		r.mustReload(many("{kind: tcp, every: 1s, timeout: 500ms}"))
		r.pass(5 * time.Second)
	})
}

// TestCallerLeaves: a caller that does not wait for its reload any more must not
// share memory with it.
func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, err := r.load()
		if err != nil {
			t.Fatal(err)
		}
		reading, read := make(chan struct{}), make(chan struct{})
		d, err := director.New(director.Options{Config: c, Host: r.host, Load: func() (*config.Config, error) {
			close(reading)
			<-read
			return nil, errBoom
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		caller, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := d.Reload(caller)
			left <- err
		}()
		<-reading
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("reload: %v", err)
		}
		busy, leave := context.WithCancel(t.Context())
		go func() { synctest.Wait(); leave() }()
		if _, err := d.Status(busy); !errors.Is(err, context.Canceled) {
			t.Errorf("status of a busy director: %v", err)
		}
		close(read)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
