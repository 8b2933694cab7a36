package service

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lvsdr/frame"
)

// t0 is any moment.
var t0 = time.Unix(1000, 0)

// twin is the table as a list that is searched from its start.
type twin []Definition

func (w twin) service(vip frame.Addr, protocol uint8, port uint16) string {
	for _, d := range w {
		for _, r := range d.Ranges {
			if d.Protocol == protocol && r.VIP == vip && r.First <= port && port <= r.Last {
				return d.Name
			}
		}
	}
	return ""
}

func (w twin) isVIP(a frame.Addr) bool {
	for _, d := range w {
		for _, r := range d.Ranges {
			if r.VIP == a {
				return true
			}
		}
	}
	return false
}

func (w twin) overlaps(protocol uint8, n Range) bool {
	for _, d := range w {
		for _, r := range d.Ranges {
			if d.Protocol == protocol && r.VIP == n.VIP && r.First <= n.Last && n.First <= r.Last {
				return true
			}
		}
	}
	return false
}

func addr4(n int) frame.Addr { return frame.AddrFrom4(0xc0000200 + uint32(n)) }
func addr6(n int) frame.Addr { return frame.Addr{Hi: 0x20010db8 << 32, Lo: uint64(n)} }

var protocols = []uint8{frame.ProtocolTCP, frame.ProtocolUDP, frame.ProtocolSCTP}

func randomVIP(r *rand.Rand, vips int) frame.Addr {
	if r.IntN(2) == 0 {
		return addr4(r.IntN(vips))
	}
	return addr6(r.IntN(vips))
}

func randomRange(r *rand.Rand, vips int) Range {
	first := r.IntN(1 << 16)
	last := first
	if r.IntN(2) == 0 {
		last = min(first+r.IntN(3000), 1<<16-1)
	}
	return Range{randomVIP(r, vips), uint16(first), uint16(last)}
}

// TestTableFindsWhatALinearScanFinds compares random tables with the twin, at
// the edges of every range and anywhere.
func TestTableFindsWhatALinearScanFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		vips := 1 + r.IntN(20)
		var w twin
		for i := range 1 + r.IntN(60) {
			d := Definition{Name: fmt.Sprint("s", i), Protocol: protocols[r.IntN(3)], Scheduler: "rr"}
			for range 1 + r.IntN(4) {
				n := randomRange(r, vips)
				if !w.overlaps(d.Protocol, n) && !(twin{d}).overlaps(d.Protocol, n) {
					d.Ranges = append(d.Ranges, n)
				}
			}
			w = append(w, d)
		}
		table, err := new(Registry).Build(w, nil, t0)
		if err != nil {
			t.Fatal(err)
		}
		check := func(vip frame.Addr, protocol uint8, port uint16) {
			t.Helper()
			v := table.VIP(vip)
			if (v != nil) != w.isVIP(vip) {
				t.Fatalf("VIP %v: %v", vip, v)
			}
			got := ""
			if v != nil {
				if s := v.Service(protocol, port); s != nil {
					got = s.Name
				}
				if v.Addr != vip || table.VIPByIndex(v.Index) != v {
					t.Fatalf("VIP %v is %v, index %d", vip, v.Addr, v.Index)
				}
			}
			if want := w.service(vip, protocol, port); got != want {
				t.Fatalf("%v %d:%d is %q, want %q", vip, protocol, port, got, want)
			}
		}
		for _, d := range w {
			for _, n := range d.Ranges {
				for _, port := range []uint16{n.First - 1, n.First, n.First + 1, n.Last - 1, n.Last, n.Last + 1} {
					check(n.VIP, d.Protocol, port)
				}
			}
		}
		for range 2000 {
			check(randomVIP(r, vips+2), protocols[r.IntN(3)], uint16(r.Uint32()))
		}
	}
}

func TestOverlapIsRefused(t *testing.T) {
	base := Definition{Name: "a", Protocol: frame.ProtocolTCP, Scheduler: "rr", Ranges: []Range{{addr4(1), 100, 200}, {addr4(1), 300, 300}}}
	with := func(r ...Range) Definition {
		return Definition{Name: "b", Protocol: frame.ProtocolTCP, Scheduler: "rr", Ranges: r}
	}
	for _, n := range []Range{{addr4(1), 100, 200}, {addr4(1), 200, 201}, {addr4(1), 50, 100}, {addr4(1), 150, 160}, {addr4(1), 1, 1000}, {addr4(1), 300, 300}, {addr4(1), 0, 65535}} {
		for _, ds := range [][]Definition{{base, with(n)}, {with(n), base}} {
			_, err := new(Registry).Build(ds, nil, t0)
			if err == nil {
				t.Errorf("%v was taken beside %v", n, base.Ranges)
			} else if s := err.Error(); !strings.Contains(s, "service "+ds[1].Name+":") || !strings.Contains(s, "belong to service "+ds[0].Name) {
				t.Errorf("%q does not name both services", s)
			}
		}
	}
	other := with(Range{addr4(1), 201, 299}, Range{addr4(1), 0, 99}, Range{addr4(1), 301, 65535}, Range{addr4(2), 100, 200}, Range{addr6(1), 100, 200})
	if _, err := new(Registry).Build([]Definition{base, other}, nil, t0); err != nil {
		t.Error(err)
	}
	other.Ranges, other.Protocol = base.Ranges, frame.ProtocolUDP
	if _, err := new(Registry).Build([]Definition{base, other}, nil, t0); err != nil {
		t.Error(err)
	}
	if _, err := new(Registry).Build([]Definition{with(Range{addr4(1), 1, 5}, Range{addr4(1), 5, 9})}, nil, t0); err == nil {
		t.Error("a service that overlaps itself was taken")
	}
}

