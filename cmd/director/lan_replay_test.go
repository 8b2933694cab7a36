package main

import (
	"strings"
	"testing"
	"time"
)

// replayDepartures are the scenarios in which this director does something else,
// and why; docs/ipvs.md tells users. Each must differ, or it does not belong here.
var replayDepartures = map[string]string{
	"fragments/udp-two":        asTheyCome,
	"fragments/udp-first-only": asTheyCome,
	"fragments/tcp-frag":       asTheyCome,
	"icmp/icmp-fragmented":     asTheyCome,
	"fragments/tiny-first":     "a first fragment without the whole TCP header is dropped",
	"icmp/frag-inner":          "a quoted later fragment has no ports; Linux 6.12 does not forward the error either",
}

const asTheyCome = "fragments are forwarded as they come, not put together and cut again"

// longest is how much of a scenario may be waiting; the dataplane's tests play
// the others, with a clock of their own.
const longest = 15 * time.Second

// TestLANReplay plays the recordings of a running IPVS against the program: it is
// driven by ipvsadm alone, the first scenario of each file by processes, and what
// ipvsadm prints, each frame that leaves, each connection and each server's counts
// are those of the kernel.
func TestLANReplay(t *testing.T) {
	t.Parallel()
	newer := make(map[string]scenario)
	for _, sc := range readRecording(t, "../../dataplane/testdata/alt-6.12.json").Scenarios {
		newer[strings.TrimPrefix(sc.File, "behave-")+"/"+sc.Name] = sc
	}
	for _, file := range []string{"tcp-states", "timeouts", "odd-packets", "persistence", "weight0-and-removal", "icmp", "fragments"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := newSegment(t)
			for i, sc := range readRecording(t, "../../dataplane/testdata/behave-"+file+".json").Scenarios {
				name := file + "/" + sc.Name
				if n, ok := newer[name]; ok {
					sc = n
				}
				if sc.sleeps() > longest {
					continue
				}
				s.begin("")
				p := player{segment: s, run: s.ipvsadm}
				if i == 0 {
					p.run = s.ipvsadmProcess
				}
				p.play(&sc)
				s.Kill()
				switch reason, departs := replayDepartures[name]; {
				case departs && len(p.differences) == 0:
					t.Errorf("%s departs (%s), and nothing differs", name, reason)
				case !departs && len(p.differences) > 0:
					t.Errorf("%s:\n%s", name, strings.Join(p.differences, "\n"))
				}
			}
		})
	}
}

// sleeps is how long a scenario waits.
func (sc *scenario) sleeps() (d time.Duration) {
	for _, st := range sc.Steps {
		d += time.Duration(st.Seconds * float64(time.Second))
	}
	return d
}

// TestLANReplayRefusals: what the kernel does and this director does not is
// refused, and changes nothing.
func TestLANReplayRefusals(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	s.begin("")
	const service = "10.99.0.100:80"
	for _, args := range [][]string{{"-A", "-t", service, "-s", "rr"}, {"-a", "-t", service, "-r", "10.99.0.21:80", "-g"}} {
		if code, out, stderr := s.ipvsadmProcess(args...); code != 0 || out+stderr != "" {
			t.Fatalf("%v: exit code %d, %s%s", args, code, out, stderr)
		}
	}
	_, before, _ := s.ipvsadmProcess("-Ln")
	for _, c := range []struct{ args, want string }{
		{"-a -t " + service + " -r 10.99.0.22:80 -m -w 1", "-m: a director for direct routing does not translate addresses"},
		{"-a -t " + service + " -r 10.99.0.22:80 -i -w 1", "-i: a director for direct routing sends packets through no tunnel"},
		{"-e -t " + service + " -r 10.99.0.21:80 -m -w 1", "-m: a director for direct routing does not translate addresses"},
		{"-a -t " + service + " -r 10.99.0.10:80 -g", "10.99.0.10 is an address of this host"},
		{"-A -f 7 -s rr", "7 is the mark of no service in the configuration file"},
	} {
		code, out, stderr := s.ipvsadmProcess(strings.Fields(c.args)...)
		if code == 0 || out != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %s%s; want %q", c.args, code, out, stderr, c.want)
		}
	}
	if _, after, _ := s.ipvsadmProcess("-Ln"); after != before {
		t.Errorf("the refusals have changed\n%sto\n%s", before, after)
	}
}
