package dataplane

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"lvsdr/conntable"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// Departures from the kernel that hold in all recordings: the TTL is decremented
// only with `ttl: decrement`, which is on here, so that what reaches a server can
// be compared byte for byte; of a packet that the director makes, TOS and ID are
// not compared.

// departures are the scenarios in which this director does something else, and
// why. Each must differ, or it does not belong here.
var departures = map[string]string{
	"icmp/icmp-fragmented":     asTheyCome,
	"fragments/udp-two":        asTheyCome,
	"fragments/udp-first-only": asTheyCome,
	"fragments/tcp-frag":       asTheyCome,
	"fragments/tiny-first":     "a first fragment without the whole TCP header is dropped",
	"icmp/frag-inner":          "a quoted later fragment has no ports; Linux 6.12 does not forward the error either",
}

// The server gets the same bytes: TestServersGetEveryByte in package fragment.
const asTheyCome = "fragments are forwarded as they come, not put together and cut again"

type recording struct {
	File      string
	Scenarios []scenario
}

type scenario struct {
	File  string // of an alternative: the file that it belongs to
	Name  string
	Steps []step
}

type step struct {
	Op, Desc, Cmd, IP string
	Key               string // of a sysctl
	Value             int
	Seconds           float64 // of a sleep
	Got               []gotFrame
	Conns             []conn
	Dests             map[string]dests
}

type gotFrame struct {
	At, Src, Dst, Flags string
	Proto               any // a name, or a number
	SPort, DPort        int
	Type, Code          int
	AsSent              bool `json:"as_sent"`
}

type conn struct {
	Proto, Client, Dest, State string
	Expires                    int
}

// dests keeps the order of a JSON object, which is the kernel's list order.
type dests []string

func (d *dests) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var n [3]int
		if err := dec.Decode(&n); err != nil {
			return err
		}
		*d = append(*d, fmt.Sprint(name, n))
	}
	return nil
}

