package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// The addresses are those set aside for documentation (RFC 5737).
var (
	lanSubnet = netip.MustParsePrefix("192.0.2.0/24")
	vip       = netip.MustParseAddr("192.0.2.10")
)

// clusterConfig says what a cluster is made of. The zero value is one client
// and three nginx servers that the director serves in turn.
type clusterConfig struct {
	Clients int // default: 1
	Servers int // default: 3
	Serve   serveKind

	// Settings are lines of director.yaml above the services, such as
	// "workers: 2\n".
	Settings string
	// Scheduler of the service web; default: rr.
	Scheduler string
	// Check of the service web; default: checkFast, and none where nothing is
	// served.
	Check string
	// Service are further lines of the service web, indented by four spaces.
	Service string
	// Services are further services, indented by two spaces.
	Services string
	// VIPs are those of further services.
	VIPs []string

	// StaticARP gives the clients a permanent neighbour for the VIP, so that
	// nobody waits the 4 to 7 s for which a VIP is probed.
	StaticARP bool
	// CountFrames makes CheckFrames possible.
	CountFrames bool
}

// checkFast has a dead server leave within 1 s.
const checkFast = "{kind: http, every: 250ms, timeout: 250ms, rise: 1, fall: 3}"

// checkReal is for tests that count what goes to the VIP, or what the director's
// kernel sends: probes of the VIP go there, and end with RST.
const checkReal = "{kind: http, via: real, every: 250ms, timeout: 250ms, rise: 1, fall: 3}"

// cluster is a LAN with a director and real programs on it:
//
//	client  client2 …   director     web1      web2      web3 …
//	 .100    .101          .2         .21       .22       .23
//	   │       │           │          │         │         │
//	───┴───────┴───────────┴──────────┴─────────┴─────────┴───  lan, 192.0.2.0/24
//
// The VIP is 192.0.2.10, and the end of a MAC address reads as that of the
// host's IP address. Everything is gone when the test ends.
type cluster struct {
	t   testing.TB
	cfg clusterConfig

	Lab      *lab.Lab
	LAN      *lab.Switch
	Clients  []*machine
	Client   *machine // the first of them
	Director *machine
	Servers  []*realServer
	Router   *lab.Host // where there are two arms

	VIP  netip.Addr
	Dir  string // files of this cluster
	File string // director.yaml
	Run  *lab.Process
	api  *api.Client

	frames *lab.Capture // IP frames that reach the director's interface
}

// machine is a host with its link to the LAN.
type machine struct {
	*lab.Host
	Link  *lab.Link
	Addr  netip.Addr
	ports atomic.Int32 // used by Browser
}

// newCluster makes a cluster and waits until the director serves all of it.
func newCluster(t testing.TB, cfg clusterConfig) *cluster {
	t.Helper()
	c := layCluster(t, cfg)
	c.Start()
	c.WaitServing()
	return c
}

// layCluster makes a cluster whose real servers serve, and writes the
// configuration, but does not start the director.
func layCluster(t testing.TB, cfg clusterConfig) *cluster {
	t.Helper()
	c := emptyCluster(t, cfg, vip)
	for i := range c.cfg.Clients {
		c.addClient(numbered("client", i), 100+i)
	}
	c.Director = c.connect("director", c.LAN, lanSubnet, 2)
	for i := range c.cfg.Servers {
		c.addServer(c.connect(fmt.Sprintf("web%d", i+1), c.LAN, lanSubnet, 21+i))
	}
	c.configure()
	return c
}

// emptyCluster makes the lab of a cluster, with nothing but its switch.
func emptyCluster(t testing.TB, cfg clusterConfig, vip netip.Addr) *cluster {
	t.Helper()
	cfg.Clients, cfg.Servers = cmp.Or(cfg.Clients, 1), cmp.Or(cfg.Servers, 3)
	if cfg.Serve == serveNginx {
		needProgram(t, "nginx", "nginx-light")
	}
	c := &cluster{t: t, cfg: cfg, VIP: vip, Dir: shortDir(t)}
	c.File = filepath.Join(c.Dir, "director.yaml")
	c.api = api.NewClient(c.socket())
	c.Lab = lab.ForTest(t)
	c.LAN = c.Lab.Switch("lan")
	return c
}

