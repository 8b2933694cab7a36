package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/bench/generator"
	benchsink "lvsdr/bench/sink"
	"lvsdr/frame"
	"lvsdr/lab"
)

// saturate is 60s where the figures are for docs/operations.md.
var saturate = flag.Duration("saturate", 3*time.Second, "how long TestLANMemory loads a director")

const (
	memoryPlaces  = 1_000_000 // of the connection table
	memoryFlows   = 400_000
	memoryServers = 4
)

// memoryLAN is a director between a generator and what counts and drops frames:
//
//	generator g0 ──── i0 director o0 ──── s0 servers
type memoryLAN struct {
	t         *testing.T
	generator *lab.Host
	near, far *lab.Link // the director's ends are near.Peer and far
	servers   *lab.Host
	run       *lab.Process
	client    *api.Client
	sink      *benchsink.Sink
}

func newMemoryLAN(t *testing.T) *memoryLAN {
	t.Helper()
	l := lab.ForTest(t)
	m := &memoryLAN{t: t, generator: l.Host("generator"), servers: l.Host("servers")}
	host := l.Host("director")
	m.near = l.Connect(m.generator, host, lab.LinkConfig{Name: "g0"},
		lab.LinkConfig{Name: "i0", Addrs: lab.MustPrefixes("192.0.2.2/24")})
	m.far = l.Connect(host, m.servers, lab.LinkConfig{Name: "o0", Addrs: lab.MustPrefixes("198.51.100.2/24")},
		lab.LinkConfig{Name: "s0"})
	m.near.Peer.SetOffload(lab.GRO, true) // a veth takes frames from XDP then
	m.openSink()
	m.start(host)
	return m
}

func (m *memoryLAN) openSink() {
	m.t.Helper()
	err := m.servers.Do(func() (err error) {
		m.sink, _, _, err = benchsink.Open("s0", memoryServers, benchsink.TC)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := m.sink.Close(); err != nil {
			m.t.Error(err)
		}
	})
}

func (m *memoryLAN) start(host *lab.Host) {
	m.t.Helper()
	dir := shortDir(m.t)
	socket, file := filepath.Join(dir, "director.sock"), filepath.Join(dir, "director.yaml")
	var servers []string
	for i := range memoryServers {
		mac := benchsink.MAC(i)
		servers = append(servers, fmt.Sprintf("{address: 198.51.100.%d, mac: %q}", 21+i, net.HardwareAddr(mac[:])))
	}
	text := fmt.Sprintf(`ingress: i0
egress: o0
state_dir: ""
connections: %d
quotas: {half_open: 100, udp: 100}
admin: {socket: %q}
services:
  - {address: "%v:80", protocol: udp, scheduler: rr, check: {kind: none}, assume: up, real_servers: [%s]}
`, memoryPlaces, socket, vip, strings.Join(servers, ", "))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.client = api.NewClient(socket)
	m.run = host.Command(context.Background(), realProgram(m.t), "run", "--config", file)
	if err := m.run.Start(); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	if _, err := m.run.WaitOutput(ctx, "msg=ready"); err != nil {
		m.t.Fatal(err)
	}
}

// realProgram builds the director as it is installed: this binary has the tests
// in it, and maybe the race detector, whose memory follows that of the program.
func realProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "director")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the director: %v\n%s", err, out)
	}
	return path
}

func (m *memoryLAN) status() *api.Status {
	m.t.Helper()
	s, err := m.client.Status(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// phase is what became of some seconds.
type phase struct {
	frames, forwarded, connections, released uint64
	collections, allocations                 uint64
	least, most                              int // resident, in bytes
}

// during runs something, and looks at the director from outside meanwhile.
func (m *memoryLAN) during(what func()) (p phase) {
	m.t.Helper()
	before := m.status()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		what()
	}()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for running := true; running; {
		n := m.resident()
		p.most = max(p.most, n)
		if p.least == 0 || n < p.least {
			p.least = n
		}
		select {
		case <-ended:
			running = false
		case <-look.C:
		}
	}
	after := m.status()
	p.frames = after.Frames.Received - before.Frames.Received
	p.forwarded = leftBy(after) - leftBy(before)
	p.connections = after.Connections.Inserted - before.Connections.Inserted
	p.released = after.Fragments.Released - before.Fragments.Released
	p.collections = after.Memory.Collections - before.Memory.Collections
	p.allocations = after.Memory.Allocations - before.Memory.Allocations
	return p
}

// leftBy is how many frames were sent to real servers.
func leftBy(s *api.Status) (n uint64) {
	for _, v := range s.Frames.Verdicts {
		if v.Kind == "forward" || v.Kind == "extra" {
			n += v.Frames
		}
	}
	return n
}

func (m *memoryLAN) resident() (bytes int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.run.PID()))
	if err != nil {
		m.t.Error(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d", &bytes)
	}
	return bytes << 10
}

