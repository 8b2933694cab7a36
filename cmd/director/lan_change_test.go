package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"lvsdr/admin/api"
)

// TestLANChanges: a director that starts with a VIP and nothing else is filled
// over its socket. As soon as a change is done, the next connection finds what it
// made, and `director conns` lists it.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22     VIP .10, on no service at first
//	director .2 ──┘              └── web3 .23
func TestLANChanges(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Serve: serveGo, StaticARP: true})
	c.WriteConfig(c.EmptyConfig(""))
	c.Start()
	if name, err := c.Get("/"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("without a service: %q, %v", name, err)
	}
	web := &api.VirtualService{Protocol: "tcp", Address: fmt.Sprintf("%v:80", c.VIP), Scheduler: "rr"}
	server := func(op api.Op, i int) api.Change {
		return api.Change{Op: op, Service: web, Server: &api.Destination{Address: c.Servers[i].Addr.String() + ":80", Weight: 1}}
	}
	change := func(changes ...api.Change) {
		t.Helper()
		if done, err := c.api.Change(context.Background(), changes); err != nil || done.Applied != len(changes) {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	change(api.Change{Op: api.AddService, Service: web})
	for i, s := range c.Servers {
		change(server(api.AddServer, i))
		if served := c.ServedBy(2*(i+1), "/"); served[s.Name()] != 2 {
			t.Errorf("with %d servers, requests were served by %v", i+1, served)
		}
	}
	change(server(api.DeleteServer, 0), api.Change{Op: api.ZeroCounters})
	if served := c.ServedBy(4, "/"); served["web2"] != 2 || served["web3"] != 2 {
		t.Errorf("without web1, requests were served by %v", served)
	}
	for filter, want := range map[string]string{
		"--vip=192.0.2.10:80":                            "10\n", // those of web1 went with it
		"--server=192.0.2.21":                            "0\n",
		"--client=192.0.2.100/32 --server=192.0.2.22":    "6\n",
		"--client=192.0.2.101":                           "0\n",
		"--templates":                                    "0\n",
		"--service=tcp-192.0.2.10-80 --state=TIME_WAIT ": "0\n",
	} {
		args := append([]string{"conns", "--count", "--socket", c.socket()}, strings.Fields(filter)...)
		if code, got, stderr := runDirector(args...); code != 0 || got != want {
			t.Errorf("%s: exit code %d, %q, want %q\n%s", filter, code, got, want, stderr)
		}
	}
	row := regexp.MustCompile(`(?m)^TCP \d\d:\d\d  \w+ +192\.0\.2\.100:\d+ +192\.0\.2\.10:80      192\.0\.2\.22:80$`)
	if _, list, _ := runDirector("conns", "--socket", c.socket(), "--server=192.0.2.22"); len(row.FindAllString(list, -1)) != 6 {
		t.Errorf("conns:\n%s", list)
	}
}