// configure does what needs all hosts: it writes director.yaml.
func (c *cluster) configure() {
	c.t.Helper()
	if c.cfg.StaticARP {
		for _, client := range c.Clients {
			client.SetNeighbor("eth0", c.VIP, c.Director.Link.MAC())
		}
	}
	if c.cfg.CountFrames {
		c.countFrames()
	}
	c.WriteConfig(c.Config())
}

// numbered is name, name2, name3 …
func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s%d", name, i+1)
}

func (c *cluster) addClient(name string, number int) {
	c.Clients = append(c.Clients, c.connect(name, c.LAN, lanSubnet, number))
	c.Client = c.Clients[0]
}

// connect adds a host with that number in the subnet to the switch.
func (c *cluster) connect(name string, to *lab.Switch, subnet netip.Prefix, number int) *machine {
	m := &machine{Host: c.Lab.Host(name)}
	m.Link, m.Addr = c.plug(m.Host, to, subnet, number)
	return m
}

// plug gives a host one more link.
func (c *cluster) plug(h *lab.Host, to *lab.Switch, subnet netip.Prefix, number int) (*lab.Link, netip.Addr) {
	bytes := subnet.Addr().As4()
	bytes[3] = byte(number)
	addr := netip.AddrFrom4(bytes)
	return c.Lab.Connect(h, to, lab.LinkConfig{
		MAC:   lab.MustMAC(fmt.Sprintf("02:00:00:%02x:%02d:%02d", bytes[2], number/100, number%100)),
		Addrs: []netip.Prefix{netip.PrefixFrom(addr, subnet.Bits())},
	}), addr
}

// needProgram skips the test, or fails it in CI, where a program is missing.
func needProgram(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode()&0o111 != 0 {
			return filepath.Join(dir, name)
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt-get install %s", name, pkg)
	}
	t.Skipf("%s is missing: apt-get install %s", name, pkg)
	return ""
}

// shortDir is t.TempDir without the test's name: the path of a socket has at
// most 107 bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lan-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (c *cluster) socket() string { return filepath.Join(c.Dir, "director.sock") }

// Config is director.yaml as the cluster's configuration wants it.
func (c *cluster) Config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "state_dir: %q\nadmin: {socket: %q}\n", filepath.Join(c.Dir, "state"), c.socket())
	for line := range strings.Lines("connections: 65536\ningress: eth0\n") {
		if key, _, _ := strings.Cut(line, ":"); !strings.Contains("\n"+c.cfg.Settings, "\n"+key+":") {
			b.WriteString(line)
		}
	}
	b.WriteString(c.cfg.Settings)
	check := checkFast
	if c.cfg.Serve == serveNothing {
		check = "{kind: none}"
	}
	fmt.Fprintf(&b, "services:\n  - name: web\n    address: %v:80\n    scheduler: %s\n    check: %s\n%s    real_servers: [%s]\n%s",
		c.VIP, cmp.Or(c.cfg.Scheduler, "rr"), cmp.Or(c.cfg.Check, check), c.cfg.Service,
		strings.Join(c.serverAddrs(), ", "), c.cfg.Services)
	return b.String()
}

// EmptyConfig is Config with nothing but the VIP, and some lines more, for a
// director that is to be filled at run time.
func (c *cluster) EmptyConfig(more string) string {
	global, _, _ := strings.Cut(c.Config(), "services:")
	return fmt.Sprintf("%svips: [%v]\n%s", global, c.VIP, more)
}

func (c *cluster) serverAddrs() (addrs []string) {
	for _, s := range c.Servers {
		addrs = append(addrs, s.Addr.String())
	}
	return addrs
}

