package director_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/director/memhost"
	"lvsdr/frame"
)

func TestInterfaceDownAndUp(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.serversOf(1)
		r.lan.SetUp(false)
		r.pass(time.Second)
		s := r.status()
		if s.Interfaces[0].State != "down" || len(s.Alarms) != 1 || s.Alarms[0].What != "interface eth0: down" {
			t.Errorf("status: %+v, alarms: %+v", s.Interfaces, s.Alarms)
		}
		r.lan.SetUp(true)
		r.pass(time.Second)
		if sent := r.send(segment(1, frame.TCPAck)); len(sent) != 1 {
			t.Errorf("up again: %d frames sent", len(sent))
		}
		if s = r.status(); len(s.Alarms) != 0 || r.log.count("attached") != 1 {
			t.Errorf("alarms: %+v\n%v", s.Alarms, r.log)
		}
	})
}

func TestCarrier(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.lan.SetCarrier(false)
		r.pass(time.Minute)
		s := r.status()
		if len(s.Alarms) == 0 || s.Alarms[0].What != "interface eth0: no carrier" || s.Now.Sub(s.Alarms[0].Since) < 59*time.Second {
			t.Errorf("alarms: %+v", s.Alarms)
		}
	})
}

// TestInterfaceMadeAgain: with another index and MAC address; connections and
// counters are kept.
func TestInterfaceMadeAgain(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.pass(time.Minute)
		r.serversOf(1, 2)
		r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck)) // established
		before := r.status()
		r.lan.Delete()
		r.pass(5 * time.Second)
		s := r.status()
		if s.Interfaces[0].State != "gone" || len(s.Alarms) != 1 || s.Alarms[0].What != "nothing is forwarded: interface eth0 does not exist" {
			t.Errorf("deleted: %+v, alarms: %+v", s.Interfaces, s.Alarms)
		}
		if s.Frames.Received != before.Frames.Received || s.Connections.Connections != 2 {
			t.Errorf("deleted: %+v, %+v", s.Frames, s.Connections)
		}
		r.lan.Create(outMAC)
		r.pass(time.Minute)
		s = r.status()
		if s.Interfaces[0].MAC != outMAC.String() || s.Interfaces[0].State != "up" || s.VIPs[0].MAC != outMAC.String() || s.VIPs[0].State != "owned" || len(s.Alarms) != 0 {
			t.Errorf("made again: %+v", s)
		}
		sent := r.send(segment(1, frame.TCPAck), segment(2, frame.TCPAck))
		if len(sent) != 2 || frame.Ethernet(sent[0].Data).Src() != outMAC {
			t.Errorf("segments of connections: %d sent", len(sent))
		}
		if s = r.status(); s.Frames.Received != before.Frames.Received+2 || server(s, "web", 21).Packets != 3 {
			t.Errorf("counters: %+v", s.Frames)
		}
	})
}

// TestInterfaceReplacedAtOnce: nobody saw that it was away.
func TestInterfaceReplacedAtOnce(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		for range 20 {
			r.lan.Delete()
			r.lan.Create(lanMAC)
		}
		r.pass(time.Second)
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
	})
}

// TestInterfacesCannotBeWatched: they are looked at instead, until they can be
// again; the log says it once each time.
func TestInterfacesCannotBeWatched(t *testing.T) {
	const line = "interfaces cannot be watched"
	within(t, func(r *rig) {
		r.host.Fail(memhost.WatchInterfaces, errBoom)
		r.up()
		mac := outMAC
		for round := 1; round <= 2; round++ {
			r.pass(time.Minute)
			mac[5]++
			r.lan.Delete()
			r.lan.Create(mac)
			r.pass(1100 * time.Millisecond)
			if got := r.status().Interfaces[0].MAC; got != mac.String() || r.log.count(line) != round {
				t.Errorf("round %d: MAC %s, want %v; %d lines", round, got, mac, r.log.count(line))
			}
			r.host.Fail(memhost.WatchInterfaces, nil)
			r.pass(2 * time.Second)
			mac[5]++
			r.lan.Delete()
			r.lan.Create(mac)
			synctest.Wait()
			if got := r.status().Interfaces[0].MAC; got != mac.String() {
				t.Errorf("round %d: watched again: MAC %s, want %v", round, got, mac)
			}
			r.host.Fail(memhost.WatchInterfaces, errBoom) // ends the watch
		}
	})
}

// TestTwoArms: VIPs on one interface, real servers on another, either of which
// may go away.
func TestTwoArms(t *testing.T) {
	within(t, func(r *rig) {
		out := r.host.AddInterface("eth1", outMAC, netip.MustParsePrefix("192.0.2.2/24"))
		for n := 21; n <= 22; n++ {
			r.lan.RemoveNeighbor(real(n))
			out.AddNeighbor(real(n), realMAC(n))
		}
		r.write("egress: eth1\n" + r.text)
		r.up()
		check := func() {
			t.Helper()
			out.Wire().Take()
			if sent := r.send(segment(1, frame.TCPSyn)); len(sent) != 0 {
				t.Errorf("%d frames left by the ingress", len(sent))
			}
			if sent := out.Wire().Take(); len(sent) != 1 || frame.Ethernet(sent[0].Data).Src() != outMAC {
				t.Errorf("%d frames left by the egress", len(sent))
			}
		}
		check()
		if s := r.status(); len(s.Interfaces) != 2 || s.Interfaces[0].Role != "ingress" || s.Interfaces[1].Role != "egress" {
			t.Errorf("interfaces: %+v", s.Interfaces)
		}
		out.Delete()
		r.pass(time.Second)
		if s := r.status(); len(s.Alarms) != 1 || s.Alarms[0].What != "nothing is forwarded: interface eth1 does not exist" {
			t.Errorf("alarms: %+v", s.Alarms)
		}
		out.Create(outMAC)
		r.pass(5 * time.Second)
		check()
	})
}

