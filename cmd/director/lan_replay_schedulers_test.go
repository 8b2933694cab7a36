package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lvsdr/admin/api"
)

// TestLANReplaySchedulers plays what the recordings of each scheduler open: every
// packet must go where it went with the kernel.
func TestLANReplaySchedulers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../scheduler/testdata/sched-*.json")
	if err != nil || len(files) != 14 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "sched-"), ".json")
		if name == "twos" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSegment(t)
			for _, sc := range readRecording(t, file).Scenarios {
				s.services = markedService(&sc)
				s.WriteConfig(s.text())
				s.Start()
				if d := s.playScheduler(&sc); len(d) > 0 {
					t.Errorf("%s:\n%s", sc.Name, strings.Join(d, "\n"))
				}
				s.Kill()
			}
		})
	}
}

// markedService is what takes the place of iptables -j MARK.
func markedService(sc *scenario) string {
	var addrs []string
	for _, st := range sc.Steps {
		if a := st.VAddr.String(); st.VAddr.IsValid() && st.VAddr != recordedVIP && !slices.Contains(addrs, a+":80") {
			addrs = append(addrs, a+":80")
		}
	}
	if len(addrs) == 0 {
		return ""
	}
	return fmt.Sprintf("services:\n  - {name: marked, mark: 7, address: [%s]}\n", strings.Join(addrs, ", "))
}

func (s *segment) playScheduler(sc *scenario) []string {
	p := &player{segment: s}
	if s.services != "" {
		p.ipvsadm("-C")
	}
	for i := range sc.Steps {
		st := &sc.Steps[i]
		switch st.Op {
		case "cfg":
			if strings.HasPrefix(st.Cmd, "ipvsadm ") {
				p.command(i, st)
			}
		case "open", "send":
			p.open(i, st)
		default:
			s.t.Fatalf("step %d: operation %q", i, st.Op)
		}
		p.compare(i, "servers", st.Dests.only, p.servers())
	}
	return p.differences
}

func (p *player) servers() (lines []string) {
	for _, lines = range p.loads() {
	}
	return lines
}

func (p *player) open(i int, st *recordedStep) {
	from, to := netip.AddrPortFrom(st.CAddr, st.CPort), netip.AddrPortFrom(st.VAddr, st.VPort)
	var delivered, client []string
	for n, flags := range st.Pkts {
		expected := 0
		if st.Delivered[n] != "-" || len(st.ClientGot) > n {
			expected = 1
		}
		where := "-"
		for _, d := range p.send(clientPacket(from, to, flags), expected) {
			switch {
			case d.At == "client" && d.Proto == "icmp":
				client = append(client, fmt.Sprintf("icmp %d/%d", d.Type, d.Code))
			case d.At == "client":
				client = append(client, d.Flags)
			default:
				where = d.At
			}
		}
		delivered = append(delivered, where)
	}
	p.compare(i, "delivered", st.Delivered, delivered)
	if st.ClientGot != nil || st.To != nil {
		p.compare(i, "at the client", st.ClientGot, client)
	}
	var want, got []string
	if st.To != nil {
		want = []string{fmt.Sprint(st.To, " ", *st.State)}
	}
	filter := api.ConnectionFilter{Client: from.String(), VIP: to.String()}
	if err := p.api.Connections(p.t.Context(), filter, func(c api.Connection) error {
		got = append(got, c.Server+" "+c.State)
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	p.compare(i, "entry", want, got)
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
		for i, letter := range "FSRPAUEC" {
			if strings.ContainsRune(flags, letter) {
				bits |= 1 << i
			}
		}
		l4 = append(l4, 0, 0, 3, 0xe8, 0, 0, 0, 0, 5<<4, bits, 0xfa, 0xf0, 0, 0, 0, 0)
	}
	addrs := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	pseudo := append(slices.Clone(addrs), 0, protocol, 0, byte(len(l4)))
	binary.BigEndian.PutUint16(l4[sum:], checksum(append(pseudo, l4...)))
	ip := append([]byte{0x45, 0, 0, byte(ipv4Len + len(l4)), 0, 0, 0, 0, 64, protocol, 0, 0}, addrs...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, l4...)
}
