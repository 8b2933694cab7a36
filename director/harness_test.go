package director_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/goleak"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/director"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	lanMAC    = frame.MAC{2, 0, 0, 0, 0, 1}
	outMAC    = frame.MAC{2, 0, 0, 0, 0, 3}
	clientMAC = frame.MAC{2, 0, 0, 0, 0, 2}
	vip       = netip.MustParseAddr("192.0.2.10")
	otherVIP  = netip.MustParseAddr("192.0.2.11")
	hostAddr  = netip.MustParseAddr("192.0.2.1")
)

// real is the real server 192.0.2.n, and realMAC its MAC address.
func real(n int) netip.Addr     { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }
func realMAC(n int) frame.MAC   { return frame.MAC{2, 0, 0, 0, 0xee, byte(n)} }
func port(n int) netip.AddrPort { return netip.AddrPortFrom(real(n), 80) }

// rig is a host with the director that runs on it:
//
//	client --- eth0 [director] --- 192.0.2.21, .22, .23
type rig struct {
	*testing.T
	host *memhost.Host
	lan  *memhost.Interface
	log  *logText

	logged func(message string) // called before the director goes on; nil: not

	mu      sync.Mutex // guards what Load reads
	text    string
	loadErr error
	edit    func(*config.Config) // after parsing; nil: nothing
	rules   api.Changes          // of the next director
	event   func(api.Event)      // of the next director; nil: nobody wants to know

	d      *director.Director
	cancel context.CancelFunc
	ended  chan error
}

// within runs a test in a bubble, on a host whose servers serve.
func within(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.stop()
		test(r)
	})
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, host: memhost.New(), log: new(logText), text: global + web(21, 22)}
	r.lan = r.host.AddInterface("eth0", lanMAC, netip.MustParsePrefix("192.0.2.1/24"))
	for n := 21; n <= 23; n++ {
		r.lan.AddNeighbor(real(n), realMAC(n))
		r.host.SetServer(port(n), memhost.Serving)
	}
	return r
}

const global = "ingress: eth0\nconnections: 65536\nrestart_grace: 0s\nstate_dir: \"\"\n"

// web is a service of the servers 192.0.2.n, checked once a second.
func web(servers ...int) string { return service("web", vip, servers...) }

func service(name string, vip netip.Addr, servers ...int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    address: %v:80\n    protocol: tcp\n    scheduler: rr\n", name, vip)
	b.WriteString("    check: {kind: tcp, every: 1s, timeout: 500ms, rise: 1, fall: 2}\n    real_servers:\n")
	for _, n := range servers {
		fmt.Fprintf(&b, "      - {address: %v}\n", real(n))
	}
	text := b.String()
	if len(servers) == 0 {
		text = strings.Replace(text, "    real_servers:\n", "    real_servers: []\n", 1)
	}
	return text
}

// load is what the director reads: `services:` goes between globals and
// services.
func (r *rig) load() (*config.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loadErr != nil {
		return nil, r.loadErr
	}
	text := r.text
	if i := strings.Index(text, "  - name:"); i >= 0 {
		text = text[:i] + "services:\n" + text[i:]
	}
	c, err := config.Parse("director.yaml", []byte(text))
	if err == nil && r.edit != nil {
		r.edit(c)
	}
	return c, err
}

// write changes the file.
func (r *rig) write(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text, r.loadErr = text, nil
}

// try starts a director and returns what New or Run said; nil: it is ready.
func (r *rig) try() error {
	r.Helper()
	c, err := r.load()
	if err != nil {
		r.Fatal(err)
	}
	ready := make(chan struct{})
	d, err := director.New(director.Options{
		Config: c, ConfigFile: "director.yaml", Rules: r.rules, Load: r.load, Host: r.host, Version: "test", Event: r.event,
		Log: slog.New(logHandler{slog.NewTextHandler(r.log, nil), r.logged}), Ready: func() { close(ready) },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	select {
	case <-ready:
		r.d, r.cancel, r.ended = d, cancel, ended
		return nil
	case err := <-ended:
		cancel()
		return err
	}
}

// start starts a director, and waits until it has done what it can at once.
func (r *rig) start() {
	r.Helper()
	if err := r.try(); err != nil {
		r.Fatalf("start: %v", err)
	}
	synctest.Wait()
}

// up starts a director and waits until its servers are in use.
func (r *rig) up() {
	r.Helper()
	r.start()
	time.Sleep(200 * time.Millisecond)
	synctest.Wait()
}

// stop stops the director, if one runs.
func (r *rig) stop() {
	if r.d == nil {
		return
	}
	r.cancel()
	if err := <-r.ended; err != nil {
		r.Errorf("stop: %v", err)
	}
	r.d = nil
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) status() *api.Status {
	r.Helper()
	s, err := r.d.Status(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// reload makes text the file and reloads it.
func (r *rig) reload(text string) (api.Reload, error) {
	r.write(text)
	done, err := r.d.Reload(r.Context())
	synctest.Wait()
	return done, err
}

func (r *rig) mustReload(text string) api.Reload {
	r.Helper()
	done, err := r.reload(text)
	if err != nil {
		r.Fatalf("reload: %v", err)
	}
	return done
}

// verdicts returns how many frames got each verdict, as "KIND REASON".
func (r *rig) verdicts() map[string]uint64 {
	r.Helper()
	out := make(map[string]uint64)
	for _, v := range r.status().Frames.Verdicts {
		out[v.Kind+" "+v.Reason] = v.Frames
	}
	return out
}

// send injects segments and returns what the director sent for them.
func (r *rig) send(frames ...[]byte) []memlink.Packet {
	r.Helper()
	r.lan.Wire().Take()
	for _, f := range frames {
		if !r.lan.Wire().InjectBytes(f) {
			r.Fatal("nobody receives")
		}
	}
	synctest.Wait()
	return r.lan.Wire().Take()
}

// serversOf injects a SYN from each port and returns how many went to each
// server, by its number; 0: elsewhere.
func (r *rig) serversOf(ports ...int) map[int]int {
	r.Helper()
	out := make(map[int]int)
	for _, p := range ports {
		for _, sent := range r.send(segment(p, frame.TCPSyn)) {
			n := int(sent.Data[5])
			if frame.Ethernet(sent.Data).Dst() != realMAC(n) {
				n = 0
			}
			out[n]++
		}
	}
	return out
}

// segment is a TCP segment of the client to the VIP's port 80.
func segment(port int, flags uint8) []byte { return segmentTo(vip, port, flags) }

func segmentTo(vip netip.Addr, port int, flags uint8) []byte {
	eth := &layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: lanMAC[:], EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{198, 51, 100, 7}, DstIP: vip.AsSlice(),
	}
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(port), DstPort: 80, Seq: 1000, Window: 1024,
		SYN: flags&frame.TCPSyn != 0, ACK: flags&frame.TCPAck != 0, RST: flags&frame.TCPRst != 0,
	}
	_ = tcp.SetNetworkLayerForChecksum(ip)
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// server returns the status of the server 192.0.2.n of a service.
func server(s *api.Status, name string, n int) (found api.RealServer) {
	for _, svc := range s.Services {
		for _, rs := range svc.Servers {
			if svc.Name == name && strings.HasPrefix(rs.Address, real(n).String()) {
				found = rs
			}
		}
	}
	return found
}

// logText is a log that can be read while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// logHandler calls logged while it holds no lock.
type logHandler struct {
	slog.Handler
	logged func(string)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.logged != nil {
		h.logged(r.Message)
	}
	return h.Handler.Handle(ctx, r)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logText) count(text string) int { return strings.Count(l.String(), text) }

var errBoom = errors.New("boom")
