package ipvsadm

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// tableOfTests is what the kernel had when the combinations were recorded.
func tableOfTests() api.Status {
	return api.Status{
		Timeouts: api.Timeouts{TCP: 900, TCPFin: 120, UDP: 300},
		Services: []api.Service{
			{
				Protocol: "tcp", Addresses: []string{"10.99.0.100:80"}, Scheduler: "rr",
				Servers: []api.RealServer{
					{Address: "10.99.0.21:80", Weight: 1, Configured: 1},
					{Address: "10.99.0.22:80", Weight: 1, Configured: 1, Inactive: 1, Connections: 1, Packets: 3, Bytes: 120},
				},
				Total: api.Counts{Connections: 1, Packets: 3, Bytes: 120},
			},
			{Protocol: "udp", Addresses: []string{"10.99.0.100:53"}, Scheduler: "rr"},
		},
	}
}

// maskOfNoUse is a netmask of a service without persistence: ipvsadm hands it
// on, and the kernel does not look at it.
var maskOfNoUse = regexp.MustCompile(`( flags=[02468ace]\w? timeout=0 mask=)ffffff00`)

// TestRecordedArguments: a line means to the director what it means to the
// kernel, is refused in the same words, and gives the same exit code.
func TestRecordedArguments(t *testing.T) {
	for _, name := range []string{"arguments.jsonl", "combinations.jsonl"} {
		for _, r := range readRecorded(t, name) {
			t.Run(r.String(), func(t *testing.T) {
				d := &fakeDirector{status: tableOfTests()}
				readJSON(t, "connections.json", &d.connections)
				code, out, err := run(d, r.Stdin, r.Args...)
				if len(r.Kernel) == 1 && strings.HasSuffix(r.Kernel[0], "_DAEMON daemon") {
					if code != exitUsage || !strings.Contains(err, "no synchronisation daemon") {
						t.Errorf("%d %s; want it refused", code, err)
					}
					return
				}
				for i, line := range r.Kernel {
					r.Kernel[i] = maskOfNoUse.ReplaceAllString(line, "${1}ffffffff")
				}
				compare(t, &r, d.told(), code, out, err)
			})
		}
	}
}

// compare tests what was printed, and what the director was told.
func compare(t *testing.T, r *recorded, told []string, code int, out, err string) {
	t.Helper()
	got := recorded{
		Args: r.Args, Stdin: r.Stdin, Env: r.Env,
		Out: lines(out), Err: lines(err), Code: code, Kernel: told,
	}
	if diff := cmp.Diff(r, &got); diff != "" {
		t.Errorf("%v (-ipvsadm +this):\n%s", r, diff)
	}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// thresholds are saved here; an ipvsadm forgets them.
var thresholds = regexp.MustCompile(`(?m)( -[xy] \d+)+$`)

// TestRecordedListings: every way to list gives the same lines.
func TestRecordedListings(t *testing.T) {
	d := new(fakeDirector)
	readJSON(t, "status.json", &d.status)
	readJSON(t, "connections.json", &d.connections)
	for _, r := range readRecorded(t, "listings.jsonl") {
		t.Run(r.String(), func(t *testing.T) {
			code, out, err := run(d, "", r.Args...)
			if strings.HasPrefix(out, "-A ") {
				if !thresholds.MatchString(out) {
					t.Error("thresholds are not saved")
				}
				out = thresholds.ReplaceAllString(out, "")
			}
			compare(t, &r, d.told(), code, out, err)
		})
	}
}

// kernelErrors are what the kernel's error numbers mean.
var kernelErrors = map[string]string{
	"NEW_SERVICE:17": api.CodeServiceExists,
	"SET_SERVICE:3":  api.CodeNoService, "DEL_SERVICE:3": api.CodeNoService, "ZERO:3": api.CodeNoService,
	"NEW_DEST:3": api.CodeNoService, "SET_DEST:3": api.CodeNoService, "DEL_DEST:3": api.CodeNoService,
	"NEW_DEST:17": api.CodeServerExists, "SET_DEST:2": api.CodeNoServer, "DEL_DEST:2": api.CodeNoServer,
}

var whichLine = regexp.MustCompile(` \(line \d+\)$`)

// TestRecordedRestores: -R goes on and ends where ipvsadm does. Messages end
// with the line here.
func TestRecordedRestores(t *testing.T) {
	for _, r := range readRecorded(t, "restores.jsonl") {
		t.Run(r.String(), func(t *testing.T) {
			d := &fakeDirector{status: tableOfTests()}
			command, number, refuses := strings.Cut(r.Env["IPVS_ERR"], ":")
			var told []string
			d.refuse = func(c *api.Change) *api.Error {
				text := asKernel(c)
				if refuses && strings.HasPrefix(text, command+" ") {
					told = append(told, command+" -> "+number)
					return &api.Error{Message: "no", Code: kernelErrors[r.Env["IPVS_ERR"]]}
				}
				told = append(told, text)
				return nil
			}
			code, out, err := run(d, r.Stdin, r.Args...)
			messages := lines(err)
			for i, m := range messages {
				if !whichLine.MatchString(m) {
					t.Errorf("%q does not name the line", m)
				}
				messages[i] = whichLine.ReplaceAllString(m, "")
			}
			compare(t, &r, told, code, out, strings.Join(messages, "\n"))
		})
	}
}
