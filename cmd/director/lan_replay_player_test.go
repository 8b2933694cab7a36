package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/lab"
)

// player plays one scenario on a segment, and notes what differs.
type player struct {
	*segment
	run         func(args ...string) (code int, stdout, stderr string) // ipvsadm
	differences []string

	began time.Time
	slept time.Duration // since then, as recorded
}

// play plays a scenario of behaviour against a director that has just begun.
func (p *player) play(sc *scenario) {
	p.t.Helper()
	packets := 0
	p.began = time.Now()
	for i := range sc.Steps {
		st := &sc.Steps[i]
		switch st.Op {
		case "cmd":
			p.command(i, st)
		case "sysctl":
			p.set(map[string]string{strings.TrimPrefix(st.Key, "net.ipv4.vs."): strconv.Itoa(st.Value)})
			continue
		case "sleep":
			d := time.Duration(st.Seconds * float64(time.Second))
			time.Sleep(d)
			p.slept += d
		case "pkt":
			packets++
			p.packet(i, st)
		default:
			p.t.Fatalf("%s: step %d: operation %q", sc.Name, i, st.Op)
		}
		p.look(i, st)
	}
	p.end(len(sc.Steps), packets)
}

// end looks for frames that came after their step.
func (p *player) end(i, packets int) {
	p.t.Helper()
	if packets > 0 {
		p.waitJudged()
	}
	p.compare(i, "frames that nobody waited for", nil, frameLines(p.take(nil)))
}

func (p *player) compare(i int, what string, want, got []string) {
	if !slices.Equal(want, got) {
		p.differences = append(p.differences, fmt.Sprintf("step %d, %s (-want +got):\n%s", i, what, cmp.Diff(want, got)))
	}
}

func (p *player) packet(i int, st *recordedStep) {
	p.t.Helper()
	packet, err := hex.DecodeString(st.IP)
	if err != nil {
		p.t.Fatal(err)
	}
	var at []string
	for _, f := range st.Got {
		at = append(at, f.At)
	}
	p.compare(i, st.Desc, frameLines(st.Got), frameLines(p.send(packet, at...)))
}

func frameLines(frames []recordedFrame) (lines []string) {
	for _, f := range frames {
		lines = append(lines, f.String())
	}
	return lines
}

// look compares the tables after a step.
func (p *player) look(i int, st *recordedStep) {
	p.t.Helper()
	after := "after " + st.Op + " " + st.Cmd + st.Desc
	if st.Conns != nil {
		p.compare(i, after+": connections", entryLines(*st.Conns, nil, 0), entryLines(p.table(), *st.Conns, p.late()))
	}
	if st.Dests != nil {
		p.compare(i, after+": servers", serverLines(st.Dests), serverLines(p.loads()))
	}
}

// clocks is how many seconds of a connection's time may differ: the recorder's
// steps took their time, and so do these.
const clocks = 2

// late is how many seconds the steps have taken so far: on a machine that is
// busy, far more than the recorder's.
func (p *player) late() int { return int((time.Since(p.began) - p.slept) / time.Second) }

// nearly reports whether the time left is the recorded one, but for the clocks
// and for being late.
func nearly(left, recorded, late int) bool {
	return left <= recorded+clocks && left >= recorded-clocks-late
}

// entryLines are entries of a table in lines, sorted. One that is recorded with
// nearly the same time is that one.
func entryLines(table, recorded []tableEntry, late int) (lines []string) {
	for _, e := range table {
		for _, r := range recorded {
			if left := e.Expires; nearly(left, r.Expires, late) {
				if e.Expires = r.Expires; e == r {
					break
				}
				e.Expires = left
			}
		}
		lines = append(lines, fmt.Sprint(e))
	}
	slices.Sort(lines)
	return lines
}

func serverLines(d destinations) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(d)) {
		lines = append(lines, name+" "+strings.Join(d[name], " "))
	}
	return lines
}

// command does what a command line of the recorder did.
func (p *player) command(i int, st *recordedStep) {
	p.t.Helper()
	words := strings.Fields(st.Cmd)
	switch {
	case st.Cmd == "true": // a look
	case words[0] == "ipvsadm":
		code, out, stderr := p.run(words[1:]...)
		if code != st.RC || code == 0 && stderr != "" {
			p.differences = append(p.differences, fmt.Sprintf("step %d, %s: exit code %d, want %d: %s", i, st.Cmd, code, st.RC, stderr))
		}
		if st.Out != nil {
			p.compare(i, st.Cmd, listing(st.Out, nil, 0), listing(outputLines(out), st.Out, p.late()))
		}
	case strings.HasPrefix(st.Cmd, "ip route add "): // PREFIX dev DEV mtu MTU
		mtu, err := strconv.Atoi(words[7])
		if err != nil {
			p.t.Fatal(err)
		}
		p.Director.AddRoute(lab.Route{Dst: netip.MustParsePrefix(words[3]), Dev: words[5], MTU: mtu})
	case strings.HasPrefix(st.Cmd, "sysctl -a "): // a file may have all that a kernel has
		all := make(map[string]string)
		for _, line := range st.Out {
			name, value, _ := strings.Cut(strings.TrimPrefix(line, "net.ipv4.vs."), " = ")
			all[name] = value
		}
		p.set(all)
	case st.Cmd == "head -2 /proc/net/ip_vs": // with these lines a listing begins
		_, out, _ := p.run("-Ln")
		p.compare(i, st.Cmd, st.Out, outputLines(out)[:2])
	default:
		p.t.Fatalf("step %d: command %q", i, st.Cmd)
	}
}
