package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// TestLANReloads: a thousand reloads in a row, under load, fail no request and
// leave nothing behind. Weights and timeouts change with each; web3 is given no
// new connections, taken out when it has none left, and put back, as an operator
// does it.
//
//	client .100 ──┐              ┌── web1 .21  weight 1 … 3
//	              ├── switch ────┼── web2 .22
//	director .2 ──┘              └── web3 .23  comes and goes
func TestLANReloads(t *testing.T) {
	const reloads, warm = 1000, 300
	c := layCluster(t, clusterConfig{Scheduler: "wrr", StaticARP: true, CountFrames: true})
	web3 := &drainedServer{weight: 1}
	c.WriteConfig(c.variant(1, web3))
	c.Start()
	c.WaitServing()
	load := c.startLoad(t, 4)
	var before, after usage
	began := time.Now()
	for i := range reloads {
		if i == warm {
			before = c.usage(t)
		}
		web3.step(i, c)
		if r, err := c.Reload(c.variant(i, web3)); err != nil || !r.Changed || len(r.NeedRestart) != 0 {
			t.Fatalf("reload %d: %+v, %v", i, r, err)
		}
	}
	took := time.Since(began)
	after = c.usage(t)
	served, failed := load.stop()
	requests := 0
	for _, server := range c.Servers {
		n := served[server.Name()]
		requests += n
		if logged := server.WaitRequests("/load", n); logged != n {
			t.Errorf("%s answered %d requests and logged %d", server.Name(), n, logged)
		}
	}
	t.Logf("%d reloads in %v (%v each), %d requests meanwhile, web3 taken out %d times; %v, before %v",
		reloads, took.Round(time.Millisecond), (took / reloads).Round(time.Microsecond), requests, web3.removals, after, before)
	for _, err := range failed {
		t.Errorf("a request failed: %v", err)
	}
	if requests < reloads/10 || web3.removals < 5 {
		t.Errorf("%d requests and %d removals say little", requests, web3.removals)
	}
	before.check(t, after)
	if s := c.CheckFrames(); s.Connections.Refused != 0 || verdicts(s, "forward", "forward") < uint64(5*requests) {
		t.Errorf("%d requests, frames %+v, %+v", requests, s.Frames, s.Connections)
	}
}

// variant is the configuration of the i-th reload, which differs from the one
// before.
func (c *cluster) variant(i int, web3 *drainedServer) string {
	servers := fmt.Sprintf("{address: 192.0.2.21, weight: %d}, {address: 192.0.2.22, weight: 2}", i%3+1)
	if web3.weight >= 0 {
		servers += fmt.Sprintf(", {address: 192.0.2.23, weight: %d}", web3.weight)
	}
	text := strings.Replace(c.Config(), strings.Join(c.serverAddrs(), ", "), servers, 1)
	text = strings.Replace(text, "{socket:", "{listen: 127.0.0.1:9480, socket:", 1)
	return text + fmt.Sprintf("timeouts: {tcp: %dm}\n", 10+i%2)
}

// drainedServer is a real server that comes and goes without harm.
type drainedServer struct {
	weight   int // -1: taken out
	since    int // the reload at which that began
	removals int
}

// step decides what the i-th reload makes of the server. Some reloads pass
// between the last new connection and the removal, so that none is under way.
func (d *drainedServer) step(i int, c *cluster) {
	if i-d.since < 20 {
		return
	}
	switch d.weight {
	case 1:
		d.weight = 0
	case 0:
		if rs := serverStatus(c.Status(), c.Servers[2]); rs.Active > 0 {
			return
		}
		d.weight = -1
		d.removals++
	default:
		d.weight = 1
	}
	d.since = i
}

// load is clients that each make up to 500 requests a second: enough to be in
// the middle of some at any moment, and not so many that the reloads wait for
// a processor.
type load struct {
	stopping atomic.Bool
	running  sync.WaitGroup
	mu       sync.Mutex
	served   map[string]int
	failed   []error
}

