package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// conns are a connection of each kind.
var conns = []api.Connection{
	{Service: "web", Protocol: "tcp", Client: "192.0.2.33:40000", VIP: "10.99.0.100:80", Server: "10.99.0.22:80", State: "ESTABLISHED", Expires: 899},
	{Service: "web", Protocol: "tcp", Client: "198.51.100.7:40000", VIP: "10.99.0.100:8080", Server: "10.99.0.21:8080", State: "SYN_RECV", Expires: 59},
	{Service: "dns", Protocol: "udp", Client: "192.0.2.33:40000", VIP: "10.99.0.100:80", Server: "10.99.0.22:80", State: "UDP", Expires: 299},
	{Service: "web", Protocol: "tcp", Client: "192.0.2.33:0", VIP: "10.99.0.100:80", Server: "10.99.0.22:80", State: "ASSURED", Expires: 59, Template: true},
	{Service: "all", Protocol: "tcp", Client: "192.0.2.33:0", Server: "10.99.0.22:0", State: "NONE", Expires: 6000, Template: true, Mark: 7},
	{Service: "web6", Protocol: "tcp", Client: "[2001:db8:1234:5678::1]:40000", VIP: "[2001:db8::10]:80", Server: "[2001:db8::21]:80", State: "CLOSE", Expires: 0},
}

// lister is a director with those connections; it notes what it is asked for.
func lister(asked *api.ConnectionFilter) *fake {
	return &fake{connections: func(f api.ConnectionFilter, yield func(api.Connection) bool) error {
		*asked = f
		for _, c := range conns {
			yield(c)
		}
		return nil
	}}
}

// TestConns: the columns are where a recorded `ipvsadm -Lnc` has them.
func TestConns(t *testing.T) {
	var asked api.ConnectionFilter
	socket := serve(t, lister(&asked))
	code, stdout, stderr := runDirector("conns", "--socket", socket)
	want := `pro expire state       source             virtual            destination
TCP 14:59  ESTABLISHED 192.0.2.33:40000   10.99.0.100:80     10.99.0.22:80
TCP 00:59  SYN_RECV    198.51.100.7:40000 10.99.0.100:8080   10.99.0.21:8080
UDP 04:59  UDP         192.0.2.33:40000   10.99.0.100:80     10.99.0.22:80
TCP 00:59  ASSURED     192.0.2.33:0       10.99.0.100:80     10.99.0.22:80
TCP 100:00  NONE        192.0.2.33:0       mark 7             10.99.0.22:0
TCP 00:00  CLOSE       [2001:db8:1234:5678::1]:40000 [2001:db8::10]:80  [2001:db8::21]:80
`
	if diff := cmp.Diff(want, stdout); diff != "" || code != 0 || stderr != "" || asked != (api.ConnectionFilter{}) {
		t.Errorf("exit code %d, asked for %+v\n%s\n(-want +got)\n%s", code, asked, stderr, diff)
	}
	code, stdout, stderr = runDirector("conns", "--socket", socket, "--count")
	if code != 0 || stdout != "6\n" || stderr != "" {
		t.Errorf("--count: exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestConnsJSON(t *testing.T) {
	code, stdout, stderr := runDirector("conns", "--json", "--socket", serve(t, lister(new(api.ConnectionFilter))))
	var got []api.Connection
	for line := range strings.Lines(stdout) {
		var c api.Connection
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		got = append(got, c)
	}
	if diff := cmp.Diff(conns, got); diff != "" || code != 0 || stderr != "" {
		t.Errorf("exit code %d\n%s%s", code, stderr, diff)
	}
}

func TestConnsFilter(t *testing.T) {
	var asked api.ConnectionFilter
	code, _, stderr := runDirector("conns", "--socket", serve(t, lister(&asked)), "--client", "198.51.100.0/24:40000", "--vip", "192.0.2.10:80",
		"--server", "192.0.2.21", "--service", "web", "--state", "NONE", "--templates")
	want := api.ConnectionFilter{
		Client: "198.51.100.0/24:40000", VIP: "192.0.2.10:80", Server: "192.0.2.21", Service: "web", State: "NONE", Templates: true,
	}
	if code != 0 || asked != want {
		t.Errorf("exit code %d, asked for %+v\n%s", code, asked, stderr)
	}
}

func TestConnsRefused(t *testing.T) {
	socket := serve(t, &fake{connections: func(f api.ConnectionFilter, yield func(api.Connection) bool) error {
		if f.State == "" {
			yield(conns[0])
		}
		return &api.Error{Message: "state: there is no state", Code: api.CodeInvalid}
	}})
	for _, test := range []struct {
		args []string
		rows int
	}{{nil, 1}, {[]string{"--count"}, 0}, {[]string{"--state", "ALIVE"}, 0}} {
		code, stdout, stderr := runDirector(append([]string{"conns", "--socket", socket}, test.args...)...)
		if code != 1 || !strings.HasPrefix(stderr, "director: conns: ") || !strings.HasSuffix(stderr, ": state: there is no state\n") {
			t.Errorf("%v: exit code %d\n%s%s", test.args, code, stdout, stderr)
		}
		if rows := strings.Count(stdout, "14:59"); rows != test.rows {
			t.Errorf("%v: %d rows before the error\n%s", test.args, rows, stdout)
		}
	}
}

// firstWrite tells when something is written.
type firstWrite struct {
	bytes.Buffer
	once sync.Once
	seen chan struct{}
}

func (f *firstWrite) Write(p []byte) (int, error) {
	f.once.Do(func() { close(f.seen) })
	return f.Buffer.Write(p)
}

// TestConnsStream: the first are printed before the last is known.
func TestConnsStream(t *testing.T) {
	out := &firstWrite{seen: make(chan struct{})}
	socket := serve(t, &fake{connections: func(_ api.ConnectionFilter, yield func(api.Connection) bool) error {
		for range 10_000 {
			yield(conns[0])
		}
		<-out.seen
		yield(conns[1])
		return nil
	}})
	var o connsOptions
	if err := o.list(t.Context(), api.NewClient(socket), out); err != nil || strings.Count(out.String(), "\n") != 10_002 {
		t.Errorf("%d lines, %v", strings.Count(out.String(), "\n"), err)
	}
}

// TestConnsReaderLeaves, as head does: no error, and the director hears of it.
func TestConnsReaderLeaves(t *testing.T) {
	left := make(chan struct{})
	socket := serve(t, &fake{connections: func(_ api.ConnectionFilter, yield func(api.Connection) bool) error {
		defer close(left)
		for yield(conns[0]) {
		}
		return nil
	}})
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	var stderr bytes.Buffer
	if code := execute(newRootCommand(), []string{"conns", "--socket", socket}, write, &stderr); code != 0 || stderr.Len() != 0 {
		t.Errorf("exit code %d\n%s", code, &stderr)
	}
	write.Close()
	<-left
}