func readRecording(t *testing.T, file string) recording {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

// TestReplay plays the recordings of the kernel: the same servers, states,
// counters and answers, step for step.
func TestReplay(t *testing.T) {
	newer := map[string]scenario{}
	for _, s := range readRecording(t, "alt-6.12").Scenarios {
		newer[strings.TrimPrefix(s.File, "behave-")+"/"+s.Name] = s
	}
	unknown := maps.Clone(departures)
	for _, file := range []string{"tcp-states", "timeouts", "odd-packets", "persistence", "weight0-and-removal", "icmp", "fragments"} {
		for _, s := range readRecording(t, "behave-"+file).Scenarios {
			name := file + "/" + s.Name
			if n, ok := newer[name]; ok {
				s = n
			}
			delete(unknown, name)
			t.Run(name, func(t *testing.T) {
				differences := play(t, s)
				reason, departs := departures[name]
				switch {
				case departs && len(differences) == 0:
					t.Errorf("departs (%s), and nothing differs", reason)
				case departs:
					t.Logf("%s: %s", reason, differences[0])
				case len(differences) > 0:
					t.Error(strings.Join(differences, "\n"))
				}
			})
		}
	}
	for name := range unknown {
		t.Errorf("no scenario %s", name)
	}
}

// player plays one scenario and notes what differs.
type player struct {
	*harness
	definitions      []service.Definition
	tcp, tcpFin, udp time.Duration // of `ipvsadm --set`; 0: the default
	differences      []string
}

// recordedVIP is the VIP of all recordings: the director's host has it whether
// or not a service is on it.
var recordedVIP = frame.AddrFrom4(0x0a630064)

func play(t *testing.T, s scenario) []string {
	kernel := Settings{DecrementTTL: true, ConnReuseMode: ReuseClosed, DropRate: 10}
	p := &player{harness: newHarnessWith(t, setting{Options: Options{Settings: kernel}, owned: []frame.Addr{recordedVIP}})}
	p.plane.SetOwnAddrs([]frame.Addr{frame.AddrFrom4(0x0a63000a)})
	packets := 0
	for i, st := range s.Steps {
		switch st.Op {
		case "cmd":
			p.configure(strings.Fields(st.Cmd))
		case "pkt":
			packets++
			p.compare(i, st.Desc, gotStrings(st.Got), p.send(st.IP))
		case "sysctl":
			p.set(st.Key, st.Value)
			continue
		case "sleep":
			p.advance(time.Duration(st.Seconds * float64(time.Second)))
		default:
			t.Fatalf("step %d: operation %q", i, st.Op)
		}
		p.compare(i, st.Op+st.Desc+" connections", connStrings(st.Conns), p.connections(st.Conns))
		p.compare(i, st.Op+st.Desc+" servers", destStrings(st.Dests), p.servers())
	}
	if packets == 0 && len(s.Steps) > 3 {
		t.Error("no packets")
	}
	return p.differences
}

func (p *player) compare(i int, what string, want, got []string) {
	if !slices.Equal(want, got) {
		p.differences = append(p.differences, fmt.Sprintf("step %d, %s:\n  got  %q\n  want %q", i, what, got, want))
	}
}

// set changes a setting by its name in the kernel.
func (p *player) set(key string, value int) {
	s := *p.plane.settings.Load()
	switch strings.TrimPrefix(key, "net.ipv4.vs.") {
	case "sloppy_tcp":
		s.SloppyTCP = value != 0
	case "conn_reuse_mode":
		s.ConnReuseMode = value
	case "expire_nodest_conn":
		s.ExpireNodestConn = value != 0
	case "expire_quiescent_template":
		s.ExpireQuiescentTemplate = value != 0
	case "schedule_icmp":
		s.ScheduleICMP = value != 0
	default:
		p.Fatalf("setting %q", key)
	}
	p.plane.SetSettings(s)
}

// configure does what an ipvsadm command says.
func (p *player) configure(args []string) {
	if args[0] == "ip" { // route add ... mtu N
		mtu, err := strconv.Atoi(args[len(args)-1])
		if err != nil {
			p.Fatal(err)
		}
		p.worker.ports.EgressMTU = mtu
		return
	}
	if args[0] != "ipvsadm" || strings.HasPrefix(args[1], "-L") || args[1] == "--version" {
		return
	}
	if args[1] == "--set" {
		for i, at := range []*time.Duration{&p.tcp, &p.tcpFin, &p.udp} {
			if n, err := strconv.Atoi(args[2+i]); err != nil {
				p.Fatal(err)
			} else if n > 0 {
				*at = time.Duration(n) * time.Second
			}
		}
		return
	}
	option := map[string]string{}
	for i := 2; i < len(args); i++ {
		switch args[i] {
		case "-g":
		case "-o":
			option["-o"] = "yes"
		default:
			option[args[i]] = args[i+1]
			i++
		}
	}
	d := define()
	d.Name, d.Reject, d.Scheduler = "-t "+option["-t"], service.RejectICMP, option["-s"]
	d.OnePacket, d.Timeouts = option["-o"] != "", conntable.NewTimeouts(p.tcp, p.tcpFin, p.udp)
	if text := option["-p"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			p.Fatal(err)
		}
		d.Persistence.Timeout = time.Duration(n) * time.Second
		d.Timeouts.Persist(d.Persistence.Timeout)
	}
	vip := option["-t"]
	if vip == "" {
		vip = option["-u"]
		d.Name, d.Protocol = "-u "+vip, frame.ProtocolUDP
	}
	addr := netip.MustParseAddrPort(vip)
	d.Ranges = []service.Range{{VIP: frame.AddrFrom(addr.Addr()), First: addr.Port(), Last: addr.Port()}}
	i := slices.IndexFunc(p.definitions, func(e service.Definition) bool { return e.Name == d.Name })
	switch args[1] {
	case "-A":
		p.definitions = append(p.definitions, d)
	case "-E":
		p.definitions[i].Scheduler = d.Scheduler
	case "-D":
		p.definitions = slices.Delete(p.definitions, i, i+1)
	case "-a", "-e", "-d":
		p.configureServer(&p.definitions[i], args[1], option)
	default:
		p.Fatalf("command %q", args)
	}
	p.use(p.definitions...)
}

func (p *player) configureServer(d *service.Definition, op string, option map[string]string) {
	addr, weight := netip.MustParseAddrPort(option["-r"]), 1
	if w, ok := option["-w"]; ok {
		if _, err := fmt.Sscan(w, &weight); err != nil {
			p.Fatal(err)
		}
	}
	sd := service.ServerDefinition{Addr: frame.AddrFrom(addr.Addr()), Port: addr.Port(), HashPort: addr.Port(), Weight: weight}
	if sd.Port != d.Ranges[0].First {
		sd.Port, sd.HashPort = d.Ranges[0].First, d.Ranges[0].First // as the kernel does for DR
	}
	i := slices.IndexFunc(d.Servers, func(e service.ServerDefinition) bool { return e.Addr == sd.Addr })
	d.Servers = slices.Clone(d.Servers) // the table has the old ones
	switch op {
	case "-a":
		d.Servers = append(d.Servers, sd)
	case "-e":
		d.Servers[i].Weight = weight
	case "-d":
		d.Servers = slices.Delete(d.Servers, i, i+1)
	}
}

