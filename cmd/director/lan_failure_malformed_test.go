package main

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"lvsdr/admin/api"
	"lvsdr/frame"
	"lvsdr/lab"
)

// TestLANMalformed: frames with every flaw that the parser knows, untagged and
// in one and two VLAN tags. None reaches a real server, none is answered, each
// is counted under its reason. The switch is a hub, so that frames to others and
// frames in the director's own name come by too.
//
//	client .100 ──┐
//	              ├── hub ── web1 .21
//	director .2 ──┘
func TestLANMalformed(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	flaws := w.forge.flaws()
	covered := slices.Clone(unheard)
	want := make(map[string]uint64)
	w.ignored()
	connections := w.Status().Connections.Inserted
	for _, f := range flaws {
		covered = append(covered, f.reason)
		for _, b := range [][]byte{f.frame, tagged(f.frame, 0x81, 0, 0, 5), tagged(f.frame, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 5)} {
			w.inject(f.name, b)
			want[f.reason.String()]++
		}
	}
	s := w.counted()
	for reason, n := range want {
		if got := verdicts(s, "drop", reason) - verdicts(w.before, "drop", reason); got != n {
			t.Errorf("%s: %d frames counted, %d sent", reason, got, n)
		}
	}
	for kind := frame.OK + 1; int(kind) < frame.MalformedCount; kind++ {
		if !slices.Contains(covered, kind) {
			t.Errorf("%s: this test has no frame of that kind", kind)
		}
	}
	if n := s.Connections.Inserted - connections; n != 0 {
		t.Errorf("%d connections were entered for malformed frames", n)
	}
	w.silent("malformed frames")
	w.alive()
}

// TestLANUnwelcome: well-formed frames that are dropped all the same.
//
//	client .100 ──┐
//	              ├── hub ── web1 .21
//	director .2 ──┘
func TestLANUnwelcome(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	g := w.forge
	syn := g.ip4(frame.ProtocolTCP, g.syn(40001))
	from := func(mac []byte) []byte {
		f := bytes.Clone(syn)
		copy(f[6:], mac)
		return f
	}
	const igmp, gre, timestamp = 2, 47, 13
	for _, c := range []struct {
		kind, reason string
		frame        []byte
	}{
		{"drop", "own_source", from(g.director)},
		{"drop", "server_source", from(w.Servers[0].Link.MAC())},
		{"drop", "protocol", g.ip4(igmp, make([]byte, 64))},
		{"drop", "protocol", mended(g.ip4(gre, make([]byte, 64)), at4Fragment, 0x20, 0)},
		{"drop", "fragment", mended(g.ip4(gre, make([]byte, 64)), at4Fragment, 0, 8)}, // of the same datagram
		{"hold", "fragment", mended(g.ip4(frame.ProtocolUDP, make([]byte, 64)), at4Fragment, 0, 100)},
		{"drop", "icmp", g.ip4(frame.ProtocolICMP, []byte{timestamp, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 12))},
		{"drop", "icmp_unrelated", g.ip4(frame.ProtocolICMP, icmpError(syn[ethernetLen:]))},
		{"drop", "no_connection", with(g.ip4(frame.ProtocolTCP, g.syn(40002)), at4Transport+13, frame.TCPRst)},
		{"drop", "no_connection", with(g.ip4(frame.ProtocolTCP, g.syn(40003)), at4Transport+13, frame.TCPAck)},
		{"ignore", "not_vip", mended(syn, at4Src+4, 192, 0, 2, 2)},
		{"ignore", "not_vip", g.ip6(frame.ProtocolTCP, g.syn(40004))},
	} {
		before := w.Status()
		w.inject(c.reason, c.frame)
		s := w.counted()
		if n := verdicts(s, c.kind, c.reason) - verdicts(before, c.kind, c.reason); n != 1 {
			t.Errorf("%s %s: counted %d times; %+v", c.kind, c.reason, n, s.Frames.Verdicts)
		}
	}
	w.silent("unwelcome frames")
	w.alive()
}

