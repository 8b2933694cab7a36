package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/bench"
	"lvsdr/bench/ends"
	"lvsdr/lab"
)

// measured is a LAN with a director, on which nothing serves: real servers only
// count.
//
//	client (bench send) ─── lan ─── director
//	                         ├──── web1 (bench sink)
//	                         └──── web2 (bench sink)
type measured struct{ *cluster }

func newMeasured(t *testing.T, staticARP bool) measured {
	return measured{newCluster(t, clusterConfig{
		Servers: 2, Serve: serveNothing, StaticARP: staticARP,
		Services: fmt.Sprintf(`  - address: %v:53
    protocol: udp
    check: {kind: none}
    real_servers: [192.0.2.21, 192.0.2.22]
`, vip),
	})}
}

// bench starts `director bench ARGS` on a host; the run is in the file then.
func (c measured) bench(h *lab.Host, args ...string) (p *lab.Process, file string) {
	c.t.Helper()
	file = filepath.Join(c.Dir, fmt.Sprintf("%s-%s.json", h.Name(), args[0]))
	p = directorCommand(context.Background(), h, append(append([]string{"bench"}, args...), "--json", file)...)
	if err := p.Start(); err != nil {
		c.t.Fatal(err)
	}
	return p, file
}

// sinks start on each server.
func (c measured) sinks(args ...string) (all []*lab.Process, files []string) {
	c.t.Helper()
	for _, s := range c.Servers {
		p, file := c.bench(s.Host, append([]string{"sink", "--interface", "eth0", "--vip", vip.String()}, args...)...)
		c.await(p, "takes all")
		all, files = append(all, p), append(files, file)
	}
	return all, files
}

// refused is a sink that does not start on the first server, since the client has a
// connection there.
func (c measured) refused(args ...string) {
	c.t.Helper()
	p, _ := c.bench(c.Servers[0].Host, append([]string{"sink", "--interface", "eth0", "--vip", vip.String()}, args...)...)
	err := p.Wait()
	if err == nil || p.ExitCode() != 1 || !strings.Contains(p.Output(), "established TCP connections on this host") || !strings.Contains(p.Output(), "--force") {
		c.t.Fatalf("%v, exit code %d\n%s", err, p.ExitCode(), p.Output())
	}
}

// await waits until a program prints something.
func (c measured) await(p *lab.Process, text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := p.WaitOutputAfter(ctx, 0, text); err != nil {
		c.t.Fatalf("%v\n%s", err, p.Output())
	}
}

// figure adds up the samples of a metric of a run.
func figure(t *testing.T, file, metric string) (sum float64, samples int) {
	t.Helper()
	run, err := bench.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run.Series {
		if s.Metric == metric {
			for _, v := range s.Values() {
				sum += v
				samples++
			}
		}
	}
	return sum, samples
}

// TestLANBenchEnds is the recipe of docs/benchmarks.md: what was sent is what the
// interface refused, the director lost, dropped or forwarded, and what it forwarded
// is what the sinks received. To the frame, however busy the machine is: there are
// fewer frames than a queue of the kernel holds.
func TestLANBenchEnds(t *testing.T) {
	for _, test := range []struct {
		name, port string
		send       []string
		opening    int
	}{
		{"udp", "53", []string{"--protocol", "udp", "--flows", "300", "--size", "200", "--new", "0.1"}, 0},
		{"tcp", "80", []string{"--protocol", "tcp", "--flows", "300", "--new", "0.01", "--from", "198.51.100.0/28"}, 300},
		{"live", "53", []string{"--flows", "300"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newMeasured(t, test.name != "udp")
			if test.name == "live" {
				c.Client.Link.Peer.SetOffload(lab.GRO, true)
			}
			sinks, files := c.sinks("--port", test.port)
			before := c.Status()
			sender, sent := c.bench(c.Client.Host, append([]string{
				"send", "--interface", "eth0", "--to", vip.String() + ":" + test.port, "--rate", "1500", "--time", "500ms",
			}, test.send...)...)
			if err := sender.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, sender.Output())
			}
			checkPlan(t, sender.Output(), test.name)

			all, _ := figure(t, sent, ends.MetricFrames)
			refused, _ := figure(t, sent, ends.MetricRefused)
			if most := float64(750 + test.opening); all < most/3 || all > most+2 {
				t.Errorf("sent %v frames, want some %v", all, most)
			}
			if rate, n := figure(t, sent, ends.MetricRate); n < 1 || rate/float64(n) < 300 || rate/float64(n) > 3000 {
				t.Errorf("%d samples of the rate, %v frames/s in all", n, rate)
			}
			after := c.WaitStatus("every frame has a verdict", func(s *api.Status) bool {
				return forwarded(s)+discarded(s)-forwarded(before)-discarded(before) >= uint64(all)
			})
			passed := forwarded(after) - forwarded(before)
			received := 0.0
			for i, p := range sinks {
				if err := p.Signal(syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
				if err := p.Wait(); err != nil {
					t.Fatalf("%v\n%s", err, p.Output())
				}
				n, samples := figure(t, files[i], ends.MetricFrames)
				if received += n; n == 0 || samples < 1 || !strings.Contains(p.Output(), fmt.Sprintf("received %.0f frames", n)) {
					t.Errorf("server %d: %v frames in %d samples\n%s", i, n, samples, p.Output())
				}
				if rate, _ := figure(t, files[i], ends.MetricRate); rate <= 0 {
					t.Errorf("server %d: rate %v", i, rate)
				}
			}
			lost := discarded(after) - discarded(before)
			if all != refused+float64(lost+passed) || float64(passed) != received {
				t.Errorf("sent %v: refused %v, lost and dropped %d, forwarded %d, received %v\n%+v", all, refused, lost, passed, received, after.Frames)
			}
		})
	}
}

