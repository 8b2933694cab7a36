package dataplane

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/service"
)

// persistent makes a service keep its clients for five minutes.
func persistent(d service.Definition, prefix int) service.Definition {
	d.Persistence = service.Persistence{Timeout: 5 * time.Minute, Prefix: prefix}
	d.Timeouts = conntable.NewTimeouts(0, 0, 0).Persist(5 * time.Minute)
	d.Scheduler = "rr"
	return d
}

// templates counts the templates of the table.
func (h *harness) templates() int { return h.plane.Connections().Templates }

// A client is whoever shares the bits of the netmask, of either family.
func TestPersistenceByPrefix(t *testing.T) {
	h := newHarness(t, persistent(define(21, 22, 23), 24), persistent(define6(21, 22, 23), 64))
	first4, first6 := h.to(tcp("198.51.100.1:1000", syn)), h.to(tcp("[2001:db8:1::1]:1000", syn))
	for i := range 20 {
		if got := h.to(tcp(fmt.Sprintf("198.51.100.%d:%d", 10+i, 2000+i), syn)); got != first4 {
			t.Errorf("a neighbour in the /24 went to %d, the first to %d", got, first4)
		}
		if got := h.to(tcp(fmt.Sprintf("[2001:db8:1::%x]:2000", 10+i), syn)); got != first6 {
			t.Errorf("a neighbour in the /64 went to %d, the first to %d", got, first6)
		}
	}
	if got := h.to(tcp("198.51.101.1:1000", syn)); got == first4 {
		t.Errorf("the next client went to %d too", got)
	}
	if got := h.to(tcp("[2001:db8:1:1::1]:1000", syn)); got == first6 {
		t.Errorf("the next IPv6 client went to %d too", got)
	}
	if n := h.templates(); n != 4 {
		t.Errorf("%d templates for four clients", n)
	}
}

// TestPersistentGroup: a service with several VIPs and ports sends a client to
// one server, whichever it asks, with a mark or without one.
func TestPersistentGroup(t *testing.T) {
	for _, mark := range []uint32{0, 7} {
		d := persistent(define(21, 22, 23), 0)
		d.Mark = mark
		other := frame.AddrFrom(netip.MustParseAddr("192.0.2.11"))
		d.Ranges = append(d.Ranges, service.Range{VIP: other, First: 8000, Last: 8099}, service.Range{VIP: d.Ranges[0].VIP, First: 443, Last: 443})
		h := newHarness(t, d)
		server := h.to(tcp(client4, syn))
		for _, to := range []string{"192.0.2.10:443", "192.0.2.11:8000", "192.0.2.11:8099"} {
			p := tcp(client4, syn)
			p.to = to
			if got := h.to(p); got != server {
				t.Errorf("mark %d: %s goes to %d, %s to %d", mark, p.to, got, tcp(client4, syn).to, server)
			}
		}
		if n := h.templates(); n != 1 {
			t.Errorf("mark %d: %d templates", mark, n)
		}
	}
}

// TestAnyPort: a service of port 0 has what no other service on the VIP has.
func TestAnyPort(t *testing.T) {
	rest := persistent(define(21, 22), 0)
	rest.Name, rest.Ranges[0].First, rest.Ranges[0].Last = "rest", 0, 0
	h := newHarness(t, rest, define(31))
	if got := h.to(tcp(client4, syn)); got != 31 {
		t.Errorf("port 80 goes to %d", got)
	}
	server := h.to(tcp(client4, syn).port("81"))
	for _, port := range []string{"1", "79", "443", "65535"} {
		if got := h.to(tcp(client4, syn).port(port)); got != server {
			t.Errorf("port %s goes to %d, 81 to %d", port, got, server)
		}
	}
	h.want(ReplyUnreachable, udp(client4))
}

// A template counts with its server, and goes with the last connection.
func TestTemplateEnds(t *testing.T) {
	h := newHarness(t, persistent(define(21), 0))
	h.to(tcp(client4, syn))
	rs := h.server(0, 21)
	if rs.Persistent() != 1 || h.load(0, 21) != [2]int{1, 0} {
		t.Errorf("%d templates, load %v", rs.Persistent(), h.load(0, 21))
	}
	h.to(tcp(client4, ack))
	h.advance(6 * time.Minute) // the template's time is over, the connection's is not
	if h.templates() != 1 {
		t.Error("the template went before its connection")
	}
	h.to(tcp(client4, rst))
	h.advance(11 * time.Second)
	h.advance(2 * time.Minute)
	if rs.Persistent() != 0 || h.templates() != 0 || h.load(0, 21) != [2]int{} {
		t.Errorf("%d templates with the server, %d in the table, load %v", rs.Persistent(), h.templates(), h.load(0, 21))
	}
}

