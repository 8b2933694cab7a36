package main

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLANReplaySchedulers plays what the recordings of each scheduler open: each
// packet goes where the kernel sent it, with flags and thresholds, with weights
// that change, by a firewall mark. One director plays all scenarios of a scheduler.
func TestLANReplaySchedulers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../scheduler/testdata/sched-*.json")
	if err != nil || len(files) != 14 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		r := readRecording(t, file)
		if r.Scheduler == "twos" { // which throws dice
			continue
		}
		t.Run(r.Scheduler, func(t *testing.T) {
			t.Parallel()
			s := newSegment(t)
			s.begin("")
			for i := range r.Scenarios {
				sc := &r.Scenarios[i]
				s.clear(markOf(sc))
				p := player{segment: s, run: s.ipvsadm}
				p.playScheduler(sc)
				if len(p.differences) > 0 {
					t.Errorf("%s:\n%s", sc.Name, strings.Join(p.differences, "\n"))
				}
			}
		})
	}
}

// clear makes the director what it is at its start, without connections.
func (s *segment) clear(extra string) {
	s.t.Helper()
	s.set(map[string]string{"expire_nodest_conn": "1"})
	if code, _, stderr := s.ipvsadm("-C"); code != 0 {
		s.t.Fatal(stderr)
	}
	s.extra = extra
	s.set(map[string]string{"expire_nodest_conn": "0"})
}

// markOf are the lines of director.yaml that stand for iptables -j MARK.
func markOf(sc *scenario) string {
	var addresses []string
	for _, st := range sc.Steps {
		if st.VAddr.IsValid() && st.VAddr != recordedVIP {
			addresses = append(addresses, netip.AddrPortFrom(st.VAddr, st.VPort).String())
		}
	}
	if len(addresses) == 0 {
		return ""
	}
	slices.Sort(addresses)
	return fmt.Sprintf("services: [{mark: 7, address: [%s]}]\n", strings.Join(slices.Compact(addresses), ", "))
}

func (p *player) playScheduler(sc *scenario) {
	p.t.Helper()
	opened := make(map[string]string) // by client and VIP
	for i := range sc.Steps {
		st := &sc.Steps[i]
		switch st.Op {
		case "cfg":
			if strings.HasPrefix(st.Cmd, "ipvsadm ") { // the rest stands in director.yaml
				p.command(i, st)
			}
		case "open", "send":
			p.open(i, st)
			if st.To != nil {
				opened[fmt.Sprint(st.from(), st.to())] = fmt.Sprint(st.To, " ", st.State)
			}
		default:
			p.t.Fatalf("%s: step %d: operation %q", sc.Name, i, st.Op)
		}
		p.compare(i, "servers", st.Dests[""], p.onlyService())
	}
	table := make(map[string]string)
	for _, e := range p.table() {
		table[e.Client+" "+e.Virtual] = e.Dest + " " + e.State
	}
	p.compare(len(sc.Steps), "connections", pairs(opened), pairs(table))
	p.end(len(sc.Steps), len(opened))
}

func (st *recordedStep) from() netip.AddrPort { return netip.AddrPortFrom(st.CAddr, st.CPort) }
func (st *recordedStep) to() netip.AddrPort   { return netip.AddrPortFrom(st.VAddr, st.VPort) }

// open sends packets of one connection, one after the other.
func (p *player) open(i int, st *recordedStep) {
	p.t.Helper()
	var delivered, answers []string
	for n, flags := range st.Pkts {
		var expected []string
		switch {
		case st.Delivered[n] != "-":
			expected = []string{st.Delivered[n]}
		case n < len(st.ClientGot):
			expected = []string{"client"}
		}
		at := "-"
		for _, f := range p.send(clientPacket(st.from(), st.to(), flags), expected...) {
			switch {
			case f.At != "client":
				at = f.At
			case f.Proto == "icmp":
				answers = append(answers, fmt.Sprintf("icmp %d/%d", f.Type, f.Code))
			default:
				answers = append(answers, f.Flags)
			}
		}
		delivered = append(delivered, at)
	}
	p.compare(i, fmt.Sprintf("%v delivered", st.from()), st.Delivered, delivered)
	// The recorder had no way back to a neighbour, nor for what had a mark.
	if st.ClientGot != nil || st.To != nil {
		p.compare(i, fmt.Sprintf("%v answered", st.from()), st.ClientGot, answers)
	}
}

// onlyService are the servers of the one service.
func (p *player) onlyService() (servers []string) {
	p.t.Helper()
	for _, s := range p.loads() {
		servers = append(servers, s...)
	}
	return servers
}

func pairs(m map[string]string) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, key+": "+m[key])
	}
	return lines
}

// clientPacket is a TCP segment with those flags, or a datagram (D).
func clientPacket(from, to netip.AddrPort, flags string) []byte {
	l4 := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from.Port()), to.Port())
	protocol, sum := byte(6), 16
	if flags == "D" {
		protocol, sum = 17, 6
		l4 = append(l4, 0, 9, 0, 0, 'x')
	} else {
		var bits byte
		for i, letter := range tcpFlagLetters {
			if strings.ContainsRune(flags, letter) {
				bits |= 1 << i
			}
		}
		l4 = append(l4, 0, 0, 3, 0xe8, 0, 0, 0, 0, 5<<4, bits, 0xfa, 0xf0, 0, 0, 0, 0)
	}
	binary.BigEndian.PutUint16(l4[sum:], transportChecksum(from.Addr(), to.Addr(), protocol, l4))
	ip := []byte{0x45, 0, 0, byte(ipv4Len + len(l4)), 0, 0, 0, 0, 64, protocol, 0, 0}
	ip = slices.Concat(ip, from.Addr().AsSlice(), to.Addr().AsSlice())
	binary.BigEndian.PutUint16(ip[10:], internetChecksum(ip))
	return append(ip, l4...)
}
