package scheduler

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recording is a file of testdata; README.md there says what it holds.
type recording struct {
	Scheduler string
	Scenarios []struct {
		Name  string
		Steps []step
	}
}

type step struct {
	Op    string
	Cmd   string
	Proto string
	CAddr netip.Addr
	CPort uint16
	VAddr netip.Addr
	VPort uint16
	Pkts  []string
	To    *netip.AddrPort
	Dests dests
}

// dests keeps the order of a JSON object, which is the kernel's list order.
type dests []dest

type dest struct {
	addr                     netip.AddrPort
	weight, active, inactive int
}

func (d *dests) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		addr, err := netip.ParseAddrPort(fmt.Sprint(name))
		if err != nil {
			return err
		}
		var n [3]int
		if err := dec.Decode(&n); err != nil {
			return err
		}
		*d = append(*d, dest{addr, n[0], n[1], n[2]})
	}
	return nil
}

// TestReplay plays every recording of the kernel: each new connection must go
// to the server to which the kernel sent it. What of it means something for
// twos, TestTwosReplay holds.
func TestReplay(t *testing.T) {
	for _, rec := range recordings(t) {
		if rec.Scheduler == "twos" {
			continue
		}
		for _, sc := range rec.Scenarios {
			t.Run(rec.Scheduler+"/"+sc.Name, func(t *testing.T) {
				r := replay{t: t}
				for i, st := range sc.Steps {
					r.step(i, st)
				}
				if r.picks == 0 {
					t.Error("the scenario opens no connection")
				}
			})
		}
	}
}

// recordings reads those of testdata: one for each scheduler.
func recordings(t *testing.T) []recording {
	t.Helper()
	var all []recording
	for _, name := range Names() {
		text, err := os.ReadFile("testdata/sched-" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var rec recording
		if err := json.Unmarshal(text, &rec); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, rec)
	}
	return all
}

// replay is the service that a scenario configures.
type replay struct {
	t         *testing.T
	scheduler Scheduler
	servers   []*server // newest first
	picks     int
	// check, if set, takes the place of the comparison of a pick.
	check func(i int, got *Candidate, to *netip.AddrPort)
}

type server struct {
	Candidate
	upper, lower int
}

func (r *replay) step(i int, st step) {
	r.t.Helper()
	switch st.Op {
	case "cfg":
		if fields := strings.Fields(st.Cmd); fields[0] == "ipvsadm" {
			r.configure(fields[1:])
		}
	case "open":
		r.open(i, st)
	}
	r.settle(i, st.Dests)
}

// configure does what ipvsadm would, for the options that the recordings use.
func (r *replay) configure(args []string) {
	r.t.Helper()
	opt := options(args[1:])
	switch args[0] {
	case "-A":
		var flags []string
		if b := opt["-b"]; b != "" {
			flags = strings.Split(b, ",")
		}
		s, err := New(opt["-s"], flags)
		if err != nil {
			r.t.Fatal(err)
		}
		r.scheduler = s
		return
	case "-a":
		s := &server{Candidate: Candidate{ID: uint32(len(r.servers))}}
		addr := r.parse(opt["-r"])
		s.Addr, s.Port = addr.Addr(), addr.Port()
		r.servers = slices.Insert(r.servers, 0, s)
		r.edit(s, opt)
	case "-e":
		r.edit(r.servers[r.index(opt["-r"])], opt)
	case "-d":
		at := r.index(opt["-r"])
		r.servers = slices.Delete(slices.Clone(r.servers), at, at+1)
	default:
		r.t.Fatalf("ipvsadm %s: unknown to the replay", args[0])
	}
	r.scheduler.Update(r.candidates())
}

func (r *replay) candidates() []*Candidate {
	list := make([]*Candidate, len(r.servers))
	for i, s := range r.servers {
		list[i] = &s.Candidate
	}
	return list
}

// at returns the server of an address; the recordings have one on each.
func (r *replay) at(addr netip.Addr) *Candidate {
	r.t.Helper()
	for _, s := range r.servers {
		if s.Addr == addr {
			return &s.Candidate
		}
	}
	r.t.Fatalf("no server %s", addr)
	return nil
}

// options pairs each option with the word after it, if that is its value.
func options(args []string) map[string]string {
	opt := map[string]string{}
	for i, a := range args {
		if i+1 < len(args) && strings.HasPrefix(a, "-") {
			opt[a] = args[i+1]
		}
	}
	return opt
}

func (r *replay) edit(s *server, opt map[string]string) {
	s.SetWeight(r.number(opt["-w"], 1))
	s.upper, s.lower = r.number(opt["-x"], 0), r.number(opt["-y"], 0)
}

func (r *replay) number(text string, missing int) int {
	r.t.Helper()
	if text == "" {
		return missing
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *replay) parse(text string) netip.AddrPort {
	r.t.Helper()
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, 0)
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *replay) index(text string) int {
	r.t.Helper()
	addr := r.parse(text)
	i := slices.IndexFunc(r.servers, func(s *server) bool { return s.Addr == addr.Addr() && s.Port == addr.Port() })
	if i < 0 {
		r.t.Fatalf("no server %s", text)
	}
	return i
}

func (r *replay) open(i int, st step) {
	r.t.Helper()
	first := st.Pkts[0]
	if first != "S" && first != "D" {
		return
	}
	r.picks++
	protocol := uint8(protocolTCP)
	if st.Proto == "udp" {
		protocol = protocolUDP
	}
	got := r.scheduler.Pick(&Flow{Src: st.CAddr, Dst: st.VAddr, SrcPort: st.CPort, DstPort: st.VPort, Protocol: protocol})
	switch {
	case r.check != nil:
		r.check(i, got, st.To)
	case got == nil && st.To == nil:
	case got == nil || st.To == nil:
		r.t.Fatalf("step %d: %s:%d: got %v, the kernel %v", i, st.CAddr, st.CPort, got, st.To)
	case got.Addr != st.To.Addr() || got.Port != 0 && got.Port != st.To.Port():
		r.t.Fatalf("step %d: %s:%d: got %s, the kernel %s", i, st.CAddr, st.CPort, got.Addr, st.To)
	}
}

// settle takes over the counters that the kernel had after the step, and checks
// that list and weights are the kernel's.
func (r *replay) settle(i int, want dests) {
	r.t.Helper()
	if len(want) != len(r.servers) {
		r.t.Fatalf("step %d: %d servers, the kernel has %d", i, len(r.servers), len(want))
	}
	for at, s := range r.servers {
		w := want[at]
		if s.Addr != w.addr.Addr() || s.Port != w.addr.Port() || s.Weight() != w.weight {
			r.t.Fatalf("step %d: server %d is %s weight %d, the kernel's %s weight %d", i, at, s.Addr, s.Weight(), w.addr, w.weight)
		}
		s.AddActive(w.active - s.Active())
		s.AddInactive(w.inactive - s.Inactive())
		s.threshold()
	}
}

// threshold marks the server as the kernel does when its counters change.
func (s *server) threshold() {
	total := s.Active() + s.Inactive()
	switch {
	case s.upper > 0 && total >= s.upper:
		s.SetOverloaded(true)
	case s.lower > 0 && total < s.lower, s.lower == 0 && total*4 < s.upper*3, s.upper == 0:
		s.SetOverloaded(false)
	}
}