// A server that fails its check gives its clients up, and with
// expire_quiescent_template one of weight 0 does too.
func TestClientsLeaveServer(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		do       func(h *harness)
		stay     bool
	}{
		"dead, removed":              {ours, func(h *harness) { h.health(0, 22, service.Gone) }, false},
		"dead, quiesced":             {ours, func(h *harness) { h.health(0, 22, service.Down) }, false},
		"weight 0":                   {ours, weightless, true},
		"weight 0, expire_quiescent": {quiescent(), weightless, false},
		"removed":                    {ours, func(h *harness) { h.use(persistent(define(21), 0)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := persistent(define(21, 22), 0)
			h := newHarnessWith(t, setting{Options: Options{Settings: c.settings}}, d)
			if got := h.to(tcp(client4, syn)); got != 22 {
				t.Fatalf("to %d", got)
			}
			c.do(h)
			if got := h.to(tcp("198.51.100.7:50000", syn)); (got == 22) != c.stay {
				t.Errorf("the next connection went to %d", got)
			}
		})
	}
}

// A template that is put aside is in nobody's way, on port 65535 neither.
func TestClientLeavesServerOnLastPort(t *testing.T) {
	d := persistent(define(21, 22, 23), 0)
	d.Ranges[0].First, d.Ranges[0].Last = 65535, 65535
	h := newHarnessWith(t, setting{Options: Options{Settings: quiescent()}}, d)
	if got := h.to(tcp(client4, syn).port("65535")); got != 23 {
		t.Fatalf("to %d", got)
	}
	d.Servers[2].Weight = 0
	h.use(d)
	server := h.to(tcp("198.51.100.7:50000", syn).port("65535"))
	for port := range 5 {
		if got := h.to(tcp(fmt.Sprintf("198.51.100.7:%d", 50001+port), syn).port("65535")); got != server {
			t.Errorf("the client went to %d, before to %d", got, server)
		}
	}
}

func weightless(h *harness) {
	d := persistent(define(21, 22), 0)
	d.Servers[1].Weight = 0
	h.use(d)
}

func quiescent() Settings {
	s := ours
	s.ExpireQuiescentTemplate = true
	return s
}

// A change of what makes a client forgets the clients, and leaves no template
// that nobody finds; connections go on.
func TestNetmaskChanges(t *testing.T) {
	h := newHarness(t, persistent(define(21, 22), 32))
	server := h.to(tcp(client4, syn))
	h.to(tcp(client4, ack))
	h.use(persistent(define(21, 22), 24))
	if h.templates() != 0 || h.server(0, server).Persistent() != 0 {
		t.Errorf("%d templates", h.templates())
	}
	if got := h.to(tcp(client4, ack)); got != server {
		t.Errorf("the connection went to %d, before to %d", got, server)
	}
	h.to(tcp("198.51.100.9:1", syn))
	h.to(tcp(client4, rst))
	h.advance(time.Hour)
	h.advance(time.Hour)
	if n := h.plane.Connections().Used; n != 0 {
		t.Errorf("%d places in use after all has ended", n)
	}
}

// A service that is persistent no more schedules each connection; its templates
// end with their time and their connections, and until then serve again if it
// becomes persistent again, unless with another netmask.
func TestPersistenceTurnedOff(t *testing.T) {
	on, off := persistent(define(21, 22), 32), define(21, 22)
	off.Scheduler = "rr"
	for _, bits := range []int{0, 32, 24} {
		h := newHarness(t, on)
		server := h.to(tcp(client4, syn))
		h.use(off)
		h.to(tcp(client4, ack))
		if h.templates() != 1 || h.server(0, server).Persistent() != 1 {
			t.Errorf("turned off: %d templates", h.templates())
		}
		served := map[int]bool{}
		for i := range 2 {
			served[h.to(tcp(fmt.Sprintf("198.51.100.7:%d", 50000+i), syn))] = true
		}
		if len(served) != 2 {
			t.Errorf("turned off: new connections go to %v", served)
		}
		h.use(persistent(define(21, 22), bits))
		if got, want := h.templates(), map[bool]int{true: 1}[bits != 24]; got != want {
			t.Errorf("on again, %d bits: %d templates, want %d", bits, got, want)
		}
		if bits != 24 {
			for i := range 2 {
				if got := h.to(tcp(fmt.Sprintf("198.51.100.7:%d", 60000+i), syn)); got != server {
					t.Errorf("on again, %d bits: to %d, before to %d", bits, got, server)
				}
			}
		}
		h.use(off)
		for range 20 {
			h.advance(time.Minute)
		}
		if n := h.plane.Connections().Used; n != 0 || h.server(0, server).Persistent() != 0 {
			t.Errorf("%d bits: %d places in use after all has ended", bits, n)
		}
	}
}

