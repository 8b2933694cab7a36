package ipvsadm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// TestRealKernel: listings of a kernel that forwarded these connections, so
// that all recordings do not hang on one stand-in.
func TestRealKernel(t *testing.T) {
	server := func(address string, active, inactive, persistent int) api.RealServer {
		return api.RealServer{
			Address: address, Weight: 1, Configured: 1, Active: active, Inactive: inactive, Persistent: persistent,
		}
	}
	after := func(s api.RealServer, c api.Counts) api.RealServer {
		s.Connections, s.Packets, s.Bytes = c.Connections, c.Packets, c.Bytes
		return s
	}
	datagram, segments := api.Counts{Connections: 1, Packets: 1, Bytes: 29}, api.Counts{Connections: 1, Packets: 3, Bytes: 120}
	udpAndTCP := api.Status{Services: []api.Service{
		{Protocol: "udp", Addresses: []string{"10.99.0.100:80"}, Scheduler: "rr", Total: datagram, Servers: []api.RealServer{
			server("10.99.0.21:80", 0, 0, 0), after(server("10.99.0.22:80", 0, 1, 0), datagram),
		}},
		{Protocol: "tcp", Addresses: []string{"10.99.0.100:80"}, Scheduler: "rr", Total: segments, Servers: []api.RealServer{
			server("10.99.0.21:80", 0, 0, 0), after(server("10.99.0.22:80", 0, 1, 0), segments),
		}},
	}}
	persistent := api.Status{Services: []api.Service{{
		Protocol: "tcp", Addresses: []string{"10.99.0.100:80"}, Scheduler: "rr", Persistence: 300, Prefix: 32,
		Servers: []api.RealServer{server("10.99.0.21:80", 1, 0, 1), server("10.99.0.22:80", 4, 0, 2)},
	}}}
	connections := []api.Connection{
		{Protocol: "tcp", Client: "198.51.100.7:40000", VIP: "10.99.0.100:8080", Server: "10.99.0.21:8080", State: "SYN_RECV", Expires: 59},
		{Protocol: "tcp", Client: "192.0.2.33:0", VIP: "10.99.0.100:0", Server: "10.99.0.22:0", State: "NONE", Expires: 299, Template: true},
		{Protocol: "udp", Client: "192.0.2.33:40000", VIP: "10.99.0.100:80", Server: "10.99.0.22:80", State: "UDP", Expires: 299},
	}
	for _, test := range []struct {
		line   string
		status api.Status
		want   string
	}{
		{"-Ln", udpAndTCP, `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.99.0.100:80 rr
  -> 10.99.0.21:80                Route   1      0          0         .
  -> 10.99.0.22:80                Route   1      0          1         .
UDP  10.99.0.100:80 rr
  -> 10.99.0.21:80                Route   1      0          0         .
  -> 10.99.0.22:80                Route   1      0          1         .
`},
		{"-Ln --stats", udpAndTCP, `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.99.0.100:80                      1        3        0      120        0
  -> 10.99.0.21:80                       0        0        0        0        0
  -> 10.99.0.22:80                       1        3        0      120        0
UDP  10.99.0.100:80                      1        1        0       29        0
  -> 10.99.0.21:80                       0        0        0        0        0
  -> 10.99.0.22:80                       1        1        0       29        0
`},
		{"-Ln --persistent-conn", persistent, `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn .
  -> RemoteAddress:Port
TCP  10.99.0.100:80 rr persistent 300
  -> 10.99.0.21:80                1         1           1          0         .
  -> 10.99.0.22:80                1         2           4          0         .
`},
		{"-L --timeout", api.Status{Timeouts: api.Timeouts{TCP: 900, TCPFin: 30, UDP: 300}}, `
Timeout (tcp tcpfin udp): 900 30 300
`},
		{"-Lnc", api.Status{}, `
IPVS connection entries
pro expire state       source             virtual            destination
TCP 00:59  SYN_RECV    198.51.100.7:40000 10.99.0.100:8080   10.99.0.21:8080
TCP 04:59  NONE        192.0.2.33:0       10.99.0.100:0      10.99.0.22:0
UDP 04:59  UDP         192.0.2.33:40000   10.99.0.100:80     10.99.0.22:80
`},
	} {
		code, out, err := run(&fakeDirector{status: test.status, connections: connections}, "", strings.Fields(test.line)...)
		want := strings.ReplaceAll(test.want[1:], " .\n", " \n")
		if diff := cmp.Diff(want, out); diff != "" || code != exitDone || err != "" {
			t.Errorf("%s: exit code %d, %q (-want +got):\n%s", test.line, code, err, diff)
		}
	}
}