// send injects a packet and describes what came out.
func (p *player) send(packet string) (got []string) {
	ip, err := hex.DecodeString(packet)
	if err != nil {
		p.Fatal(err)
	}
	sent := p.inject(memlink.Packet{Data: ether(ip)})
	frame.IPv4(ip).DecrementTTL()
	for _, out := range sent {
		dst := frame.Ethernet(out.Data).Dst()
		if dst != clientMAC {
			got = append(got, fmt.Sprintf("rs%d as sent %v", int(dst[5])-20, bytes.Equal(out.Data[14:], ip)))
			continue
		}
		got = append(got, answer(p, out))
	}
	return got
}

// answer describes a packet that came back to the client.
func answer(p *player, out memlink.Packet) string {
	g := decode(p, out)
	flow := g.NetworkLayer().NetworkFlow()
	if m, ok := g.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		return fmt.Sprintf("%v > %v icmp %d/%d", flow.Src(), flow.Dst(), m.TypeCode.Type(), m.TypeCode.Code())
	}
	l := g.Layer(layers.LayerTypeTCP).(*layers.TCP)
	return fmt.Sprintf("%v:%d > %v:%d %s", flow.Src(), l.SrcPort, flow.Dst(), l.DstPort, flagLetters(l))
}

func flagLetters(l *layers.TCP) (s string) {
	for _, f := range []struct {
		letter string
		set    bool
	}{{"F", l.FIN}, {"S", l.SYN}, {"R", l.RST}, {"P", l.PSH}, {"A", l.ACK}} {
		if f.set {
			s += f.letter
		}
	}
	return s
}

func gotStrings(frames []gotFrame) (s []string) {
	for _, g := range frames {
		switch {
		case g.At != "client":
			s = append(s, fmt.Sprintf("%s as sent %v", g.At, g.AsSent))
		case g.Proto == "icmp":
			s = append(s, fmt.Sprintf("%s > %s icmp %d/%d", g.Src, g.Dst, g.Type, g.Code))
		default:
			s = append(s, fmt.Sprintf("%s:%d > %s:%d %s", g.Src, g.SPort, g.Dst, g.DPort, g.Flags))
		}
	}
	return s
}

// connections describes the table. The recorder's clock ran on between steps:
// what is at most 2 s less in the recording is the same.
func (p *player) connections(recorded []conn) (s []string) {
	p.plane.conns.Each(func(c conntable.Connection) bool {
		from := netip.AddrPortFrom(c.Key.Client().Netip(), c.Key.ClientPort()).String()
		left := int(c.Remaining(p.plane.conns.Now()).Seconds())
		to := netip.AddrPortFrom(p.table.Server(c.Server).Addr, c.Key.Port())
		i := slices.IndexFunc(recorded, func(r conn) bool {
			return r.Client == from && r.Dest == to.String() && r.Expires <= left && r.Expires >= left-2
		})
		if i >= 0 {
			left = recorded[i].Expires
		}
		s = append(s, connString(conn{frame.ProtocolName(c.Key.Protocol()), from, to.String(), c.State.String(), left}))
		return true
	})
	slices.Sort(s)
	return s
}

func connString(c conn) string {
	return fmt.Sprintf("%s %s to %s %s %d s", strings.ToUpper(c.Proto), c.Client, c.Dest, c.State, c.Expires)
}

func connStrings(conns []conn) (s []string) {
	for _, c := range conns {
		s = append(s, connString(c))
	}
	slices.Sort(s)
	return s
}

// servers describes the servers of each service, newest first.
func (p *player) servers() (s []string) {
	for _, svc := range p.table.Services() {
		line := strings.ToUpper(frame.ProtocolName(svc.Protocol)) + fmt.Sprintf(":%04X", svc.Ranges[0].First)
		for _, rs := range slices.Backward(svc.Servers) {
			line += fmt.Sprintf(" %v:%d%v", rs.Addr, rs.Port, [3]int{rs.Weight(), rs.Active(), rs.Inactive()})
		}
		s = append(s, line)
	}
	slices.Sort(s)
	return s
}

func destStrings(services map[string]dests) (s []string) {
	for name, d := range services {
		protocol, _, _ := strings.Cut(name, " ")
		s = append(s, strings.Join(append([]string{protocol + name[strings.LastIndex(name, ":"):]}, d...), " "))
	}
	slices.Sort(s)
	return s
}