// One packet at a time, but a client of a persistent service stays: no entry,
// only the template, which goes in its time.
func TestOnePacketPersistent(t *testing.T) {
	d := persistent(udpOf(define(21, 22)), 0)
	d.OnePacket = true
	h := newHarness(t, d)
	server := h.to(udp(client4))
	for range 5 {
		if got := h.to(udp(client4)); got != server {
			t.Errorf("went to %d, before to %d", got, server)
		}
	}
	if c := h.plane.Connections(); c.Connections != 0 || c.Templates != 1 {
		t.Errorf("%+v", c)
	}
	if n := h.server(0, server).Stats().Connections.Load(); n != 6 {
		t.Errorf("%d connections counted", n)
	}
	h.advance(6 * time.Minute)
	if n := h.templates(); n != 0 {
		t.Errorf("%d templates", n)
	}
}

// With the table full, all connections of a persistent client go to one server.
func TestOverflowOfPersistentClient(t *testing.T) {
	h := newHarness(t, persistent(define(21, 22, 23, 24), 24))
	h.fill()
	for i := range 50 {
		server := h.to(tcp(fmt.Sprintf("203.0.%d.1:1000", i), syn))
		for j := range 5 {
			from := fmt.Sprintf("203.0.%d.%d:%d", i, 2+j, 2000+j)
			if a, b := h.to(tcp(from, syn)), h.to(tcp(from, ack)); a != server || b != server {
				t.Fatalf("%s went to %d and %d, its neighbour to %d", from, a, b, server)
			}
		}
	}
}

// TestSynFromDrainedServer: a SYN of a known connection to a server of weight 0
// goes where its template says, whatever conn_reuse_mode is.
func TestSynFromDrainedServer(t *testing.T) {
	plain := define(21, 22)
	plain.Scheduler = "rr"
	for name, c := range map[string]struct {
		service   service.Definition
		quiescent bool
		to        int
	}{
		"no template":                           {plain, false, 21},
		"template":                              {persistent(define(21, 22), 0), false, 22},
		"template, expire_quiescent_template 1": {persistent(define(21, 22), 0), true, 21},
	} {
		for mode := range 4 {
			settings := ours
			settings.ConnReuseMode, settings.ExpireQuiescentTemplate = mode, c.quiescent
			h := newHarnessWith(t, setting{Options: Options{Settings: settings}}, c.service)
			h.to(tcp(client4, syn))
			d := c.service
			d.Servers = slices.Clone(d.Servers)
			d.Servers[1].Weight = 0
			h.use(d)
			if got := h.to(tcp(client4, syn)); got != c.to {
				t.Errorf("%s, mode %d: to %d, want %d", name, mode, got, c.to)
			}
		}
	}
}

// TestNetmaskChangesWhileAway: a service that is deleted, and comes back with
// another netmask while its connections are kept, finds no template of before:
// nobody would ever tell it that its connections have ended.
func TestNetmaskChangesWhileAway(t *testing.T) {
	for _, prefixes := range [][2]int{{24, 32}, {32, 24}} {
		settings := ours
		settings.ExpireNodestConn = false
		h := newHarnessWith(t, setting{Options: Options{Settings: settings}}, persistent(define(21), prefixes[0]), udpOf(define(31)))
		rs := h.server(0, 21)
		h.to(tcp(client4, syn))
		h.to(tcp(client4, ack))
		h.use(udpOf(define(31)))
		h.use(persistent(define(21), prefixes[1]), udpOf(define(31)))
		h.to(tcp(client4, ack)) // its connection is there again
		for range 4 {
			h.advance(time.Hour)
		}
		if n := h.templates(); n != 0 || rs.Persistent() != 0 {
			t.Errorf("%v: %d templates, %d with the server, after all has ended", prefixes, n, rs.Persistent())
		}
	}
}

