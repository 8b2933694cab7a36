package director_test

import (
	"strings"
	"testing"
	"time"

	"lvsdr/director/memhost"
	"lvsdr/frame"
)

func TestServerDies(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.serversOf(1, 2, 3, 4)
		r.host.SetServer(port(21), memhost.Refusing)
		r.pass(3 * time.Second)
		s := r.status()
		if rs := server(s, "web", 21); rs.Health != "down" || rs.Weight != 0 || rs.Configured != 1 || rs.Active+rs.Inactive != 0 {
			t.Errorf("the dead server: %+v", rs)
		}
		if s.Connections.Connections != 2 {
			t.Errorf("%d connections are left, want those of the other server", s.Connections.Connections)
		}
		if got := r.serversOf(11, 12, 13); got[22] != 3 {
			t.Errorf("three connections went to %v", got)
		}
		r.host.SetServer(port(21), memhost.Serving)
		r.pass(2 * time.Second)
		if got := r.serversOf(14, 15, 16, 17); got[21] != 2 || got[22] != 2 {
			t.Errorf("back again, four connections went to %v", got)
		}
	})
}

func TestServerQuiesces(t *testing.T) {
	within(t, func(r *rig) {
		r.write(strings.Replace(r.text, "    real_servers:", "    on_failure: quiesce\n    real_servers:", 1))
		r.up()
		r.serversOf(1, 2)
		r.host.SetServer(port(21), memhost.Silent)
		r.pass(5 * time.Second)
		if s := r.status(); s.Connections.Connections != 2 || server(s, "web", 21).Health != "down" {
			t.Errorf("status: %+v", s)
		}
		if got := r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck)); len(got) != 2 {
			t.Errorf("%d of 2 segments of old connections were sent", len(got))
		}
		if got := r.serversOf(11, 12); got[22] != 2 {
			t.Errorf("two connections went to %v", got)
		}
	})
}

func TestAllServersDie(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.host.SetServer(port(21), memhost.Refusing)
		r.host.SetServer(port(22), memhost.Silent)
		r.pass(5 * time.Second)
		sent := r.send(segment(1, frame.TCPSyn))
		if len(sent) != 1 || frame.Ethernet(sent[0].Data).Dst() != clientMAC || r.verdicts()["reply rst"] != 1 {
			t.Errorf("the client got %d frames: %v", len(sent), r.verdicts())
		}
		s := r.status()
		if len(s.Alarms) != 1 || s.Alarms[0].What != "service web has no usable real server" {
			t.Errorf("alarms: %+v", s.Alarms)
		}
		since := s.Alarms[0].Since
		if age := s.Now.Sub(since); age < 2*time.Second || age > 5*time.Second {
			t.Errorf("the alarm lasts for %v", age)
		}
		r.pass(time.Minute)
		if s = r.status(); !s.Alarms[0].Since.Equal(since) {
			t.Errorf("a minute later the alarm began at %v, not at %v", s.Alarms[0].Since, since)
		}
	})
}

func TestAssumedUp(t *testing.T) {
	within(t, func(r *rig) {
		r.host.SetServer(port(21), memhost.Silent)
		r.host.SetServer(port(22), memhost.Silent)
		r.write(strings.Replace(r.text, "    real_servers:", "    assume: up\n    real_servers:", 1))
		r.start()
		r.pass(300 * time.Millisecond)
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
		r.pass(5 * time.Second)
		if server(r.status(), "web", 21).Health != "down" {
			t.Error("a result is not believed")
		}
	})
}

// TestServerIsNotResolved: a server that answers checks, but not ARP.
func TestServerIsNotResolved(t *testing.T) {
	within(t, func(r *rig) {
		r.lan.RemoveNeighbor(real(21))
		r.up()
		r.pass(10 * time.Second)
		if got := r.serversOf(1, 2); got[22] != 2 {
			t.Errorf("two connections went to %v", got)
		}
		if rs := server(r.status(), "web", 21); rs.Health != "up" || rs.MAC != "" || rs.MACState != "resolving" {
			t.Errorf("status: %+v", rs)
		}
		r.lan.AddNeighbor(real(21), realMAC(21))
		r.pass(15 * time.Second)
		if got := r.serversOf(3, 4); got[21] != 1 {
			t.Errorf("two connections went to %v", got)
		}
	})
}

// TestNobodyAnswersARP: a service whose servers are all absent refuses its
// clients, also if nothing checks them; until it is known, they wait.
func TestNobodyAnswersARP(t *testing.T) {
	within(t, func(r *rig) {
		r.lan.RemoveNeighbor(real(21))
		r.lan.RemoveNeighbor(real(22))
		r.up()
		r.pass(10 * time.Second)
		if r.send(segment(1, frame.TCPSyn)); r.verdicts()["reply rst"] != 1 {
			t.Errorf("a client of absent servers: %v", r.verdicts())
		}
	})
}

// TestServerMoves: a server has another MAC address.
func TestServerMoves(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.serversOf(1, 2)
		moved := realMAC(99)
		r.lan.AddNeighbor(real(21), moved)
		r.lan.Announce(real(21), moved)
		r.pass(10 * time.Second)
		if rs := server(r.status(), "web", 21); rs.MAC != moved.String() {
			t.Fatalf("status: %+v", rs)
		}
		for _, p := range r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck)) {
			if dst := frame.Ethernet(p.Data).Dst(); dst != moved && dst != realMAC(22) {
				t.Errorf("a segment of a connection went to %v", dst)
			}
		}
	})
}

// TestPinned: a pinned MAC address is used at once and never asked for.
func TestPinned(t *testing.T) {
	within(t, func(r *rig) {
		r.lan.RemoveNeighbor(real(21))
		pinned := strings.Replace(global+web(21), "192.0.2.21}", `192.0.2.21, mac: "02:00:00:00:ee:15"}`, 1)
		r.write(pinned)
		r.up()
		if got := r.serversOf(1); got[21] != 1 {
			t.Errorf("a connection went to %v", got)
		}
		if rs := server(r.status(), "web", 21); rs.MACState != "pinned" {
			t.Errorf("status: %+v", rs)
		}
		// Pinned elsewhere, and then no more: the address is kept until another
		// one is confirmed.
		r.mustReload(strings.Replace(pinned, "ee:15", "ee:63", 1))
		if rs := server(r.status(), "web", 21); rs.MAC != realMAC(99).String() {
			t.Errorf("pinned anew: %+v", rs)
		}
		r.lan.AddNeighbor(real(21), realMAC(21))
		r.mustReload(global + web(21))
		r.pass(time.Minute)
		if rs := server(r.status(), "web", 21); rs.MAC != realMAC(21).String() || rs.MACState != "reachable" {
			t.Errorf("no longer pinned: %+v", rs)
		}
	})
}