// directorsOwn are services that no ipvsadm makes.
func directorsOwn() *fakeDirector {
	return &fakeDirector{status: api.Status{Services: []api.Service{
		{
			Name: "web", Protocol: "tcp", Addresses: []string{"10.0.0.1:80", "10.0.0.1:8000-8099"}, Scheduler: "wlc",
			Servers: []api.RealServer{{Address: "10.0.0.2", Configured: 3}, {Address: "10.0.0.3", Weight: 4, Configured: 4, Upper: 9, Lower: 7}},
		},
		{
			Name: "all", Protocol: "tcp", Addresses: []string{"10.0.0.9:80", "10.0.0.9:8000-8099"}, Scheduler: "wlc", Mark: 4294967295,
			Servers: []api.RealServer{{Address: "10.0.0.2", Weight: 3, Configured: 3}},
		},
		{Name: "empty", Protocol: "tcp", Scheduler: "rr", Mark: 3, Persistence: 9, Prefix: 64},
		{Name: "six", Protocol: "tcp", Scheduler: "rr", Mark: 4, Servers: []api.RealServer{{Address: "2001:db8::2", Weight: 1, Configured: 1}}},
	}}}
}

// TestDirectorsOwn: a service with several addresses is listed under each of
// them, one with a mark under the mark.
func TestDirectorsOwn(t *testing.T) {
	const web = `  -> 10.0.0.3:80                  Route   4      0          0         .
  -> 10.0.0.2:80                  Route   0      0          0         .
`
	for _, test := range []struct{ line, want string }{
		{"-Ln --nosort", shortTitle + `Forward Weight ActiveConn InActConn
TCP  10.0.0.1:80 wlc
` + web + `TCP  10.0.0.1:8000-8099 wlc
` + strings.ReplaceAll(web, ":80 ", ":0  ") + `FWM  -1 wlc
  -> 10.0.0.2:0                   Route   3      0          0         .
FWM  3 IPv6 rr persistent 9 mask 64
FWM  4 IPv6 rr
  -> [2001:db8::2]:0              Route   1      0          0         .
`},
		{"-Ln --nosort -t 10.0.0.1:80", shortTitle + "Forward Weight ActiveConn InActConn\nTCP  10.0.0.1:80 wlc\n" + web},
		{"-Ln -t 10.0.0.1:8042", shortTitle + "Forward Weight ActiveConn InActConn\nTCP  10.0.0.1:8000-8099 wlc\n" +
			`  -> 10.0.0.2:0                   Route   0      0          0         .
  -> 10.0.0.3:0                   Route   4      0          0         .
`},
		{"-Ln -f 4", shortTitle + `Forward Weight ActiveConn InActConn
FWM  4 IPv6 rr
  -> [2001:db8::2]:0              Route   1      0          0         .
`},
	} {
		code, out, err := run(directorsOwn(), "", strings.Fields(test.line)...)
		want := strings.ReplaceAll(test.want, " .\n", " \n")
		out = strings.TrimPrefix(out, kernelLine+"\n")
		if diff := cmp.Diff(want, out); diff != "" || code != exitDone || err != "" {
			t.Errorf("%s: exit code %d, %q (-want +got):\n%s", test.line, code, err, diff)
		}
	}
	for _, line := range []string{"-Ln -t 10.0.0.9:80", "-Ln -u 10.0.0.1:80", "-Ln -t 10.0.0.1:8100", "-Ln -f 5", "-Ln -t [2001:db8::2]:80"} {
		if code, out, err := run(directorsOwn(), "", strings.Fields(line)...); code != exitFailed || out != "" || err != "No such service\n" {
			t.Errorf("%s: exit code %d, %q, %q", line, code, out, err)
		}
	}
}