// TestTemplateMadeDuringReload: a worker that still has the table of before a
// change of the netmask leaves no template behind that the change has looked for
// already.
func TestTemplateMadeDuringReload(t *testing.T) {
	h := newHarness(t, persistent(define(21), 24))
	before := h.table
	h.use(persistent(define(21), 32))
	h.inWorker(before, tcp(client4, syn))
	h.to(tcp(client4, ack))
	for range 4 {
		h.advance(time.Hour)
	}
	if n := h.plane.Connections().Used; n != 0 || h.server(0, 21).Persistent() != 0 {
		t.Errorf("%d places in use, %d templates with the server, after all has ended", n, h.server(0, 21).Persistent())
	}
}

// TestTemplateUsedDuringReload: what is a client by the table of before is none of
// a template of the client whose address it has, made since: it would never be
// told that the connection has ended.
func TestTemplateUsedDuringReload(t *testing.T) {
	h := newHarness(t, persistent(define(21), 30))
	before := h.table
	h.use(persistent(define(21), 32))
	h.to(tcp("198.51.100.4:1", syn))
	h.inWorker(before, tcp("198.51.100.5:1", syn))
	for range 4 {
		h.advance(time.Hour)
	}
	if n := h.plane.Connections().Used; n != 0 || h.server(0, 21).Persistent() != 0 {
		t.Errorf("%d places in use, %d templates with the server, after all has ended", n, h.server(0, 21).Persistent())
	}
}

// TestTemplateToServerThatJoined: a worker that still has the table of before a
// server joined sends a client there whom another worker sent there.
func TestTemplateToServerThatJoined(t *testing.T) {
	h := newHarness(t, persistent(define(21), 0))
	before := h.table
	h.use(persistent(define(21, 22), 0))
	if got := h.to(tcp(client4, syn)); got != 22 {
		t.Fatalf("to %d", got)
	}
	h.inWorker(before, tcp("198.51.100.7:50000", syn))
	rs := h.server(0, 22)
	if rs.Persistent() != 1 || rs.Active() != 2 {
		t.Errorf("%d templates and %d connections of the client with the server", rs.Persistent(), rs.Active())
	}
	for range 4 {
		h.advance(time.Hour)
	}
	if rs.Persistent() != 0 || h.templates() != 0 {
		t.Errorf("%d templates with the server, %d in the table, after all has ended", rs.Persistent(), h.templates())
	}
}

// inWorker has the worker direct a packet, which must be forwarded, by a table
// of before.
func (h *harness) inWorker(table *service.Table, p packet) {
	h.Helper()
	h.wire.Inject(wired(h, p))
	w := h.worker
	if n, err := w.ports.Ingress.Receive(w.frames[:]); err != nil || n != 1 {
		h.Fatalf("received %d frames: %v", n, err)
	}
	h.injected++
	w.table, w.now, w.settings = table, h.plane.conns.Now(), h.plane.settings.Load()
	v := w.identify(&w.jobs[0], &w.frames[0])
	if v == Forward {
		v = w.direct(&w.jobs[0], &w.frames[0])
	}
	w.tally[v]++
	w.flush()
	h.wire.Take()
	if v != Forward {
		h.Fatalf("%v", v)
	}
}

// TestFTP: a client's data connections go to the server of its control connection,
// passive ones, and active ones, of which only the client's answer comes here.
func TestFTP(t *testing.T) {
	d := persistent(define(21, 22, 23), 0)
	d.Ranges[0].First, d.Ranges[0].Last = 21, 21
	h := newHarness(t, d)
	for i := range 6 {
		client := fmt.Sprintf("198.51.100.%d:40000", 10+i)
		server := h.to(tcp(client, syn).port("21"))
		for port, flags := range map[string]uint8{"50000": syn, "1024": syn, "20": syn | ack} {
			if got := h.to(tcp(client, flags).port(port)); got != server {
				t.Errorf("%s: port %s goes to %d, port 21 to %d", client, port, got, server)
			}
		}
	}
	if n := h.templates(); n != 6 {
		t.Errorf("%d templates for six clients", n)
	}
	h.want(ReplyRST, tcp(client4, syn).port("80"))
	// IPVS leaves data to the host when no server is usable, which refuses it.
	d.Reject = service.RejectICMP
	h.use(d)
	for _, n := range []int{21, 22, 23} {
		h.health(0, n, service.Gone)
	}
	h.want(ReplyUnreachable, tcp(client4, syn).port("21"))
	h.want(ReplyRST, tcp(client4, syn).port("50000"))
}
