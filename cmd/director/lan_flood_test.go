package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/frame"
)

const (
	// floodRate is a fraction of what the machine forwards, so that what fails
	// is not for want of a processor.
	floodRate   = 20_000 // frames a second
	floodTime   = 3 * time.Second
	floodPlaces = 20_000 // of the connection table
	// inTime is how soon an answer must come. A machine that does other things
	// may cost a SYN, which is sent again after 1 s; were it many, there would be
	// few visits.
	inTime = 3 * time.Second
)

// TestLANFlood: a flood from random sources has several times as many flows as
// the connection table has places. It takes no more of them than its quota, and
// no memory; connections that are established go on, and new clients come in.
// Where clients are remembered, the flood's are none.
//
//	client   .100, 50 connections ──┐              ┌── web1 .21
//	attacker .101                   ├── switch ────┼── web2 .22
//	visitor  .102                   │              └── web3 .23
//	director .2 ────────────────────┘
//
// The real servers have no route to the random sources, so that their kernels
// drop what the flood sends them, and keep nothing of it.
func TestLANFlood(t *testing.T) {
	for _, test := range []struct {
		name, service string
		floods        []func(*forge) flood
	}{
		{"syn, then udp", "", []func(*forge) flood{floodOfSYN, floodOfUDP}},
		{"syn, persistent", "    persistence: 5m\n", []func(*forge) flood{floodOfSYN}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t, clusterConfig{
				Clients: 3, Serve: serveGo, StaticARP: true, Check: "{kind: none}", Scheduler: "wlc", Service: test.service,
				Settings: fmt.Sprintf("connections: %d\nrestart_grace: 0s\n", floodPlaces),
				Services: strings.Replace(udpService, "[192.0.2.21]", "[192.0.2.21, 192.0.2.22, 192.0.2.23]", 1),
			})
			forge := newForge(c)
			forge.client = c.Clients[1].Link.MAC()
			wire := c.OpenWire(c.Clients[1])
			const established = 50
			crowd := c.startCrowd(t, established)
			for _, of := range test.floods {
				c.endure(t, of(forge), wire, crowd)
			}
			crowd.stop()
			if err := errors.Join(crowd.errs...); err != nil {
				t.Errorf("connections broke: %v", err)
			}
			if n := len(c.Conns("--state ESTABLISHED --client 192.0.2.100")); n != established {
				t.Errorf("%d of %d connections are in the table", n, established)
			}
			for _, s := range c.Servers {
				for _, counter := range []string{"TcpExt.ListenOverflows", "TcpExt.TCPReqQFullDoCookies", "TcpExt.TCPReqQFullDrop"} {
					if n := s.SNMP(counter); n != 0 {
						t.Errorf("%s was overwhelmed: %s %d", s.Name(), counter, n)
					}
				}
			}
		})
	}
}

// flood is a frame that is sent again and again, from everywhere.
type flood struct {
	name  string
	frame []byte
	quota int // percent of the table
	count func(*api.Status) int
}

func floodOfSYN(g *forge) flood {
	return flood{"syn", g.ip4(frame.ProtocolTCP, g.syn(1)), 25, func(s *api.Status) int { return s.Connections.HalfOpenUse }}
}

func floodOfUDP(g *forge) flood {
	return flood{"udp", g.ip4(frame.ProtocolUDP, udpTo53()), 50, func(s *api.Status) int { return s.Connections.UDPUse }}
}

// endure floods the director, and fails the test unless all but the flood goes
// on.
func (c *cluster) endure(t *testing.T, f flood, wire *wire, crowd *crowd) {
	t.Helper()
	before, exchanged := c.Status(), crowd.count()
	visits := c.startVisits(t, c.Clients[2])
	memory := c.residentMemory(t)
	sent, most, largest := c.flood(t, f, wire)
	visits.stop()
	exchanged = crowd.count() - exchanged
	after := c.Status()
	t.Logf("%s: %d frames, %d lost, %d found no place; it took %d of %d places; memory %d to %d KiB; %d exchanges, %d of %d visits",
		f.name, sent, after.Frames.Lost-before.Frames.Lost, after.Connections.Refused-before.Connections.Refused, most, after.Connections.Capacity, memory, largest,
		exchanged, visits.answered, visits.asked)
	if sent < 2*floodPlaces || exchanged < 500 || visits.asked < 200 {
		t.Errorf("%s: this test says little: %d frames sent, %d exchanges, %d visits", f.name, sent, exchanged, visits.asked)
	}
	// What is refused may be counted for a moment.
	const few = 8
	if quota := after.Connections.Capacity * f.quota / 100; most > quota+few || most < quota*99/100 {
		t.Errorf("%s: the flood took %d places, its quota is %d", f.name, most, quota)
	}
	// The heap swings between two collections, more so with the race detector.
	if largest > memory+8<<10 {
		t.Errorf("%s: memory grew from %d to %d KiB", f.name, memory, largest)
	}
	if visits.answered*100 < visits.asked*99 {
		t.Errorf("%s: %d of %d new clients got an answer: %v", f.name, visits.answered, visits.asked, visits.problem)
	}
	for _, v := range after.Frames.Verdicts {
		if v.Kind == "drop" || v.Kind == "reply" {
			t.Errorf("%s: %d frames: %s %s", f.name, v.Frames, v.Kind, v.Reason)
		}
	}
}

