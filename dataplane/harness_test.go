package dataplane

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

var (
	clientMAC = frame.MAC{2, 0, 0, 0, 0, 2}
	vipMAC    = frame.MAC{2, 0, 0, 0, 1, 0x10}
	egressMAC = frame.MAC{2, 0, 0, 0, 2, 0x10}
)

const (
	client4 = "198.51.100.7:40000"
	client6 = "[2001:db8:1::7]:40000"
	vip4    = "192.0.2.10"
	vip6    = "2001:db8::10"
)

// serverMAC is the MAC of the server whose address ends with n.
func serverMAC(n int) frame.MAC { return frame.MAC{2, 0, 0, 0, 0xee, byte(n)} }

// ours are the settings that hold unless a file says otherwise, hop those in
// which forwarding costs a hop.
var (
	ours = Settings{ConnReuseMode: ReuseClosed, ExpireNodestConn: true, DropRate: 10}
	hop  = Settings{ConnReuseMode: ReuseClosed, ExpireNodestConn: true, DropRate: 10, DecrementTTL: true}
)

// setting is what a test changes of a harness.
type setting struct {
	Options
	mtu    int
	owned  []frame.Addr // VIPs
	twoArm bool         // replies leave by another wire than forwarded frames
	config memlink.Config
}

// harness is a plane with one worker between a wire and the test. After every
// batch it checks that the counters account for each frame.
type harness struct {
	testing.TB
	setting  setting
	plane    *Plane
	worker   *Worker
	wire     *memlink.Wire // ingress and replies
	out      *memlink.Wire // egress; the same unless twoArm
	registry *service.Registry
	table    *service.Table
	clock    *atomic.Int64
	injected uint64
}

func newHarness(tb testing.TB, definitions ...service.Definition) *harness {
	tb.Helper()
	return newHarnessWith(tb, setting{}, definitions...)
}

func newHarnessWith(tb testing.TB, s setting, definitions ...service.Definition) *harness {
	tb.Helper()
	h := &harness{TB: tb, registry: new(service.Registry), clock: new(atomic.Int64)}
	h.clock.Store(int64(time.Hour))
	if s.Connections == 0 {
		s.Connections = conntable.MinCapacity
	}
	_, bench := tb.(*testing.B)
	s.Fragments.Datagrams = 1024
	s.Heap = !bench // the race detector does not see mapped memory
	s.Now = func() time.Duration { return time.Duration(h.clock.Load()) }
	if s.Settings == (Settings{}) {
		s.Settings = ours
	}
	h.setting = s
	var err error
	if h.plane, err = New(s.Options); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.plane.Close() })
	h.wire = memlink.New(s.config)
	if h.out = h.wire; s.twoArm {
		h.out = memlink.New(s.config)
	}
	h.worker = h.newWorker()
	h.use(definitions...)
	return h
}

func (h *harness) newWorker() *Worker {
	h.Helper()
	ingress, err := h.wire.OpenReceiver()
	if err != nil {
		h.Fatal(err)
	}
	reply, err := h.wire.OpenSender()
	if err != nil {
		h.Fatal(err)
	}
	p := Ports{
		Ingress: ingress, Egress: reply, Reply: reply, VIPMAC: vipMAC, EgressMAC: egressMAC,
		OwnMACs: []frame.MAC{vipMAC, egressMAC}, EgressMTU: h.setting.mtu,
	}
	if h.out != h.wire {
		if p.Egress, err = h.out.OpenSender(); err != nil {
			h.Fatal(err)
		}
	}
	return h.plane.NewWorker(p)
}

// use makes the definitions the present table. Servers of which nothing is
// known come up.
func (h *harness) use(definitions ...service.Definition) {
	h.Helper()
	table, err := h.registry.Build(definitions, h.setting.owned, time.Unix(0, h.clock.Load()))
	if err != nil {
		h.Fatal(err)
	}
	h.table = table
	for _, s := range table.Services() {
		for _, rs := range s.Servers {
			if rs.Health() == service.Unknown {
				rs.SetHealth(service.Up)
				last := rs.Addr.AsSlice()
				rs.SetMAC(serverMAC(int(last[len(last)-1])))
			}
		}
		s.Refresh()
	}
	h.plane.SetTable(table)
}

// server returns the real server whose address ends with n, of the service of
// that number.
func (h *harness) server(svc, n int) *service.RealServer {
	h.Helper()
	for _, rs := range h.table.Services()[svc].Servers {
		if b := rs.Addr.AsSlice(); int(b[len(b)-1]) == n {
			return rs
		}
	}
	h.Fatalf("service %d has no server %d", svc, n)
	return nil
}

// health sets what is known of a server, as the director does.
func (h *harness) health(svc, n int, to service.Health) {
	h.Helper()
	h.server(svc, n).SetHealth(to)
	h.table.Services()[svc].Refresh()
	h.plane.ExpireGone()
}

func (h *harness) advance(d time.Duration) {
	h.clock.Add(int64(d))
	h.plane.conns.Sweep(h.plane.conns.Now())
	h.plane.fragments.Sweep(time.Duration(h.plane.conns.Now()) * conntable.Tick)
}

