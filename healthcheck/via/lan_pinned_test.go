package via

import (
	"net/netip"
	"strings"
	"testing"

	"lvsdr/healthcheck"
	"lvsdr/lab"
)

// TestLANPinnedMAC: a server that answers no ARP is asked by its pinned MAC
// address, and the host's entry for it goes with the way.
func TestLANPinnedMAC(t *testing.T) {
	s := newSegment(t)
	mute := s.server(21)
	own(mute)
	mute.SetSysctl("net.ipv4.conf.all.arp_ignore", "8")
	before := s.world()
	s.open()
	plain := both(21)[0]
	pinned := plain
	copy(pinned.MAC[:], mute.Interface("eth0").MAC())
	if s.set(plain); s.check(rip(21), healthcheck.ViaVIP).OK {
		t.Error("without its MAC address it was reached")
	}
	s.set(pinned)
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("%q answers", name)
	}
	s.quiet()
	s.set(plain)
	if mac := s.director.Neighbor(rip(21)); mac != nil {
		t.Errorf("not pinned any more, and the host knows %v", mac)
	}
	// Another server has the address now.
	other := s.server(22)
	own(other)
	copy(pinned.MAC[:], other.Interface("eth0").MAC())
	s.set(pinned)
	if mac := s.director.Neighbor(rip(21)); mac.String() != other.Interface("eth0").MAC().String() {
		t.Errorf("pinned to another: the host knows %v", mac)
	}
	s.do(func() error { return s.ways.kernel.remove(neighbor{rip(21), pinned.MAC, s.end.Index()}) })
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "1 rule or route of probes were gone") {
		t.Errorf("flushed: %+v", p)
	}
	s.quiet()
	s.set()
	s.unchanged(before)
}

// TestLANPinnedByOthers: an administrator's entry stays, whether it says the same
// or not.
func TestLANPinnedByOthers(t *testing.T) {
	s := newSegment(t)
	server := s.server(21)
	own(server)
	s.director.SetNeighbor(s.end.Name(), rip(21), server.Interface("eth0").MAC())
	before := s.world()
	s.open()
	pinned := Server{Addr: rip(21), VIPs: []netip.Addr{vip}}
	copy(pinned.MAC[:], server.Interface("eth0").MAC())
	s.set(pinned)
	s.quiet()
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("%q answers", name)
	}
	copy(pinned.MAC[:], lab.MustMAC("02:00:00:00:00:99"))
	s.set(pinned)
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "ip neigh del 192.0.2.21 dev eth0") {
		t.Errorf("an entry says otherwise: %+v", p)
	}
	if s.check(rip(21), healthcheck.ViaVIP).OK {
		t.Error("a probe went to another MAC address than the pinned one")
	}
	s.set()
	s.unchanged(before)
}