// TestServerPorts: under each address of a service its servers have that port,
// also those whose checks ask another; the kernel knows no other with -g.
func TestServerPorts(t *testing.T) {
	d := &fakeDirector{status: api.Status{Services: []api.Service{{
		Name: "web", Protocol: "tcp", Addresses: []string{"10.0.0.1:80", "10.0.0.1:443"}, Scheduler: "wlc",
		Servers: []api.RealServer{{Address: "10.0.0.2:80", Weight: 1, Configured: 1}, {Address: "10.0.0.3:443", Weight: 1, Configured: 1}},
	}}}}
	_, out, _ := run(d, "", "-Sn")
	want := `-A -t 10.0.0.1:80 -s wlc
-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1
-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 1
-A -t 10.0.0.1:443 -s wlc
-a -t 10.0.0.1:443 -r 10.0.0.2:443 -g -w 1
-a -t 10.0.0.1:443 -r 10.0.0.3:443 -g -w 1
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSave: what -S prints is what was configured, not what health made of it;
// what no line can say is an error.
func TestSave(t *testing.T) {
	code, out, err := run(directorsOwn(), "", "-S", "-n")
	want := `-A -f 4294967295 -s wlc
-a -f 4294967295 -r 10.0.0.2:0 -g -w 3
-A -t 10.0.0.1:80 -s wlc
-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 3
-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 4 -x 9 -y 7
-A -f 3 -6 -s rr -p 9 -M 64
-A -f 4 -6 -s rr
-a -f 4 -6 -r [2001:db8::2]:0 -g -w 1
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if code != exitFailed || !strings.HasPrefix(err, "service web is not saved: no line of ipvsadm names the ports of 10.0.0.1:8000-8099; ") {
		t.Errorf("exit code %d, %q", code, err)
	}
}

// TestNamesAreWhole: a listing cuts long names, a rule must not.
func TestNamesAreWhole(t *testing.T) {
	d := &fakeDirector{status: api.Status{Services: []api.Service{{
		Protocol: "tcp", Addresses: []string{"[2001:db8:1111:2222:3333:4444:5555:6666]:80"}, Scheduler: "rr",
	}}}}
	_, listed, _ := run(d, "", "-L")
	_, saved, _ := run(d, "", "-S")
	const name = "[also-a-very-long-name-of-a-client-indeed.of.sixty.chars.or.more.example.org]:http"
	if !strings.Contains(listed, "\nTCP  "+name[:maxPlace]+" rr\n") || saved != "-A -t "+name+" -s rr\n" {
		t.Errorf("%s%s", listed, saved)
	}
}

// TestStrangeStatus: what cannot be listed is an error that shows it.
func TestStrangeStatus(t *testing.T) {
	for _, address := range []string{"", "x", "10.0.0.1:", "10.0.0.1:80-", "10.0.0.1:65536", "10.0.0.1:80x", "[10.0.0.1]:x"} {
		for _, s := range []api.Service{
			{Name: "web", Addresses: []string{address}},
			{Name: "web", Addresses: []string{"10.0.0.1:80"}, Servers: []api.RealServer{{Address: address}}},
		} {
			code, _, err := run(&fakeDirector{status: api.Status{Services: []api.Service{s}}}, "", "-Ln")
			if code != exitFailed || !strings.HasPrefix(err, "service web: the director sent the address ") {
				t.Errorf("%q: exit code %d, %q", address, code, err)
			}
		}
	}
	d := &fakeDirector{connections: []api.Connection{{Protocol: "tcp", Client: "?", VIP: "10.99.0.100:80", Server: "-"}}}
	if code, out, _ := run(d, "", "-Lc"); code != exitDone || !strings.Contains(out, "?                  vip.example.org:http -\n") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

// TestCutConnections: what arrived is printed, then why there is no more.
func TestCutConnections(t *testing.T) {
	d := &cutDirector{fakeDirector{connections: []api.Connection{{Protocol: "tcp", Client: "10.0.0.1:1", State: "CLOSE"}}}}
	var stdout, stderr bytes.Buffer
	c := Command{Director: d, Stdout: &stdout, Stderr: &stderr, Names: testNames()}
	code := c.Run(context.Background(), []string{"-Lnc"})
	if code != exitFailed || !strings.Contains(stdout.String(), "CLOSE") || stderr.String() != "it was cut off\n" {
		t.Errorf("exit code %d, %q, %q", code, &stdout, &stderr)
	}
}

type cutDirector struct{ fakeDirector }

func (d *cutDirector) Connections(ctx context.Context, f api.ConnectionFilter, fn func(api.Connection) error) error {
	return errors.Join(d.fakeDirector.Connections(ctx, f, fn), errors.New("it was cut off"))
}

// TestClosedOutput: who reads no more is not sent a million connections.
func TestClosedOutput(t *testing.T) {
	d := &fakeDirector{connections: make([]api.Connection, 10000)}
	out := &closedWriter{}
	var stderr bytes.Buffer
	c := Command{Director: d, Stdout: out, Stderr: &stderr, Names: testNames()}
	if code := c.Run(context.Background(), []string{"-Lnc"}); code != exitFailed || out.writes != 1 || stderr.String() != "no space left\n" {
		t.Errorf("exit code %d, %d writes, %q", code, out.writes, &stderr)
	}
}

type closedWriter struct{ writes int }

func (w *closedWriter) Write([]byte) (int, error) {
	w.writes++
	return 0, errors.New("no space left")
}