func checkPlan(t *testing.T, out, protocol string) {
	t.Helper()
	want := []string{"will send 1500 frames/s", "out of eth0"}
	if protocol == "live" {
		want = append(want, "by BPF live frames:\n")
	} else {
		want = append(want, "by AF_PACKET:\n", "not by BPF live frames", "skipped: BPF live frames")
	}
	switch protocol {
	case "udp":
		want = append(want, "udp frames of 200 bytes to 192.0.2.10:53", "from 198.18.0.0 to 198.18.255.255, ports 1024 to 1032", "frames; the interface refused ")
	case "tcp":
		want = append(want, "to 192.0.2.10:80", "from 198.51.100.0 to 198.51.100.15", "after 300 SYNs at the same pace, one for each connection, in 1.4s at most", "the first 300 to open connections")
	}
	for _, text := range want {
		if !strings.Contains(out, text) {
			t.Errorf("no %q in\n%s", text, out)
		}
	}
}

// forwarded is what the director sent to real servers.
func forwarded(s *api.Status) (n uint64) {
	for _, v := range s.Frames.Verdicts {
		if v.Kind == "forward" {
			n += v.Frames
		}
	}
	return n
}

// discarded is what it got for a VIP and did not send on.
func discarded(s *api.Status) uint64 {
	n := s.Frames.Lost
	for _, v := range s.Frames.Verdicts {
		if v.Kind == "drop" || v.Kind == "reply" || v.Kind == "hold" {
			n += v.Frames
		}
	}
	return n
}

// TestLANBenchSinkKilled: a sink takes no connection that somebody has, unless it is
// forced to. One that is killed takes nothing with it, whichever way it counts: what
// serves on the port gets its frames again.
func TestLANBenchSinkKilled(t *testing.T) {
	for _, method := range []string{"native", "generic", "nftables"} {
		t.Run(method, func(t *testing.T) {
			c := newCluster(t, clusterConfig{Servers: 1, Serve: serveGo, StaticARP: true, Check: checkReal})
			m := measured{c}
			if _, err := c.Get("/"); err != nil {
				t.Fatal(err)
			}
			working, err := c.Client.Dial(t.Context(), "tcp", vip.String()+":80")
			if err != nil {
				t.Fatal(err)
			}
			defer working.Close()
			m.refused("--port", "80", "--method", method)
			sinks, _ := m.sinks("--port", "80", "--method", method, "--force")
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if conn, err := c.Client.Dial(ctx, "tcp", vip.String()+":80"); err == nil {
				_ = conn.Close()
				t.Error("the port serves under the sink")
			}
			// The server's own address, by which it is checked, serves all the while.
			if s := serverStatus(c.Status(), c.Servers[0]); s == nil || s.Weight == 0 {
				t.Errorf("the server is down: %+v", s)
			}
			if err := sinks[0].Kill(); err != nil {
				t.Fatal(err)
			}
			if _, ok := poll(10*time.Millisecond, patience, func() error {
				_, err := c.Get("/")
				return err
			}, func(err error) bool { return err == nil }); !ok {
				t.Error("what is left of the sink still takes frames")
			}
		})
	}
}

// TestLANBenchSendInterrupted: Ctrl-C ends either end, and what was counted is kept.
func TestLANBenchSendInterrupted(t *testing.T) {
	c := newMeasured(t, true)
	sinks, files := c.sinks("--port", "53", "--time", "1h")
	sender, sent := c.bench(c.Client.Host, "send", "--interface", "eth0", "--to", vip.String()+":53", "--rate", "1000", "--time", "1h")
	c.await(sender, "measuring")
	c.await(sinks[0], "measuring")
	for i, p := range append(sinks, sender) {
		if err := p.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err == nil || p.ExitCode() != 1 || !strings.Contains(p.Output(), "interrupted: what was measured is kept") {
			t.Errorf("%v, exit code %d\n%s", err, p.ExitCode(), p.Output())
		}
		file := append(files, sent)[i]
		run, err := bench.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := figure(t, file, ends.MetricFrames)
		if rate, samples := figure(t, file, ends.MetricRate); !run.Interrupted || n == 0 || samples == 0 || rate == 0 {
			t.Errorf("%s: interrupted %v, %v frames, %d samples", file, run.Interrupted, n, samples)
		}
	}
}

// TestLANBenchSendNobody: where nobody answers for the VIP, nothing is sent.
func TestLANBenchSendNobody(t *testing.T) {
	c := newMeasured(t, true)
	for to, want := range map[string]string{
		"192.0.2.77:80":   "resolve 192.0.2.77 on eth0: nobody answers",
		"203.0.113.1:80":  "route to 203.0.113.1 out of eth0: no route to host; or give its Ethernet address by --mac",
		"192.0.2.100:80":  "it is this host's own address",
		"192.0.2.255:80":  "it is a network's broadcast address",
		"[2001:db8::1]:1": "by --mac",
	} {
		p, file := c.bench(c.Client.Host, "send", "--interface", "eth0", "--to", to, "--rate", "1000")
		if err := p.Wait(); err == nil || p.ExitCode() != 1 || !strings.Contains(p.Output(), want) {
			t.Errorf("%s: %v, exit code %d\n%s", to, err, p.ExitCode(), p.Output())
		}
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) || strings.Contains(p.Output(), "interrupted") {
			t.Errorf("%s: nothing was measured, and yet: %v\n%s", to, err, p.Output())
		}
	}
}
