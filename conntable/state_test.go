package conntable

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"lvsdr/frame"
)

// testdata/states.json is what a running IPVS (Linux 6.1) showed after each of
// a connection's segments: flags, then state and expiry in seconds.
func TestStatesAsRecorded(t *testing.T) {
	data, err := os.ReadFile("testdata/states.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []struct {
		Segments []struct {
			Flags, State string
			Expires      int
		}
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded) < 10 {
		t.Fatalf("only %d recordings", len(recorded))
	}
	for _, r := range recorded {
		s, path := StateNone, ""
		for _, seg := range r.Segments {
			path += " " + seg.Flags
			s = s.Next(TCPEvent(tcpFlags(seg.Flags)))
			if s.String() != seg.State {
				t.Errorf("%s: state %v, the kernel's is %s", path, s, seg.State)
			}
			if got := int(ipvs[s]) / int(Ticks(1e9)); got != seg.Expires && got != seg.Expires+1 {
				t.Errorf("%s: lives %d s, the kernel's %d s", path, got, seg.Expires)
			}
		}
	}
}

func tcpFlags(s string) (flags uint8) {
	for letter, bit := range map[string]uint8{
		"F": frame.TCPFin, "S": frame.TCPSyn, "R": frame.TCPRst, "P": frame.TCPPsh, "A": frame.TCPAck,
	} {
		if strings.Contains(s, letter) {
			flags |= bit
		}
	}
	return flags
}