func TestZeroTable(t *testing.T) {
	var table Table
	if table.VIP(addr4(1)) != nil || table.VIPByIndex(0) != nil || table.Server(0) != nil || len(table.VIPs())+len(table.Services())+table.MaxServers() != 0 {
		t.Error("the zero table is not empty")
	}
	empty, err := new(Registry).Build(nil, nil, t0)
	if err != nil || empty.VIP(addr4(1)) != nil || empty.VIP(frame.Addr{}) != nil {
		t.Errorf("a table of nothing: %v", err)
	}
}

// large is n services, four to a VIP, with one server each.
func large(n int) []Definition {
	ds := make([]Definition, n)
	for i := range ds {
		vip := frame.AddrFrom4(0x0a000000 + uint32(i/4))
		if i%8 >= 4 {
			vip = frame.Addr{Hi: 0x20010db8 << 32, Lo: uint64(i / 4)}
		}
		ds[i] = Definition{
			Name: fmt.Sprint("s", i), Protocol: protocols[i%2], Scheduler: "rr",
			Ranges:  []Range{{vip, uint16(80 + i%4), uint16(80 + i%4)}},
			Servers: []ServerDefinition{{Addr: vip, Port: 80, HashPort: 80, Weight: 1}},
		}
	}
	return ds
}

func TestLookupDoesNotAllocate(t *testing.T) {
	ds := large(1000)
	table, err := new(Registry).Build(ds, nil, t0)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	allocs := testing.AllocsPerRun(1000, func() {
		d := &ds[i*37%len(ds)]
		v := table.VIP(d.Ranges[0].VIP)
		s := v.Service(d.Protocol, d.Ranges[0].First)
		if s == nil || table.Server(s.Servers[0].ID) == nil || table.VIPByIndex(v.Index) == nil || table.VIP(addr4(9)) != nil {
			t.Fatal("not found")
		}
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		ds := large(n)
		table, err := new(Registry).Build(ds, nil, t0)
		if err != nil {
			b.Fatal(err)
		}
		at := rand.New(rand.NewPCG(1, 1)).Perm(n)
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d := &ds[at[i%n]]
				if table.VIP(d.Ranges[0].VIP).Service(d.Protocol, d.Ranges[0].First) == nil {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("services=%d/miss", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if table.VIP(frame.AddrFrom4(uint32(i)|1<<31)) != nil {
					b.Fatal("found")
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			var r Registry
			ds := large(n)
			for b.Loop() {
				if _, err := r.Build(ds, nil, t0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestFTPData: a persistent TCP service on port 21 gets what FTP opens beside it,
// unless another service has the port.
func TestFTPData(t *testing.T) {
	vip := addr4(1)
	at := func(name string, protocol uint8, first, last uint16, persistent bool) Definition {
		d := Definition{Name: name, Protocol: protocol, Scheduler: "rr", Ranges: []Range{{vip, first, last}}}
		if persistent {
			d.Persistence.Timeout = time.Minute
		}
		return d
	}
	ftp, any0 := at("ftp", frame.ProtocolTCP, 21, 21, true), at("any", frame.ProtocolTCP, 0, 0, true)
	ports := []uint16{19, 20, 21, 22, 1023, 1024, 8080, 8081, 65535}
	for _, c := range []struct {
		name        string
		definitions []Definition
		protocol    uint8
		want        string
	}{
		{"persistent", []Definition{ftp}, frame.ProtocolTCP, "- ftp ftp - - ftp ftp ftp ftp"},
		{"beside others", []Definition{at("web", frame.ProtocolTCP, 8080, 8080, false), any0, ftp}, frame.ProtocolTCP, "any ftp ftp any any ftp web ftp ftp"},
		{"not persistent", []Definition{at("ftp", frame.ProtocolTCP, 21, 21, false)}, frame.ProtocolTCP, "- - ftp - - - - - -"},
		{"within a range", []Definition{at("low", frame.ProtocolTCP, 20, 22, true)}, frame.ProtocolTCP, "- low low low - - - - -"},
		{"another protocol", []Definition{ftp, at("tftp", frame.ProtocolUDP, 21, 21, true)}, frame.ProtocolUDP, "- - tftp - - - - - -"},
	} {
		var reg Registry
		table, err := reg.Build(c.definitions, nil, t0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, port := range ports {
			name := "-"
			if s := table.VIP(vip).Service(c.protocol, port); s != nil {
				name = s.Name
			}
			got = append(got, name)
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for protocol, want := range map[uint8][2]uint16{frame.ProtocolTCP: {0, 80}, frame.ProtocolUDP: {21, 80}} {
		if got := [2]uint16{TemplatePort(protocol, 21), TemplatePort(protocol, 80)}; got != want {
			t.Errorf("protocol %d: templates are listed with the ports %v, want %v", protocol, got, want)
		}
	}
}
