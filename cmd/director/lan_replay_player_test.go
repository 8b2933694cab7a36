package main

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lvsdr/lab"
)

// player plays one scenario on a segment and notes what differs.
type player struct {
	*segment
	process     bool // ipvsadm is a process
	differences []string
}

// play plays the scenario on a director that has just started.
func (s *segment) play(sc *scenario, process bool) []string {
	s.t.Helper()
	p := &player{segment: s, process: process}
	for i := range sc.Steps {
		p.step(i, &sc.Steps[i])
	}
	p.compare(len(sc.Steps), "frames that came too late", nil, describeAll(p.take(nil)))
	return p.differences
}

func (p *player) compare(i int, what string, want, got []string) {
	if !slices.Equal(want, got) {
		p.differences = append(p.differences, fmt.Sprintf("step %d, %s:\n  got  %q\n  want %q", i, what, got, want))
	}
}

func (p *player) step(i int, st *recordedStep) {
	p.t.Helper()
	switch st.Op {
	case "cmd", "cfg":
		p.command(i, st)
	case "sysctl":
		p.set(fmt.Sprintf("%s: %d", strings.TrimPrefix(st.Key, "net.ipv4.vs."), st.Value))
		return
	case "sleep":
		time.Sleep(time.Duration(st.Seconds * float64(time.Second)))
	case "pkt":
		p.compare(i, st.Desc, describeAll(st.Got), describeAll(p.send(unhex(p.t, st.IP), len(st.Got))))
	default:
		p.t.Fatalf("step %d: operation %q", i, st.Op)
	}
	if st.Conns != nil {
		p.compare(i, st.Op+" "+st.Cmd+st.Desc+", connections", entries(*st.Conns, nil), entries(p.table(), *st.Conns))
	}
	if st.Dests.known {
		p.compare(i, st.Op+" "+st.Cmd+st.Desc+", servers", serverLines(st.Dests.services), serverLines(p.loads()))
	}
}

func describeAll(frames []decoded) (lines []string) {
	for _, d := range frames {
		lines = append(lines, d.describe())
	}
	return lines
}

// clocks is how many seconds what is left of a connection's time may differ: the
// recorder's steps took their time, and so do these.
const clocks = 2

// entries are entries of a connection table, sorted. What is nearly the same time as
// in a recorded entry is the same.
func entries(table, recorded []entry) (lines []string) {
	for _, e := range table {
		i := slices.IndexFunc(recorded, func(r entry) bool {
			return r.Proto == e.Proto && r.Client == e.Client && r.Virtual == e.Virtual &&
				r.Dest == e.Dest && r.State == e.State && max(r.Expires-e.Expires, e.Expires-r.Expires) <= clocks
		})
		if i >= 0 {
			e.Expires = recorded[i].Expires
		}
		lines = append(lines, fmt.Sprint(e))
	}
	slices.Sort(lines)
	return lines
}

func serverLines(services map[string][]string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(services)) {
		lines = append(lines, name+" "+strings.Join(services[name], " "))
	}
	return lines
}

// command does what a command line of the recorder did.
func (p *player) command(i int, st *recordedStep) {
	p.t.Helper()
	args := strings.Fields(st.Cmd)
	switch {
	case args[0] == "true":
	case args[0] == "ipvsadm":
		run := p.ipvsadm
		if p.process {
			run = p.ipvsadmProcess
		}
		code, out, stderr := run(args[1:]...)
		if code != st.RC || code == 0 && stderr != "" {
			p.differences = append(p.differences, fmt.Sprintf("step %d, %s: exit code %d, recorded %d: %s", i, st.Cmd, code, st.RC, stderr))
		}
		if st.Out != nil {
			p.compare(i, st.Cmd, listing(st.Out, nil), listing(strings.Split(strings.TrimRight(out, " \n"), "\n"), st.Out))
		}
	case strings.HasPrefix(st.Cmd, "ip route add "):
		p.route(args[3:])
	case strings.HasPrefix(st.Cmd, "sysctl -a"):
		p.set(sysctls(st.Out)...)
	case strings.HasPrefix(st.Cmd, "head -2 /proc/net/ip_vs"): // ipvsadm -Ln begins with these lines
		_, out, _ := p.ipvsadm("-Ln")
		p.compare(i, st.Cmd, st.Out, strings.Split(out, "\n")[:2])
	default:
		p.t.Fatalf("step %d: command %q", i, st.Cmd)
	}
}

// route adds a route of the director's host: PREFIX dev DEV mtu MTU.
func (p *player) route(args []string) {
	p.t.Helper()
	mtu, err := strconv.Atoi(args[4])
	if err != nil {
		p.t.Fatal(err)
	}
	p.Director.AddRoute(lab.Route{Dst: netip.MustParsePrefix(args[0]), Dev: args[2], MTU: mtu})
}

// sysctls are all settings of a kernel as lines of ipvs:.
func sysctls(out []string) (lines []string) {
	for _, line := range out {
		name, value, _ := strings.Cut(line, " = ")
		lines = append(lines, fmt.Sprintf("%s: %s", strings.TrimPrefix(name, "net.ipv4.vs."), value))
	}
	return lines
}

// left is what is left of a connection's time in a listing.
var left = regexp.MustCompile(`^\S+ +(\d\d):(\d\d) `)

// listing is what ipvsadm printed: connections in some order, and a time that is nearly
// the same as in a recorded line is the same.
func listing(lines, recorded []string) []string {
	if len(lines) == 0 || lines[0] != "IPVS connection entries" {
		return lines
	}
	lines = slices.Clone(lines)
	for i, line := range lines {
		for _, r := range recorded {
			if a, b := seconds(line), seconds(r); a >= 0 && b >= 0 && max(a-b, b-a) <= clocks && left.ReplaceAllString(line, "") == left.ReplaceAllString(r, "") {
				lines[i] = r
			}
		}
	}
	slices.Sort(lines[2:])
	return lines
}

func seconds(line string) int {
	m := left.FindStringSubmatch(line)
	if m == nil {
		return -1
	}
	minutes, _ := strconv.Atoi(m[1])
	rest, _ := strconv.Atoi(m[2])
	return minutes*60 + rest
}