// flood sends the frames, for longer on a machine that is slow, and returns how
// many, the most places that they took, and the most memory in KiB that the
// director's process had meanwhile.
func (c *cluster) flood(t *testing.T, f flood, wire *wire) (sent, most, memory int) {
	t.Helper()
	random := rand.New(rand.NewPCG(20, 26))
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	began := time.Now()
	for look := began; time.Since(began) < floodTime || sent < 2*floodPlaces && time.Since(began) < patience; <-pace.C {
		due := int(time.Since(began).Seconds()*floodRate) - sent
		for range min(due, 100) { // no bursts after a pause of this program's
			fromAnywhere(f.frame, random)
			wire.Send(f.frame)
			sent++
		}
		if now := time.Now(); now.After(look) {
			look = now.Add(100 * time.Millisecond)
			most, memory = max(most, f.count(c.Status())), max(memory, c.residentMemory(t))
		}
	}
	return sent, most, memory
}

// udpTo53 is an empty datagram to port 53.
func udpTo53() []byte { return []byte{0, 0, 0, 53, 0, 8, 0, 0} }

// fromAnywhere gives a frame from the forge another source address and port,
// those that a host on the internet could have.
func fromAnywhere(f []byte, random *rand.Rand) {
	h := frame.IPv4(f[ethernetLen:])
	var addr netip.Addr
	for !addr.IsValid() || addr.IsLoopback() || lanSubnet.Contains(addr) {
		a := random.Uint32()
		addr = netip.AddrFrom4([4]byte{byte(1 + a>>24%223), byte(a >> 16), byte(a >> 8), byte(a)})
	}
	h.SetSrc(frame.AddrFrom(addr))
	h.UpdateChecksum()
	transport := f[ethernetLen+ipv4Len:]
	binary.BigEndian.PutUint16(transport, uint16(1024+random.IntN(64512)))
	if h.Protocol() == frame.ProtocolTCP {
		frame.TCP(transport).UpdateChecksum(h.Src(), h.Dst())
	}
}

// residentMemory is what the director's process has of the machine's memory, in
// KiB.
func (c *cluster) residentMemory(t *testing.T) (kilobytes int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Run.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d", &kilobytes)
	}
	return kilobytes
}

// clients are goroutines that ask something again and again.
type clients struct {
	stopping chan struct{}
	once     sync.Once
	running  sync.WaitGroup
	mu       sync.Mutex // of what they found
}

func (r *clients) init(t *testing.T) {
	r.stopping = make(chan struct{})
	t.Cleanup(r.stop)
}

// start runs one of them, until it returns false or all are stopped.
func (r *clients) start(every time.Duration, ask func() bool) {
	r.running.Go(func() {
		pace := time.NewTicker(every)
		defer pace.Stop()
		for ask() {
			select {
			case <-r.stopping:
				return
			case <-pace.C:
			}
		}
	})
}

// stop ends them all; what they found may be read then.
func (r *clients) stop() {
	r.once.Do(func() { close(r.stopping) })
	r.running.Wait()
}

// crowd is connections on each of which something is asked ten times a second,
// until it fails.
type crowd struct {
	clients
	exchanges int
	errs      []error
}

func (c *cluster) startCrowd(t *testing.T, n int) *crowd {
	t.Helper()
	r := new(crowd)
	r.init(t)
	for name, conns := range c.openIdle(t, n).byServer {
		for _, conn := range conns {
			r.start(100*time.Millisecond, func() bool { return r.talk(conn, name) })
		}
	}
	return r
}

func (r *crowd) talk(conn *idleConn, name string) bool {
	got, err := conn.ask()
	if err == nil && got != name {
		err = fmt.Errorf("%s answered on a connection to %s", got, name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges++
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return err == nil
}

func (r *crowd) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.exchanges
}

// visits are new connections, one after the other and four at a time.
type visits struct {
	clients
	asked, answered int
	problem         error // the last one
}

func (c *cluster) startVisits(t *testing.T, m *machine) *visits {
	v := new(visits)
	v.init(t)
	for range 4 {
		browser := m.Browser()
		browser.Timeout = inTime
		v.start(10*time.Millisecond, func() bool {
			_, err := c.get(browser, "/")
			v.mu.Lock()
			defer v.mu.Unlock()
			v.asked++
			if err != nil {
				v.problem = err
			} else {
				v.answered++
			}
			return true
		})
	}
	return v
}