// TestListFails: an interface that works is not let go of because nobody could
// be asked about it.
func TestListFails(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.host.Fail(memhost.ListInterfaces, errBoom)
		r.lan.SetMTU(1400) // which would need a new attachment
		r.pass(5 * time.Second)
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 || r.log.count("attached") != 1 {
			t.Errorf("two connections went to %v\n%v", got, r.log)
		}
		r.host.Fail(memhost.ListInterfaces, nil)
		r.pass(1100 * time.Millisecond)
		if s := r.status(); s.Interfaces[0].MTU != 1400 || r.log.count("attached") != 2 {
			t.Errorf("the list works again: %+v", s.Interfaces)
		}
	})
}

// TestCannotAttach: what cannot be opened is tried again, and said once.
func TestCannotAttach(t *testing.T) {
	for _, o := range []memhost.Operation{memhost.OpenReceiver, memhost.OpenSender} {
		t.Run(string(o), func(t *testing.T) {
			within(t, func(r *rig) {
				r.up()
				r.host.Fail(o, errBoom)
				r.lan.Delete()
				r.pass(time.Second)
				r.lan.Create(lanMAC)
				r.pass(10 * time.Second)
				s := r.status()
				if len(s.Alarms) != 1 || !strings.Contains(s.Alarms[0].What, "boom") || r.log.count("level=ERROR msg=boom") != 1 {
					t.Errorf("alarms: %+v\n%v", s.Alarms, r.log)
				}
				r.host.Fail(o, nil)
				r.pass(5 * time.Second)
				if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
					t.Errorf("two connections went to %v", got)
				}
			})
		})
	}
}

// TestVirtualMAC: it answers for the VIP, and is nobody's own address.
func TestVirtualMAC(t *testing.T) {
	within(t, func(r *rig) {
		r.write("mac: virtual\nrouter_id: 51\n" + r.text)
		r.up()
		if mac := r.status().VIPs[0].MAC; mac != "00:00:5e:00:01:33" {
			t.Errorf("the VIP is at %s", mac)
		}
		sent := r.send(segment(1, frame.TCPSyn))
		if len(sent) != 1 || frame.Ethernet(sent[0].Data).Src() != lanMAC {
			t.Errorf("%d frames sent", len(sent))
		}
	})
}

// TestBreaksAgainAndAgain: what ends without a cause that anybody sees is
// opened again, once a second.
func TestBreaksAgainAndAgain(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.host.Fail(memhost.ReadARP, errBoom)
		r.pass(10*time.Second + time.Millisecond)
		if n := r.log.count("attached"); n < 5 || n > 12 {
			t.Errorf("attached %d times in ten seconds", n)
		}
		if s := r.status(); len(s.Alarms) != 1 || s.Alarms[0].What != "nothing is forwarded: the interfaces stopped working" {
			t.Errorf("alarms: %+v", s.Alarms)
		}
		r.host.Fail(memhost.ReadARP, nil)
		r.pass(5 * time.Second)
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
	})
}

// TestSourceAddress: real servers are asked in the name of an address in their
// network, of those that the interface has now.
func TestSourceAddress(t *testing.T) {
	far, near, other := netip.MustParsePrefix("198.51.100.1/24"), netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("192.0.2.3/24")
	within(t, func(r *rig) {
		asks := func(why string, want netip.Prefix) {
			t.Helper()
			if got := r.lan.Asker(real(21)); got != want.Addr() {
				t.Errorf("%s: asked in the name of %v, want %v", why, got, want.Addr())
			}
		}
		r.lan.SetAddrs(netip.MustParsePrefix("2001:db8::1/64"), far, near)
		r.up()
		asks("start", near)
		r.lan.SetAddrs(far, other)
		r.pass(time.Minute)
		asks("another address", other)
		r.lan.SetAddrs(far)
		r.pass(time.Minute)
		asks("no address in the servers' network", far)
		if n := r.log.count("attached"); n != 1 {
			t.Errorf("attached %d times for the sake of addresses", n)
		}
		r.lan.Delete()
		r.lan.SetAddrs(near)
		r.lan.Create(lanMAC)
		r.pass(time.Second)
		asks("made again", near)
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
	})
}

// TestIngressMadeAgainIsNoServer: the new MAC address of the ingress interface
// is ours as the former was.
func TestIngressMadeAgainIsNoServer(t *testing.T) {
	within(t, func(r *rig) {
		out := r.host.AddInterface("eth1", outMAC, netip.MustParsePrefix("192.0.2.2/24"))
		again := frame.MAC{2, 0, 0, 0, 0, 9}
		out.AddNeighbor(real(21), again)
		out.AddNeighbor(real(22), lanMAC)
		r.write("egress: eth1\n" + r.text)
		r.up()
		if s := r.status(); server(s, "web", 21).MAC != again.String() || server(s, "web", 22).MAC != "" {
			t.Errorf("MAC addresses %q and %q, the second of which is our own", server(s, "web", 21).MAC, server(s, "web", 22).MAC)
		}
		r.lan.Delete()
		r.pass(time.Second)
		r.lan.Create(again)
		out.RemoveNeighbor(real(21))
		r.pass(time.Minute)
		out.AddNeighbor(real(21), again)
		r.pass(time.Minute)
		if s := r.status(); server(s, "web", 21).MACState == "reachable" || server(s, "web", 22).MAC != lanMAC.String() {
			t.Errorf("after the interface was made again: %+v, %+v", server(s, "web", 21), server(s, "web", 22))
		}
	})
}
