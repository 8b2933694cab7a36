package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLANReplayTwos plays the recordings of twos, which throws dice: it refuses
// whom the kernel refused, all others reach a server that may have them, all of a
// connection the same one, and every server has its share.
func TestLANReplayTwos(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	s.begin("")
	for _, sc := range readRecording(t, "../../scheduler/testdata/sched-twos.json").Scenarios {
		s.clear(markOf(&sc))
		p := player{segment: s, run: s.ipvsadm}
		want, got := p.playTwos(&sc)
		if want != got {
			p.differences = append(p.differences, fmt.Sprintf("%d packets were delivered, want %d", got, want))
		}
		if len(p.differences) > 0 {
			t.Errorf("%s:\n%s", sc.Name, strings.Join(p.differences, "\n"))
		}
	}
}

// playTwos returns how many packets servers have got, and how many they should.
func (p *player) playTwos(sc *scenario) (want, got int) {
	p.t.Helper()
	for i := range sc.Steps {
		st := &sc.Steps[i]
		if st.Op == "cfg" {
			if strings.HasPrefix(st.Cmd, "ipvsadm ") {
				p.command(i, st)
			}
			continue
		}
		for n, flags := range st.Pkts {
			for _, f := range p.send(clientPacket(st.from(), st.to(), flags)) {
				got += delivered(f)
			}
			if st.Delivered[n] != "-" {
				want++
			}
		}
		p.compare(i, "connections", sums(p.t, st.Dests[""]), sums(p.t, p.onlyService()))
	}
	for _, line := range p.onlyService() {
		if _, n := readLoad(p.t, line); want > 36 && (n[0] > 0) != (n[1]+n[2] > 0) {
			p.differences = append(p.differences, "a server has no share: "+line)
		}
	}
	for deadline := time.Now().Add(arriving); got < want && time.Now().Before(deadline); {
		for _, f := range p.take(nil) {
			got += delivered(f)
		}
	}
	return want, got
}

func delivered(f recordedFrame) int {
	if f.At == "client" {
		return 0
	}
	return 1
}

// readLoad reads a server of destinations: its address, and weight, active and
// inactive connections.
func readLoad(t testing.TB, line string) (address string, n [3]int) {
	t.Helper()
	address, numbers, _ := strings.Cut(line, "[")
	if _, err := fmt.Sscanf(numbers, "%d %d %d]", &n[0], &n[1], &n[2]); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return address, n
}

// sums are servers with their weights, and what they have together.
func sums(t testing.TB, servers []string) (lines []string) {
	t.Helper()
	active, inactive := 0, 0
	for _, line := range servers {
		address, n := readLoad(t, line)
		lines = append(lines, fmt.Sprintf("%s weight %d", address, n[0]))
		active, inactive = active+n[1], inactive+n[2]
	}
	return append(lines, fmt.Sprintf("%d active, %d inactive", active, inactive))
}
