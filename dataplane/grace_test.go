package dataplane

import (
	"fmt"
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

const grace = time.Minute

// hashed is a service with mh or sh and five servers of different weights.
func hashed(scheduler string, flags ...string) service.Definition {
	d := define(21, 22, 23, 24, 25)
	d.Scheduler, d.Flags = scheduler, flags
	for i := range d.Servers {
		d.Servers[i].Weight = i + 1
	}
	return d
}

func clients(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("198.51.%d.%d:%d", 100+i/200, 1+i%200, 40000+i)
	}
	return all
}

// TestRestartKeepsServers: connections of the director's predecessor go on to
// the same servers, where the scheduler can tell which those are.
func TestRestartKeepsServers(t *testing.T) {
	for _, d := range []service.Definition{hashed("mh"), hashed("sh"), hashed("mh", "mh-port"), hashed("sh", "sh-port")} {
		t.Run(fmt.Sprint(d.Scheduler, d.Flags), func(t *testing.T) {
			before := newHarness(t, d)
			after := newHarnessWith(t, setting{Options: Options{Grace: grace}}, d)
			for i, c := range clients(200) {
				server := before.to(tcp(c, syn))
				about := memlink.Packet{Data: message4(t, 3, 4, quote(t, c, vip4+":80"))}
				if v, out := after.one(about); v != Forward || int(out.Data[5]) != server {
					t.Errorf("ICMP error about %s: %v to %x, its server is %d", c, v, out.Data[:6], server)
				}
				flags := []uint8{ack, ack | psh, fin | ack}[i%3]
				if got := after.to(tcp(c, flags)); got != server {
					t.Errorf("%s went to %d, before the restart to %d", c, got, server)
				}
				if want := conntable.StateNone.Next(conntable.TCPEvent(flags)); after.state(tcp(c, flags)) != want {
					t.Errorf("state %v, want %v", after.state(tcp(c, flags)), want)
				}
			}
			after.want(DropNoConnection, tcp(client4, rst))
		})
	}
}

// TestGraceIsSilent: where nobody can tell the server, nobody is refused until
// the grace ends.
func TestGraceIsSilent(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Grace: grace}}, define(21, 22))
	h.want(DropNoConnection, tcp(client4, ack))
	h.advance(grace - time.Second)
	h.want(DropNoConnection, tcp(client4, fin|ack))
	h.want(ReplyRST, tcp(client4, syn).port("81"))
	h.to(tcp("198.51.100.9:1", syn))
	h.advance(time.Second)
	h.want(ReplyRST, tcp(client4, ack))
	if n := h.plane.Connections().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestGraceEndsForHashesToo(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Grace: grace}}, hashed("mh"))
	h.advance(grace)
	h.want(ReplyRST, tcp(client4, ack))
}

// TestGraceWaitsForAllServers: a hash over some of the servers would send
// connections to the wrong ones, and the table would keep them there.
func TestGraceWaitsForAllServers(t *testing.T) {
	d := hashed("mh")
	before := newHarness(t, d)
	h := newHarnessWith(t, setting{Options: Options{Grace: grace}}, d)
	rs := h.server(0, 25)
	for name, unknow := range map[string]func(){
		"not checked":  func() { rs.SetHealth(service.Unknown) },
		"not resolved": func() { rs.SetMAC(frame.MAC{}) },
	} {
		unknow()
		h.table.Services()[0].Refresh()
		for _, c := range clients(40) {
			h.want(DropUndecided, tcp(c, ack))
		}
		rs.SetHealth(service.Up)
		rs.SetMAC(serverMAC(25))
		h.table.Services()[0].Refresh()
		if n := h.plane.Connections().Connections; n != 0 {
			t.Fatalf("%s: %d connections", name, n)
		}
	}
	for _, c := range clients(40) {
		if got, want := h.to(tcp(c, ack)), before.to(tcp(c, syn)); got != want {
			t.Errorf("%s went to %d, before to %d", c, got, want)
		}
	}
}

// TestGraceDoesNotRefuse: a hash that hits a server which takes no new
// connections says nothing to a connection that it had.
func TestGraceDoesNotRefuse(t *testing.T) {
	d := define(21)
	d.Scheduler = "sh"
	h := newHarnessWith(t, setting{Options: Options{Grace: grace}}, d)
	h.health(0, 21, service.Down)
	h.want(DropNoConnection, tcp(client4, ack))
	h.want(ReplyRST, tcp(client4, syn))
	h.advance(grace)
	h.want(ReplyRST, tcp(client4, ack))
}