// WriteConfig writes director.yaml, in one step.
func (c *cluster) WriteConfig(text string) {
	c.t.Helper()
	next := c.File + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, c.File); err != nil {
		c.t.Fatal(err)
	}
}

// Start starts `director run` and waits until it forwards.
func (c *cluster) Start() {
	c.t.Helper()
	c.Run = directorCommand(context.Background(), c.Director.Host, "run", "--config", c.File)
	if err := c.Run.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.WaitLog(0, "msg=ready")
}

// Kill ends the director as SIGKILL does.
func (c *cluster) Kill() {
	c.t.Helper()
	if err := c.Run.Kill(); err != nil {
		c.t.Fatal(err)
	}
}

// Stop ends the director politely.
func (c *cluster) Stop() {
	c.t.Helper()
	if err := c.Run.Stop(); err != nil || c.Run.ExitCode() != 0 {
		c.t.Fatalf("stop the director: %v, exit code %d", err, c.Run.ExitCode())
	}
}

// Restart kills the director, starts it again, and waits until it forwards; not
// until it claims the VIP and knows the servers, for which there is WaitServing.
func (c *cluster) Restart() {
	c.t.Helper()
	c.Kill()
	c.Start()
}

// Reload writes director.yaml and makes the director read it.
func (c *cluster) Reload(text string) (api.Reload, error) {
	c.t.Helper()
	c.WriteConfig(text)
	return c.api.Reload(context.Background())
}

// Status asks the director how it is.
func (c *cluster) Status() *api.Status {
	c.t.Helper()
	s, err := c.api.Status(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// patience is how long anything may take that a test waits for.
const patience = 15 * time.Second

// WaitStatus waits for a status that holds, and returns it.
func (c *cluster) WaitStatus(what string, holds func(*api.Status) bool) *api.Status {
	c.t.Helper()
	s, ok := c.pollStatus(holds)
	if !ok {
		c.t.Fatalf("waited %v for status: %s; it is %+v", patience, what, *s)
	}
	return s
}

// pollStatus returns the first status that holds, or the last one.
func (c *cluster) pollStatus(holds func(*api.Status) bool) (*api.Status, bool) {
	c.t.Helper()
	return poll(20*time.Millisecond, patience, c.Status, holds)
}

// poll returns the first value that holds, or after some time the last one, for
// what no event tells of.
func poll[T any](every, longest time.Duration, value func() T, holds func(T) bool) (T, bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for deadline := time.Now().Add(longest); ; <-tick.C {
		v := value()
		if holds(v) {
			return v, true
		}
		if time.Now().After(deadline) {
			return v, false
		}
	}
}

// WaitServing waits until the director has claimed its VIPs, unless the clients
// know it without that, and may use every real server.
func (c *cluster) WaitServing() *api.Status {
	c.t.Helper()
	return c.WaitStatus("all VIPs claimed, all servers usable", func(s *api.Status) bool {
		for _, v := range s.VIPs {
			if v.State != "owned" && v.State != "announcing" && !c.cfg.StaticARP {
				return false
			}
		}
		for _, service := range s.Services {
			for _, rs := range service.Servers {
				if rs.Weight == 0 && rs.Configured > 0 || rs.MAC == "" {
					return false
				}
			}
		}
		return true
	})
}

// WaitLog waits for a line with the text that the director logs after the mark,
// which is c.Run.Mark() of earlier.
func (c *cluster) WaitLog(mark int, text string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	line, err := c.Run.WaitOutputAfter(ctx, mark, text)
	if err != nil {
		c.t.Fatal(err)
	}
	return line
}

// serverStatus returns what the director says of a real server of the service
// web.
func serverStatus(s *api.Status, server *realServer) *api.RealServer {
	for _, service := range s.Services {
		for i, rs := range service.Servers {
			if service.Name == "web" && strings.HasPrefix(rs.Address, server.Addr.String()+":") {
				return &service.Servers[i]
			}
		}
	}
	return nil
}