// TestLANNoise: random changes to good frames. Whatever the director makes of
// each, it gives each one verdict, sends on what it says it did, and lives.
//
//	client .100 ──┐
//	              ├── hub ── web1 .21
//	director .2 ──┘
func TestLANNoise(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	g := w.forge
	rng := rand.New(rand.NewPCG(20, 26))
	const frames = 4000
	for i := range frames {
		good := [][]byte{
			g.ip4(frame.ProtocolTCP, g.syn(uint16(rng.Uint32())), []byte("hello")),
			g.ip4(frame.ProtocolUDP, udp(8+32), make([]byte, 32)),
			g.ip6(frame.ProtocolTCP, g.syn(uint16(rng.Uint32()))),
			g.ip4(frame.ProtocolICMP, icmpError(g.ip4(frame.ProtocolTCP, g.syn(40000))[ethernetLen:])),
		}
		f := good[i%len(good)]
		for range rng.IntN(4) {
			f[ethernetLen+rng.IntN(len(f)-ethernetLen)] = byte(rng.Uint32())
		}
		if h := frame.IPv4(f[ethernetLen:]); rng.IntN(2) == 0 && h.HeaderLen() <= len(h) && h.Version() == 4 {
			h.UpdateChecksum()
		}
		if rng.IntN(5) == 0 {
			f = f[:ethernetLen+rng.IntN(len(f)-ethernetLen)]
		}
		w.inject("noise", f)
	}
	s := w.counted()
	forwarded := verdicts(s, "forward", "forward") - verdicts(w.before, "forward", "forward")
	if arrived := len(w.forwarded.Frames()); uint64(arrived) != forwarded {
		t.Errorf("%d frames forwarded, %d arrived", forwarded, arrived)
	}
	if forwarded < frames/20 || forwarded > frames/2 {
		t.Errorf("%d of %d frames forwarded: this test says little", forwarded, frames)
	}
	w.alive()
}

// workshop is a cluster around a hub, with what is needed to send odd frames to
// the director and to see what it does with them.
type workshop struct {
	*cluster
	forge              *forge
	wire               *wire
	injected           int
	before             *api.Status
	forwarded, replies *lab.Capture
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	c := newCluster(t, clusterConfig{
		Servers: 1, Serve: serveGo, Check: "{kind: none}", StaticARP: true,
	})
	c.LAN.Hub()
	w := &workshop{cluster: c, forge: newForge(c), wire: c.OpenWire(c.Client), before: c.Status()}
	isIP := func(f lab.Frame) bool { return f.EtherType() == etherTypeIPv4 || f.EtherType() == etherTypeIPv6 }
	server := c.Servers[0].Link
	w.forwarded = server.Capture(lab.Only(func(f lab.Frame) bool {
		return isIP(f) && bytes.Equal(f.Dst(), server.MAC()) && !f.Outgoing
	}))
	w.replies = c.Client.Link.Capture(lab.Only(func(f lab.Frame) bool {
		return isIP(f) && bytes.Equal(f.Dst(), w.forge.client) && !f.Outgoing
	}))
	return w
}

// inject sends a frame, of which the director shall count one.
func (w *workshop) inject(what string, f []byte) {
	w.t.Helper()
	w.send(what, f)
	w.injected++
}

func (w *workshop) send(what string, f []byte) {
	w.t.Helper()
	if err := w.wire.Write(f); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// ignored sends a good SYN to addresses that are not the director's, which must
// not come up at all.
func (w *workshop) ignored() {
	w.t.Helper()
	for _, mac := range []string{"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "02:00:00:00:77:77"} {
		f := w.forge.ip4(frame.ProtocolTCP, w.forge.syn(40100))
		copy(f, lab.MustMAC(mac))
		w.send("to another", f)
	}
}

// counted waits until the director has given a verdict to each injected frame,
// and to no other.
func (w *workshop) counted() *api.Status {
	w.t.Helper()
	s := w.WaitStatus("every frame received", func(s *api.Status) bool {
		return s.Frames.Received >= w.before.Frames.Received+uint64(w.injected)
	})
	sum := uint64(0)
	for _, v := range s.Frames.Verdicts {
		sum += v.Frames
	}
	if got := s.Frames.Received - w.before.Frames.Received; sum != s.Frames.Received || got != uint64(w.injected) || s.Frames.Lost != 0 {
		w.t.Errorf("%d frames sent, %d received, %d lost; %d verdicts of %d frames", w.injected, got, s.Frames.Lost, sum, s.Frames.Received)
	}
	return s
}

// silent fails the test if the director has sent anything on, or back.
func (w *workshop) silent(about string) {
	w.t.Helper()
	if f := w.forwarded.Frames(); len(f) != 0 {
		w.t.Errorf("%s: %d frames were forwarded; the first is %v", about, len(f), f[0])
	}
	if f := w.replies.Frames(); len(f) != 0 {
		w.t.Errorf("%s: %d frames were answered; the first is %v", about, len(f), f[0])
	}
}

// alive makes good requests.
func (w *workshop) alive() {
	w.t.Helper()
	w.ServedBy(10, "/")
	if s := w.Status(); s.Frames.Lost != 0 {
		w.t.Errorf("%d frames lost", s.Frames.Lost)
	}
}
