package conntable

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

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

// TestSCTPAssociation walks an association as the client's side shows it (RFC
// 9260, figure 3), and the ways in which it ends.
func TestSCTPAssociation(t *testing.T) {
	const (
		data, initiate, abort, shutdown, shutdownAck, cookieEcho, shutdownComplete = 0, 1, 6, 7, 8, 10, 14
	)
	type step struct {
		chunk uint8
		want  State
		lives time.Duration
	}
	setUp := []step{{initiate, StateSCTPInit1, 4 * time.Second}, {cookieEcho, StateSCTPEstablished, 15 * time.Minute}, {data, StateSCTPEstablished, 15 * time.Minute}}
	for name, steps := range map[string][]step{
		"client ends":   append(setUp[:3:3], step{shutdown, StateSCTPShutdownReceived, 61 * time.Second}, step{shutdownComplete, StateSCTPClosed, 61 * time.Second}),
		"server ends":   append(setUp[:3:3], step{shutdownAck, StateSCTPClosed, 61 * time.Second}),
		"abort":         append(setUp[:3:3], step{abort, StateSCTPClosed, 61 * time.Second}),
		"INIT again":    {{initiate, StateSCTPInit1, 4 * time.Second}, {initiate, StateSCTPInit, 61 * time.Second}},
		"unknown chunk": append(setUp[:3:3], step{0xc1, StateSCTPEstablished, 15 * time.Minute}),
	} {
		s := StateNone
		for i, step := range steps {
			s = s.Next(SCTPEvent(step.chunk, true))
			if s != step.want || ipvs[s] != Ticks(step.lives) {
				t.Errorf("%s, chunk %d: %v for %d ticks, want %v for %v", name, i, s, ipvs[s], step.want, step.lives)
			}
			if s.Active() != (s == StateSCTPEstablished) {
				t.Errorf("%s: active %v", s, s.Active())
			}
		}
	}
	if s := StateSCTPInit.Next(SCTPEvent(0, false)); s != StateSCTPInit {
		t.Errorf("a packet without a chunk leads to %v", s)
	}
}

// TestSecureTCP: a SYN leads to SYNACK, from where a RST ends the connection.
func TestSecureTCP(t *testing.T) {
	s := StateNone.Next(EventSyn.Secure())
	if s != StateSynAck || s.Next(EventRst) != StateClose || s.Next(EventAck) != StateEstablished {
		t.Errorf("%v, then %v or %v", s, s.Next(EventRst), s.Next(EventAck))
	}
	if got := StateSynRecv.Next(EventSyn.Secure()); got != StateSynRecv {
		t.Errorf("a connection that began before goes to %v", got)
	}
	if EventFin.Secure() != EventFin {
		t.Error("only a SYN is another event")
	}
}
