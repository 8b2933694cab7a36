package dataplane

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// tagged puts 802.1Q or 802.1ad tags into a frame.
func tagged(data []byte, tags ...uint32) []byte {
	out := bytes.Clone(data[:12])
	for _, t := range tags {
		out = binary.BigEndian.AppendUint32(out, t)
	}
	return append(out, data[12:]...)
}

// TestForwardChangesOnlyMACs compares every byte from the network header on,
// and what travels beside the frame.
func TestForwardChangesOnlyMACs(t *testing.T) {
	needsChecksum := [link.VNetHeaderLen]byte{0: link.VNetNeedsChecksum}
	binary.NativeEndian.PutUint16(needsChecksum[6:], 34)
	binary.NativeEndian.PutUint16(needsChecksum[8:], 16)
	for _, from := range []string{client4, client6} {
		plain := tcp(from, syn)
		plain.payload = 100
		data := plain.bytes(t)
		wrongSum := bytes.Clone(data)
		wrongSum[len(wrongSum)-1] ^= 0xff // under a partial checksum, payload is not summed
		cases := map[string]memlink.Packet{
			"tcp":            {Data: data},
			"udp":            {Data: udp(from).bytes(t)},
			"padding":        {Data: append(tcp(from, syn).bytes(t), make([]byte, 6)...)},
			"wrong checksum": {Data: wrongSum},
			"vnet header":    {Data: data, VNet: needsChecksum},
			"tag beside":     {Data: data, TCI: 0x2005, TPID: 0x8100},
			"tag inside":     {Data: tagged(data, 0x81000007)},
			"two tags":       {Data: tagged(data, 0x88a80009, 0x81000007)},
		}
		for name, in := range cases {
			t.Run(from+"/"+name, func(t *testing.T) {
				h := newHarness(t, define(21), udpOf(define(21)), define6(21), udpOf(define6(21)))
				before := in.Clone()
				v, out := h.one(in)
				if v != Forward {
					t.Fatalf("verdict %v", v)
				}
				e := frame.Ethernet(out.Data)
				if e.Dst() != serverMAC(21) || e.Src() != egressMAC {
					t.Errorf("from %v to %v", e.Src(), e.Dst())
				}
				if !bytes.Equal(out.Data[12:], before.Data[12:]) {
					t.Errorf("frame changed behind its MACs:\n% x\n% x", before.Data, out.Data)
				}
				if out.VNet != before.VNet || out.TCI != before.TCI || out.TPID != before.TPID {
					t.Errorf("metadata %v, want %v", out, before)
				}
			})
		}
	}
}

func TestForwardCountsForTheServer(t *testing.T) {
	h := newHarness(t, define(21))
	a := tcp(client4, ack)
	a.payload = 100
	h.to(tcp(client4, syn))
	h.to(a)
	s := h.server(0, 21).Stats()
	if c, p, b := s.Connections.Load(), s.Packets.Load(), s.Bytes.Load(); c != 1 || p != 2 || b != 40+140 {
		t.Errorf("%d connections, %d packets, %d bytes", c, p, b)
	}
}

// TestConnectionLife follows connections through their states, with the
// counters of the server: active, inactive.
func TestConnectionLife(t *testing.T) {
	type step struct {
		flags uint8
		state conntable.State
		load  [2]int
	}
	active, inactive := [2]int{1, 0}, [2]int{0, 1}
	cases := map[string][]step{
		"closed by the client": {
			{syn, conntable.StateSynRecv, active},
			{ack, conntable.StateEstablished, active},
			{psh | ack, conntable.StateEstablished, active},
			{fin | ack, conntable.StateFinWait, inactive},
			{ack, conntable.StateFinWait, inactive},
		},
		"reset": {
			{syn, conntable.StateSynRecv, active},
			{ack, conntable.StateEstablished, active},
			{rst, conntable.StateClose, inactive},
		},
		"reset before established": {
			{syn, conntable.StateSynRecv, active},
			{rst, conntable.StateSynRecv, active},
		},
		"syn kept in established and fin_wait": {
			{syn, conntable.StateSynRecv, active},
			{ack, conntable.StateEstablished, active},
			{syn, conntable.StateEstablished, active},
			{fin | ack, conntable.StateFinWait, inactive},
			{syn, conntable.StateSynRecv, active},
		},
	}
	for name, steps := range cases {
		for _, from := range []string{client4, client6} {
			t.Run(name+"/"+from, func(t *testing.T) {
				h := newHarness(t, define(21), define6(21))
				svc := 0
				if from == client6 {
					svc = 1
				}
				for i, s := range steps {
					p := tcp(from, s.flags)
					h.to(p)
					if got := h.state(p); got != s.state {
						t.Fatalf("step %d: state %v, want %v", i, got, s.state)
					}
					if got := h.load(svc, 21); got != s.load {
						t.Fatalf("step %d: active, inactive %v, want %v", i, got, s.load)
					}
				}
				h.advance(16 * time.Minute)
				if got := h.load(svc, 21); got != [2]int{} {
					t.Errorf("after expiry: %v", got)
				}
			})
		}
	}
}

