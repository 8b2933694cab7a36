package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// kernelLike answers the requests of ipvsadm on a unix socket, and keeps the
// changes.
type kernelLike struct {
	socket  string
	changes api.Changes
}

func newKernelLike(t *testing.T) *kernelLike {
	k := &kernelLike{socket: filepath.Join(t.TempDir(), "director.sock")}
	l, err := net.Listen("unix", k.socket)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(value any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if err := json.NewEncoder(w).Encode(value); err != nil {
				t.Error(err)
			}
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", answer(api.Status{Services: []api.Service{{
		Protocol: "tcp", Addresses: []string{"192.0.2.10:80"}, Scheduler: "wlc",
		Servers: []api.RealServer{{Address: "192.0.2.21:80", Weight: 1, Configured: 1}},
	}}}))
	mux.HandleFunc("GET /v1/connections", answer(api.Connection{
		Protocol: "tcp", Client: "198.51.100.7:40000", VIP: "192.0.2.10:80", Server: "192.0.2.21:80", State: "ESTABLISHED", Expires: 899,
	}))
	mux.HandleFunc("POST /v1/changes", func(w http.ResponseWriter, r *http.Request) {
		var changes api.Changes
		if err := json.NewDecoder(r.Body).Decode(&changes); err != nil {
			t.Error(err)
		}
		if changes[0].Op == api.AddService {
			w.WriteHeader(http.StatusUnprocessableEntity)
			answer(api.Error{Message: "there is one", Code: api.CodeServiceExists})(w, r)
			return
		}
		k.changes = append(k.changes, changes...)
		answer(api.Changed{Applied: len(changes)})(w, r)
	})
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux}}
	server.Start()
	t.Cleanup(server.Close)
	return k
}

const listed = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wlc
  -> 192.0.2.21:80                Route   1      0          0         
`

// TestIpvsadm: the arguments are ipvsadm's own, whoever the director is found
// by, and so are messages and exit codes.
func TestIpvsadm(t *testing.T) {
	k := newKernelLike(t)
	config := filepath.Join(t.TempDir(), "director.yaml")
	if err := os.WriteFile(config, []byte("ingress: eth0\nadmin: {socket: "+k.socket+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"--socket", k.socket, "-Ln"}, 0, listed, ""},
		{[]string{"--socket=" + k.socket, "-L", "--numeric"}, 0, listed, ""},
		{[]string{"--config", config, "-Ln"}, 0, listed, ""},
		{[]string{"--socket", k.socket, "-Lnc"}, 0, `IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:59  ESTABLISHED 198.51.100.7:40000 192.0.2.10:80      192.0.2.21:80
`, ""},
		{[]string{"--socket", k.socket, "-D", "-t", "192.0.2.10:80"}, 0, "", ""},
		{[]string{"--socket", k.socket, "-A", "-t", "192.0.2.10:80"}, 255, "", "Service already exists\n"},
		{[]string{"--socket", k.socket, "-Ln", "-t", "192.0.2.10:81"}, 1, "", "No such service\n"},
		{[]string{"-q"}, 255, "", "Try `director ipvsadm -h' or 'director ipvsadm --help' for more information.\n"},
		{[]string{"-L", "--socket", k.socket}, 255, "", "--socket: unknown option\n"},
		{[]string{"--socket"}, 2, "", `director: ipvsadm: --socket needs an argument
usage: director ipvsadm [--socket SOCKET | --config FILE] [ARGS...]
(director ipvsadm --help says more)
`},
		{[]string{"--socket", "a", "--config", "b", "-L"}, 2, "", `director: ipvsadm: --socket or --config, not both
usage: director ipvsadm [--socket SOCKET | --config FILE] [ARGS...]
(director ipvsadm --help says more)
`},
	} {
		code, out, err := runDirector(append([]string{"ipvsadm"}, test.args...)...)
		if code != test.code || out != test.out || err != test.err {
			t.Errorf("%q: exit code %d, want %d; (-want +got)\n%s%s", test.args, code, test.code,
				cmp.Diff(test.out, out), cmp.Diff(test.err, err))
		}
	}
	want := api.Changes{{Op: api.DeleteService, Service: &api.VirtualService{Protocol: "tcp", Address: "192.0.2.10:80"}}}
	if diff := cmp.Diff(want, k.changes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNamedIpvsadm: called by that name, the program is ipvsadm.
func TestNamedIpvsadm(t *testing.T) {
	k := newKernelLike(t)
	t.Setenv(socketVariable, k.socket)
	if out, err := exec.Command("ipvsadm", "-Ln").Output(); err != nil || string(out) != listed {
		t.Errorf("%s, %v", out, err)
	}
	restore := exec.Command("ipvsadm", "-R")
	restore.Stdin = strings.NewReader("-Z\nipvsadm -C\n")
	if out, err := restore.CombinedOutput(); err != nil || len(out) != 0 || len(k.changes) != 2 {
		t.Errorf("%s, %v, %d changes", out, err, len(k.changes))
	}
	if code, out, _ := runDirector("ipvsadm", "-Ln"); code != 0 || out != listed {
		t.Errorf("director ipvsadm: exit code %d, %s", code, out)
	}
}