// saturate sends as many frames as can be sent, from many flows and new ones.
func (m *memoryLAN) saturate() {
	traffic := generator.Traffic{
		To: netip.AddrPortFrom(vip, 80), Protocol: generator.UDP, Flows: memoryFlows, New: 0.2,
	}
	copy(traffic.Source[:], m.near.MAC())
	copy(traffic.Destination[:], m.near.Peer.MAC())
	err := m.generator.Do(func() error {
		g, _, _, err := generator.Open("g0", traffic)
		if err != nil {
			return err
		}
		defer g.Close()
		_, err = g.Run(m.t.Context(), generator.Load{Time: *saturate})
		return err
	})
	if err != nil {
		m.t.Error(err)
	}
}

// fragments sends datagrams in fragments, the first of which comes last.
func (m *memoryLAN) fragments() {
	const datagram = 4000
	whole := make([]byte, ethernetLen+ipv4Len+datagram)
	copy(whole, m.near.Peer.MAC())
	copy(whole[6:], m.near.MAC())
	binary.BigEndian.PutUint16(whole[12:], etherTypeIPv4)
	header := frame.IPv4(whole[ethernetLen:])
	header.Init(frame.AddrFrom(netip.MustParseAddr("198.18.0.1")), frame.AddrFrom(vip), frame.ProtocolUDP, 64, datagram)
	header.ClearDontFragment()
	udp := whole[ethernetLen+ipv4Len:] // without a checksum
	binary.BigEndian.PutUint16(udp, 4444)
	binary.BigEndian.PutUint16(udp[2:], 80)
	binary.BigEndian.PutUint16(udp[4:], datagram)
	wire, err := m.near.Injector()
	if err != nil {
		m.t.Error(err)
		return
	}
	defer wire.Close()
	for id, end := uint16(1), time.Now().Add(*saturate/3); time.Now().Before(end); id++ {
		f := cut(whole, id, 1480)
		for i := len(f) - 1; i >= 0; i-- {
			if err := wire.Inject(f[i]); err != nil {
				m.t.Error(err)
				return
			}
		}
	}
}

// TestLANMemory: what a director says at its start that it will hold, it holds, 2 %
// more or less, whatever comes; and no frame allocates anything, nor makes the
// collector run.
func TestLANMemory(t *testing.T) {
	m := newMemoryLAN(t)
	declared := m.status().Memory.Declared()
	phases := []struct {
		name string
		phase
	}{
		{"idle", m.during(func() { <-time.After(*saturate / 3) })},
		{"saturated", m.during(m.saturate)},
		{"fragments", m.during(m.fragments)},
		{"idle again", m.during(func() { <-time.After(*saturate / 3) })},
	}
	for _, p := range phases {
		t.Logf("%s: %+v of %d declared: %+.2f %% to %+.2f %%", p.name, p.phase, declared, off(p.least, declared), off(p.most, declared))
		if off(p.least, declared) < -2 || off(p.most, declared) > 2 {
			t.Errorf("%s: %d to %d bytes are resident, declared are %d", p.name, p.least, p.most, declared)
		}
	}
	idle, saturated, fragments := phases[0], phases[1], phases[2]
	if saturated.connections < 100_000 || saturated.frames < 100_000 || saturated.forwarded == 0 {
		t.Errorf("this test says little: %+v", saturated.phase)
	}
	if fragments.released < 1000 {
		t.Errorf("%d fragments have waited", fragments.released)
	}
	// What a director allocates by the clock, and for the two looks at its status.
	byTheClock := 10*idle.allocations + 5000
	for _, p := range phases[1:3] {
		if p.allocations > byTheClock || p.collections > idle.collections+1 {
			t.Errorf("%s: %d allocations, %d collections; idle: %d, %d", p.name, p.allocations, p.collections, idle.allocations, idle.collections)
		}
	}
}

// off is how much more than declared there is, in percent.
func off(resident, declared int) float64 { return 100 * float64(resident-declared) / float64(declared) }