func TestUDPIsInactive(t *testing.T) {
	h := newHarness(t, udpOf(define(21)))
	h.to(udp(client4))
	h.to(udp(client4))
	if got := h.load(0, 21); got != [2]int{0, 1} {
		t.Errorf("active, inactive %v", got)
	}
	h.advance(5*time.Minute + 2*time.Second)
	if got := h.load(0, 21); got != [2]int{} {
		t.Errorf("after expiry: %v", got)
	}
}

// TestReuse shows where a SYN on known ports goes: anew to the next server, or
// to the old one.
func TestReuse(t *testing.T) {
	d := define(21, 22)
	d.Scheduler = "rr"
	cases := map[string]struct {
		flags []uint8 // 22 is first: it was added last
		to    int
	}{
		"in SYN_RECV":    {[]uint8{syn}, 22},
		"in ESTABLISHED": {[]uint8{syn, ack}, 22},
		"in FIN_WAIT":    {[]uint8{syn, ack, fin | ack}, 22},
		"in TIME_WAIT":   {[]uint8{syn, fin | ack}, 21},
		"in CLOSE":       {[]uint8{syn, ack, rst}, 21},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, d)
			for _, f := range c.flags {
				if got := h.to(tcp(client4, f)); got != 22 {
					t.Fatalf("segment %s went to %d", frame.TCPFlagString(f), got)
				}
			}
			if got := h.to(tcp(client4, syn)); got != c.to {
				t.Errorf("SYN went to %d, want %d", got, c.to)
			}
			a, b := h.load(0, 21), h.load(0, 22)
			if a[0]+b[0] != 1 || a[1]+b[1] != 0 {
				t.Errorf("loads %v and %v of one connection", a, b)
			}
		})
	}
}

// TestServerGone: what becomes of connections to a server that died or was
// removed.
func TestServerGone(t *testing.T) {
	leave := map[string]func(h *harness, n int){
		"down":    func(h *harness, n int) { h.health(0, n, service.Gone); h.health(1, n, service.Gone) },
		"removed": func(h *harness, n int) { h.use(define(21+22-n), udpOf(define(21+22-n))) },
	}
	for name, gone := range leave {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, define(21, 22), udpOf(define(21, 22)))
			first := h.to(tcp(client4, syn))
			h.to(tcp(client4, ack))
			flow := h.to(udp(client4))
			if first != 22 || flow != 22 {
				t.Fatalf("went to %d and %d", first, flow)
			}
			rs := h.server(0, 22)
			gone(h, 22)
			if rs.Active()+rs.Inactive() != 0 || h.plane.Connections().Connections != 0 {
				t.Errorf("connections stay: %d, %d", rs.Active(), rs.Inactive())
			}
			h.want(ReplyRST, tcp(client4, ack))
			if got := h.to(tcp(client4, syn)); got != 21 {
				t.Errorf("SYN went to %d", got)
			}
			if got := h.to(udp(client4)); got != 21 {
				t.Errorf("datagram went to %d", got)
			}
		})
	}
}

// TestGoneBeforeItsConnectionsAre: a worker that finds an entry of a server
// that is gone does not use it, even if nobody has removed it yet.
func TestGoneBeforeItsConnectionsAre(t *testing.T) {
	h := newHarness(t, define(21, 22))
	h.to(tcp(client4, syn))
	h.server(0, 22).SetHealth(service.Gone)
	h.table.Services()[0].Refresh()
	if got := h.to(tcp(client4, syn)); got != 21 {
		t.Errorf("SYN went to %d", got)
	}
	if a, b := h.load(0, 22), h.load(0, 21); a != [2]int{} || b != [2]int{1, 0} {
		t.Errorf("loads %v, %v", a, b)
	}
}

