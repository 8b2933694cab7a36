package ipvsadm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lvsdr/admin/api"
)

// recorded is a command line and what ipvsadm 1.31 made of it: testdata/README
// says how it was recorded.
type recorded struct {
	Args   []string          `json:"args"`
	Stdin  string            `json:"stdin"`
	Out    []string          `json:"out"`
	Err    []string          `json:"err"`
	Code   int               `json:"rc"`
	Kernel []string          `json:"kernel"` // what the kernel was told
	Env    map[string]string `json:"env"`    // IPVS_ERR: what it answered
}

func (r *recorded) String() string { return fmt.Sprintf("%q %q", r.Args, r.Stdin) }

func readRecorded(t *testing.T, name string) (all []recorded) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d lines, %v", name, len(all), err)
	}
	return all
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fakeDirector answers with what a test gave it, and keeps what it was asked
// for.
type fakeDirector struct {
	status      api.Status
	connections []api.Connection
	refuse      func(*api.Change) *api.Error // nil: nothing is refused
	err         error                        // of every request

	made     api.Changes
	requests int
}

func (f *fakeDirector) Status(context.Context) (*api.Status, error) { return &f.status, f.err }

func (f *fakeDirector) Change(_ context.Context, changes api.Changes) (api.Changed, error) {
	f.requests++
	if f.err != nil {
		return api.Changed{}, f.err
	}
	for i, c := range changes {
		if f.refuse != nil {
			if e := f.refuse(&c); e != nil {
				e.Applied = i
				return api.Changed{}, fmt.Errorf("ask the director: %w", e)
			}
		}
		f.made = append(f.made, c)
	}
	return api.Changed{Applied: len(changes)}, nil
}

func (f *fakeDirector) Connections(_ context.Context, _ api.ConnectionFilter, fn func(api.Connection) error) error {
	if f.err != nil {
		return f.err
	}
	for _, c := range f.connections {
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

// fixedNames are those that the recordings were made with.
type fixedNames struct{ *services }

var hostsOfTests = map[string]string{
	"10.99.0.100":                            "vip.example.org",
	"10.99.0.102":                            "a-very-long-name-of-a-virtual-service.example.org",
	"10.99.0.22":                             "server-two.some.long.domain.example.org",
	"10.99.0.3":                              "s3",
	"2001:db8::100":                          "vip6.example.org",
	"2001:db8::22":                           "six.of.one.with.a.long.name.example.org",
	"2001:db8:1111:2222:3333:4444:5555:6666": "also-a-very-long-name-of-a-client-indeed.of.sixty.chars.or.more.example.org",
}

const servicesOfTests = `# as in Debian's netbase
domain		53/tcp				# Domain Name Server
domain		53/udp
http		80/tcp		www		# WorldWideWeb HTTP
https		443/tcp
https		443/udp
http-alt	8080/tcp	webcache
amqp		5672/sctp
`

func testNames() Names { return fixedNames{readServices(strings.NewReader(servicesOfTests))} }

func (fixedNames) Host(addr netip.Addr) string { return hostsOfTests[addr.String()] }

func (fixedNames) Address(host string, v6 bool) (netip.Addr, bool) {
	for address, name := range hostsOfTests {
		if a := netip.MustParseAddr(address); name == host && a.Is6() == v6 {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (n fixedNames) Port(name, protocol string) (uint16, bool)   { return n.port(name, protocol) }
func (n fixedNames) Service(port uint16, protocol string) string { return n.name(port, protocol) }

// run runs a command line.
func run(d *fakeDirector, stdin string, args ...string) (code int, out, err string) {
	var stdout, stderr bytes.Buffer
	c := Command{Director: d, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, Names: testNames()}
	code = c.Run(context.Background(), args)
	return code, stdout.String(), stderr.String()
}

// told are the changes that were made, as the kernel would have been told.
func (f *fakeDirector) told() (all []string) {
	for i := range f.made {
		all = append(all, asKernel(&f.made[i]))
	}
	return all
}

// asKernel writes a change as the recordings have what the kernel is told.
func asKernel(c *api.Change) string {
	const timeouts = "SET_TIMEOUT %d %d %d"
	names := map[api.Op]string{
		api.AddService: "NEW_SERVICE", api.EditService: "SET_SERVICE", api.DeleteService: "DEL_SERVICE",
		api.AddServer: "NEW_DEST", api.EditServer: "SET_DEST", api.DeleteServer: "DEL_DEST",
		api.Clear: "FLUSH", api.ZeroCounters: "ZERO",
	}
	if c.Op == api.SetTimeouts {
		return fmt.Sprintf(timeouts, c.Timeouts.TCP, c.Timeouts.TCPFin, c.Timeouts.UDP)
	}
	text := names[c.Op]
	if c.Service != nil {
		text += " svc" + serviceAsKernel(c.Service)
	}
	if d := c.Server; d != nil {
		a := netip.MustParseAddrPort(d.Address)
		weight := d.Weight
		if c.Op == api.DeleteServer {
			weight = 1 // what ipvsadm tells of a server that it deletes
		}
		text += fmt.Sprintf(" dst af=%s addr=%s port=%d fwd=3 weight=%d u=%d l=%d",
			family(a.Addr()), a.Addr(), a.Port(), weight, d.Upper, d.Lower)
	}
	return text
}

func serviceAsKernel(v *api.VirtualService) (text string) {
	ipv6 := false
	if v.Mark != 0 {
		text = fmt.Sprintf(" af=4 mark=%d", v.Mark)
	} else {
		a := netip.MustParseAddrPort(v.Address)
		ipv6 = a.Addr().Is6()
		text = fmt.Sprintf(" af=%s proto=%d addr=%s port=%d", family(a.Addr()), protocolNumber[v.Protocol], a.Addr(), a.Port())
	}
	flags := 0
	if v.Persistence != 0 {
		flags |= 1
	}
	if v.OnePacket {
		flags |= 4
	}
	for _, name := range v.Flags {
		flags |= 8 << max(slices.Index(flagNames[v.Scheduler], name), 0)
	}
	mask := netmask{bits: v.Prefix, mask: ^uint32(0)}
	if v.Prefix == 0 {
		mask.bits = 128
	} else if !ipv6 {
		mask.mask <<= 32 - v.Prefix
	}
	bits := mask.mask
	if ipv6 {
		bits = uint32(mask.bits)
	}
	return text + fmt.Sprintf(" sched=%s flags=%x timeout=%d mask=%x", v.Scheduler, flags, v.Persistence, bits)
}

func family(a netip.Addr) string {
	if a.Is6() {
		return "6"
	}
	return "4"
}