// inject gives the frames to the worker, in batches, and returns what was sent.
func (h *harness) inject(packets ...memlink.Packet) (sent []memlink.Packet) {
	h.Helper()
	for len(packets) > 0 {
		n := min(len(packets), BatchSize)
		for _, p := range packets[:n] {
			if !h.wire.Inject(p) {
				h.Fatal("the wire lost a frame")
			}
		}
		packets = packets[n:]
		got, err := h.worker.ports.Ingress.Receive(h.worker.frames[:])
		if err != nil || got != n {
			h.Fatalf("received %d of %d frames: %v", got, n, err)
		}
		h.injected += uint64(n)
		h.worker.batch(h.worker.frames[:n])
		h.checkSums()
		sent = append(sent, h.wire.Take()...)
		if h.out != h.wire {
			sent = append(sent, h.out.Take()...)
		}
	}
	return sent
}

func (h *harness) checkSums() {
	h.Helper()
	c := h.plane.Counters()
	if got := c.Received(); got != h.injected {
		h.Fatalf("%d frames injected, %d counted: %v", h.injected, got, c)
	}
	sent := h.wire.Sent()
	if h.out != h.wire {
		sent += h.out.Sent()
	}
	if got := c.OfKind(Forwarded) + c.OfKind(Replied) + c.OfKind(Extra); got != sent {
		h.Fatalf("%d frames sent, %d counted: %v", sent, got, c)
	}
}

// one injects one frame and returns its verdict and the frame that left for
// it; a zero Packet if none did.
func (h *harness) one(p memlink.Packet) (Verdict, memlink.Packet) {
	h.Helper()
	before := h.plane.Counters()
	sent := h.inject(p)
	after := h.plane.Counters()
	for v := range after {
		if after[v] == before[v] {
			continue
		}
		if len(sent) == 1 {
			return Verdict(v), sent[0]
		}
		return Verdict(v), memlink.Packet{}
	}
	h.Fatal("no verdict")
	return 0, memlink.Packet{}
}

// want injects one packet and checks its verdict; it returns what was sent.
func (h *harness) want(v Verdict, p packet) memlink.Packet {
	h.Helper()
	got, sent := h.one(memlink.Packet{Data: p.bytes(h)})
	if got != v {
		h.Fatalf("%s %s: %v, want %v", p.from, frame.TCPFlagString(p.flags), got, v)
	}
	return sent
}

// to injects one packet, which must be forwarded, and returns the number of
// the server.
func (h *harness) to(p packet) int {
	h.Helper()
	sent := h.want(Forward, p)
	dst := frame.Ethernet(sent.Data).Dst()
	if dst != serverMAC(int(dst[5])) {
		h.Fatalf("sent to %v", dst)
	}
	return int(dst[5])
}

// load returns a server's active and inactive connections.
func (h *harness) load(svc, n int) [2]int {
	rs := h.server(svc, n)
	return [2]int{rs.Active(), rs.Inactive()}
}

// state returns the state of the packet's connection; StateFree if none.
func (h *harness) state(p packet) conntable.State {
	h.Helper()
	from, to := netip.MustParseAddrPort(p.from), netip.MustParseAddrPort(p.to)
	vip := h.table.VIP(frame.AddrFrom(to.Addr()))
	want := conntable.NewKey(frame.AddrFrom(from.Addr()), from.Port(), vip.Index, to.Port(), p.protocol)
	state := conntable.StateFree
	h.plane.conns.Each(func(c conntable.Connection) bool {
		if c.Key == want {
			state = c.State
		}
		return state == conntable.StateFree
	})
	return state
}

// define is a TCP service on port 80 with wlc and the servers 192.0.2.n.
func define(numbers ...int) service.Definition {
	d := service.Definition{
		Name: "web", Protocol: frame.ProtocolTCP, Scheduler: "wlc", Timeouts: conntable.NewTimeouts(0, 0, 0),
		Ranges: []service.Range{{VIP: frame.AddrFrom(netip.MustParseAddr(vip4)), First: 80, Last: 80}},
	}
	for _, n := range numbers {
		d.Servers = append(d.Servers, service.ServerDefinition{
			Addr: frame.AddrFrom4(0xc0000200 + uint32(n)), Port: 80, HashPort: 80, Weight: 1,
		})
	}
	return d
}

// define6 is define on the IPv6 VIP, with the servers 2001:db8::n.
func define6(numbers ...int) service.Definition {
	d := define(numbers...)
	d.Name = "web6"
	d.Ranges[0].VIP = frame.AddrFrom(netip.MustParseAddr(vip6))
	for i, n := range numbers {
		d.Servers[i].Addr = frame.Addr{Hi: 0x20010db8 << 32, Lo: uint64(n)}
	}
	return d
}

func udpOf(d service.Definition) service.Definition {
	d.Name, d.Protocol = d.Name+"-udp", frame.ProtocolUDP
	return d
}