func (c *cluster) startLoad(t *testing.T, clients int) *load {
	l := &load{served: make(map[string]int)}
	for range clients {
		l.running.Go(func() {
			client := c.Client.HTTPClient()
			pace := time.NewTicker(2 * time.Millisecond)
			defer pace.Stop()
			for ; !l.stopping.Load(); <-pace.C {
				name, err := c.get(client, "/load")
				l.mu.Lock()
				if err != nil {
					l.failed = append(l.failed, err)
				} else {
					l.served[name]++
				}
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

// stop ends the load, and returns how many requests each server answered, and
// what failed.
func (l *load) stop() (served map[string]int, failed []error) {
	l.stopping.Store(true)
	l.running.Wait()
	return l.served, l.failed
}

// usage is what the director's process holds.
type usage struct{ fds, threads, goroutines, kilobytes, heap int }

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d goroutines, %d KiB, heap to grow to %d KiB",
		u.fds, u.threads, u.goroutines, u.kilobytes, u.heap>>10)
}

// metricOf returns the value of a metric without labels.
func metricOf(t *testing.T, metrics []byte, name string) int {
	t.Helper()
	match := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(metrics)
	if match == nil {
		t.Fatalf("no %s in the metrics", name)
	}
	value, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

func (c *cluster) usage(t *testing.T) (u usage) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", c.Run.PID())
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	u.fds = len(fds)
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "Threads: %d", &u.threads)
		fmt.Sscanf(line, "VmRSS: %d", &u.kilobytes)
	}
	response, err := c.Director.HTTPClient().Get("http://127.0.0.1:9480/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	u.goroutines = metricOf(t, metrics, "go_goroutines")
	u.heap = metricOf(t, metrics, "go_memstats_next_gc_bytes") // what was live at the last collection, and a third as much to as much again
	return u
}

// heapSwing is how many KiB the heap of the program, also of one that is built for
// the race detector, has between two collections.
const heapSwing = 64 << 10

// check fails the test if something grew: what is in use at the moment varies
// a little, and the heap may be anywhere between two collections. What lives in it
// does not depend on that: half to three quarters of the 16 MiB by which its goal
// may grow.
func (u usage) check(t *testing.T, after usage) {
	t.Helper()
	if u.grew(after) {
		t.Errorf("it grew: %v; before: %v", after, u)
	}
}

func (u usage) grew(after usage) bool {
	return after.fds > u.fds+5 || after.threads > u.threads+5 || after.goroutines > u.goroutines+10 ||
		after.kilobytes > u.kilobytes+heapSwing || after.heap > u.heap+16<<20
}

// TestLANReloadRefused: a file that says the same does nothing; one with a
// mistake changes nothing, and the log and whoever asked are told where it is.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANReloadRefused(t *testing.T) {
	c := newCluster(t, clusterConfig{Servers: 1, Serve: serveGo, StaticARP: true})
	since := c.Status().ConfigSince
	unchanged := func(what string) {
		t.Helper()
		if now := c.Status().ConfigSince; !now.Equal(since) {
			t.Errorf("%s: the configuration changed at %v", what, now)
		}
		c.ServedBy(10, "/")
	}
	hangUp := func(log string) string {
		t.Helper()
		mark := c.Run.Mark()
		if err := c.Run.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		return c.WaitLog(mark, log)
	}

	text := c.Config()
	for _, same := range []string{text, "# a comment\n" + strings.ReplaceAll(text, "[192.0.2.21]", "\n      - address: 192.0.2.21\n")} {
		if r, err := c.Reload(same); err != nil || r.Changed {
			t.Errorf("reload of a file that says the same: %+v, %v", r, err)
		}
		hangUp("unchanged")
		unchanged("a file that says the same")
	}
	for _, broken := range []struct{ old, new, where, why string }{
		{"scheduler: rr", "scheduler: round", "8:16", "services[0].scheduler"},
		{"  - name: web", "  - nam: web", "6:5", "services[0].nam"},
		{"connections: 65536", "connections: many", "3:14", "connections"},
		{"[192.0.2.21]", "[192.0.2.2]", "10:20", "services[0].real_servers[0]"},
	} {
		_, err := c.Reload(strings.Replace(text, broken.old, broken.new, 1))
		where := c.File + ":" + broken.where + ":"
		var refused *api.Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), broken.why) {
			t.Errorf("%s: %v, want %s and %s", broken.new, err, where, broken.why)
		}
		if line := hangUp("reload refused"); !strings.Contains(line, where) || !strings.Contains(line, broken.why) {
			t.Errorf("%s: logged %s, want %s and %s", broken.new, line, where, broken.why)
		}
		unchanged(broken.new)
	}
	if err := os.Remove(c.File); err != nil {
		t.Fatal(err)
	}
	if _, err := c.api.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), filepath.Base(c.File)) {
		t.Errorf("no file: %v", err)
	}
	unchanged("no file")
	if r, err := c.Reload(text + "timeouts: {tcp: 5m}\n"); err != nil || !r.Changed {
		t.Errorf("mended: %+v, %v", r, err)
	}
}
