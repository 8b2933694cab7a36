package director_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/director"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

// run starts a director on a host with one interface, for a benchmark.
func run(b *testing.B, text string) (*director.Director, *memhost.Interface) {
	b.Helper()
	host := memhost.New()
	lan := host.AddInterface("eth0", lanMAC, netip.MustParsePrefix("192.0.2.1/24"))
	c, err := config.Parse("director.yaml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	ready := make(chan struct{})
	d, err := director.New(director.Options{
		Config: c, Host: host, Log: slog.New(slog.DiscardHandler), Ready: func() { close(ready) },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	<-ready
	return d, lan
}

func must(b *testing.B, d *director.Director, changes api.Changes) {
	b.Helper()
	if _, err := d.Change(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
}

// services are changes that make services of ten real servers each, whose MAC
// addresses nobody knows.
func services(n int) (changes api.Changes) {
	for i := range n {
		s := &api.VirtualService{Protocol: "tcp", Address: fmt.Sprintf("198.18.%d.%d:80", i/250, i%250+1), Scheduler: "wlc"}
		changes = append(changes, api.Change{Op: api.AddService, Service: s})
		for j := range 10 {
			changes = append(changes, api.Change{Op: api.AddServer, Service: s, Server: &api.Destination{
				Address: fmt.Sprintf("10.%d.%d.%d:80", i/250, i%250, j+1), Weight: 1,
			}})
		}
	}
	return changes
}

// BenchmarkChange is one `ipvsadm -e` of a director with so many real servers.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("servers=%d", 10*n), func(b *testing.B) {
			d, _ := run(b, global)
			must(b, d, services(n))
			weight := 1
			for b.Loop() {
				weight = 3 - weight
				must(b, d, api.Changes{{
					Op: api.EditServer, Service: &api.VirtualService{Protocol: "tcp", Address: "198.18.0.1:80"},
					Server: &api.Destination{Address: "10.0.0.1:80", Weight: weight},
				}})
			}
		})
	}
}

// BenchmarkRestore is `ipvsadm -R` of so many lines in one request, and -C.
func BenchmarkRestore(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("lines=%d", n), func(b *testing.B) {
			d, _ := run(b, global)
			changes := append(api.Changes{{Op: api.Clear}}, services(n/11)...)
			for b.Loop() {
				must(b, d, changes)
			}
		})
	}
}

// BenchmarkRestoreOneService is BenchmarkRestore with all servers in one service.
func BenchmarkRestoreOneService(b *testing.B) {
	for _, n := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("lines=%d", n), func(b *testing.B) {
			d, _ := run(b, global)
			changes := append(api.Changes{{Op: api.Clear}}, services(1)[0])
			for i := range n {
				changes = append(changes, api.Change{Op: api.AddServer, Service: changes[1].Service, Server: &api.Destination{
					Address: fmt.Sprintf("10.%d.%d.1:80", i/250, i%250), Weight: 1,
				}})
			}
			for b.Loop() {
				must(b, d, changes)
			}
		})
	}
}

// flow is a segment of client i to the service web. Its TCP checksum is wrong:
// nobody here reads it.
func flow(i int, flags uint8) []byte {
	data := slices.Clone(synTemplate)
	h := frame.IPv4(data[14:])
	h.SetSrc(frame.AddrFrom4(0x0b000000 + uint32(i>>14)))
	h.UpdateChecksum()
	port := uint16(i&0x3fff) + 1024
	data[34], data[35], data[47] = byte(port>>8), byte(port), flags
	return data
}

var synTemplate = segment(1, frame.TCPSyn)

// BenchmarkForwardWhileListed is what a frame of an established connection
// takes, with all its way through a running director, while somebody lists the
// 1,000,000 connections again and again, and while nobody does. It needs two
// processors. ms/list is what the list takes of all connections as JSON.
func BenchmarkForwardWhileListed(b *testing.B) {
	const n = 1_000_000
	unchecked := "    check: {kind: none}\n    real_servers:\n      - {address: 192.0.2.21, mac: \"02:00:00:00:ee:15\"}\n"
	d, lan := run(b, "ingress: eth0\nstate_dir: \"\"\nconnections: 1100000\nservices:\n  - name: web\n    address: 192.0.2.10:80\n"+unchecked)
	wire := lan.Wire()
	wire.Discard()
	for i := range n {
		for _, flags := range []uint8{frame.TCPSyn, frame.TCPAck} { // at once: half-open ones have a quota
			for data := flow(i, flags); !wire.InjectBytes(data); {
				if err := wire.Idle(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	frames := make([]memlink.Packet, 1<<16)
	for i := range frames {
		frames[i].Data = flow(rand.IntN(n), frame.TCPAck)
	}
	wire.Loop(frames...)
	received := func() uint64 { return mustStatus(b, d).Frames.Received }
	forward := func(b *testing.B) {
		b.ResetTimer()
		for until := received() + uint64(b.N); received() < until; {
			time.Sleep(time.Millisecond) // nobody tells of a number of frames
		}
		b.StopTimer()
	}
	b.Run("alone", forward)
	b.Run("listed", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		lists := make(chan int)
		from := time.Now()
		go func() {
			listed := 0
			out := json.NewEncoder(io.Discard)
			for ctx.Err() == nil {
				_ = d.Connections(ctx, api.ConnectionFilter{}, func(c api.Connection) bool { // ends with the context
					listed++
					return out.Encode(&c) == nil
				})
			}
			lists <- listed
		}()
		forward(b)
		cancel()
		listed := <-lists
		b.ReportMetric(float64(time.Since(from).Milliseconds())*n/float64(max(listed, 1)), "ms/list")
	})
	if got := mustStatus(b, d).Connections.Connections; got != n {
		b.Fatalf("%d connections", got)
	}
}

func mustStatus(b *testing.B, d *director.Director) *api.Status {
	b.Helper()
	s, err := d.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return s
}