func TestQuiesce(t *testing.T) {
	d, u := define(21, 22), udpOf(define(21, 22))
	h := newHarness(t, d, u)
	h.to(tcp(client4, syn))
	h.to(udp(client4))
	h.health(0, 22, service.Down)
	h.health(1, 22, service.Down)
	for i := range 4 {
		if got := h.to(tcp(client4, ack)); got != 22 {
			t.Errorf("known connection went to %d", got)
		}
		if got := h.to(udp(client4)); got != 22 {
			t.Errorf("known flow went to %d", got)
		}
		if got := h.to(tcp(fmt.Sprintf("198.51.100.8:%d", 1000+i), syn)); got != 21 {
			t.Errorf("new connection went to %d", got)
		}
	}
}

func TestServiceRemoved(t *testing.T) {
	h := newHarness(t, define(21), udpOf(define(21)))
	rs := h.server(0, 21)
	h.to(tcp(client4, syn))
	h.use(udpOf(define(21)))
	h.want(ReplyRST, tcp(client4, ack))
	h.want(ReplyRST, tcp(client4, syn))
	if rs.Active()+rs.Inactive() != 0 {
		t.Errorf("connections of a removed service: %d, %d", rs.Active(), rs.Inactive())
	}
}

// TestPortRemoved: a service gives up a port and keeps its servers.
func TestPortRemoved(t *testing.T) {
	h := newHarness(t, define(21))
	h.to(tcp(client4, syn))
	d := define(21)
	d.Ranges[0].First, d.Ranges[0].Last = 81, 81
	h.use(d)
	h.want(ReplyRST, tcp(client4, ack))
	if got := h.load(0, 21); got != [2]int{} {
		t.Errorf("load %v", got)
	}
	h.to(tcp(client4, syn).port("81"))
}

// TestPickedServerOfComingTable: the scheduler knows a server from Build on, the
// workers from SetTable on. Between the two its frames wait.
func TestPickedServerOfComingTable(t *testing.T) {
	h := newHarness(t, define(21))
	table, err := h.registry.Build([]service.Definition{define(21, 22)}, nil, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	rs := table.Services()[0].Servers[1]
	rs.SetMAC(serverMAC(22))
	rs.SetHealth(service.Up)
	table.Services()[0].Refresh()
	h.want(DropUndecided, tcp(client4, syn))
	if n := h.plane.Connections().Connections; n != 0 || rs.Active() != 0 {
		t.Errorf("%d connections, %d active", n, rs.Active())
	}
	h.plane.SetTable(table)
	h.table = table
	if got := h.to(tcp(client4, syn)); got != 22 {
		t.Errorf("SYN went to %d", got)
	}
	h.advance(2 * time.Minute)
	if a := h.load(0, 22); a != [2]int{} {
		t.Errorf("load %v after expiry", a)
	}
}

// TestPickedServerWithAnOldNumber: as above, when the new server has the number
// that a server had which is still in the workers' table.
func TestPickedServerWithAnOldNumber(t *testing.T) {
	h := newHarness(t, define(21, 22))
	old := h.server(0, 22)
	if got := h.to(tcp("198.51.100.9:1", syn)); got != 22 {
		t.Fatalf("SYN went to %d", got)
	}
	h.advance(2 * time.Minute)
	var table *service.Table
	for i, d := range []service.Definition{define(21), define(21), define(21, 23)} {
		var err error
		if table, err = h.registry.Build([]service.Definition{d}, nil, time.Unix(int64(i)*60+3600, 0)); err != nil {
			t.Fatal(err)
		}
	}
	rs := table.Services()[0].Servers[1]
	if rs.ID != old.ID {
		t.Fatalf("numbers %d and %d", rs.ID, old.ID)
	}
	rs.SetMAC(serverMAC(23))
	rs.SetHealth(service.Up)
	table.Services()[0].Refresh()
	h.want(DropUndecided, tcp(client4, syn))
	h.plane.SetTable(table)
	if got := h.to(tcp(client4, syn)); got != 23 {
		t.Errorf("SYN went to %d", got)
	}
	if a, b := old.Stats().Packets.Load(), rs.Stats().Packets.Load(); a != 1 || b != 1 {
		t.Errorf("%d packets for the old server, %d for the new one", a, b)
	}
}
