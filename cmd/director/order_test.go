package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// TestOrders: each command orders what it says.
func TestOrders(t *testing.T) {
	t.Setenv("SUDO_USER", "")
	t.Setenv("DOAS_USER", "")
	var got api.OrderRequest
	until := time.Now().Add(10*time.Minute + 900*time.Millisecond)
	socket := serve(t, &fake{order: func(o api.OrderRequest) (api.Ordered, error) {
		got = o
		got.By = ""
		return api.Ordered{Servers: []api.OrderedServer{
			{Service: "web", Server: "192.0.2.21:80", State: "draining", Left: 1, Weight: 2, Until: until},
			{Service: "shop", Server: "192.0.2.21:80", State: "draining", Left: 12},
			{Service: "dns", Server: "192.0.2.21:53", State: "up", Weight: 2},
			{Service: "mail", Server: "192.0.2.21:25", State: "maintenance", Weight: 2},
		}}, nil
	}})
	const text = `192.0.2.21:80 of web: draining, 1 connection left, cut off in 10m0s
192.0.2.21:80 of shop: draining, 12 connections left
192.0.2.21:53 of dns: up, weight 2
192.0.2.21:25 of mail: maintenance
`
	for line, want := range map[string]api.OrderRequest{
		"drain 192.0.2.21": {Duty: api.Drain, Server: "192.0.2.21"},
		"drain 192.0.2.21 --deadline 10m --service web": {Duty: api.Drain, Server: "192.0.2.21", Service: "web", Deadline: 600},
		"drain [2001:db8::21]:80 --deadline 1500ms":     {Duty: api.Drain, Server: "[2001:db8::21]:80", Deadline: 2},
		"undrain 192.0.2.21:80 --service web":           {Duty: api.Undrain, Server: "192.0.2.21:80", Service: "web"},
		"disable 192.0.2.21":                            {Duty: api.Disable, Server: "192.0.2.21"},
		"enable 192.0.2.21 --service web":               {Duty: api.Enable, Server: "192.0.2.21", Service: "web"},
		"weight 192.0.2.21 0 --service web":             {Duty: api.SetWeight, Server: "192.0.2.21", Service: "web"},
		"weight 192.0.2.21 300":                         {Duty: api.SetWeight, Server: "192.0.2.21", Weight: 300},
		"weight 192.0.2.21:80 --reset --service web":    {Duty: api.ResetWeight, Server: "192.0.2.21:80", Service: "web"},
	} {
		code, stdout, stderr := runDirector(append(strings.Fields(line), "--socket", socket)...)
		if diff := cmp.Diff(text, stdout); code != 0 || stderr != "" || diff != "" {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stderr, diff)
		}
		if got != want {
			t.Errorf("%s ordered %+v, want %+v", line, got, want)
		}
	}
	code, stdout, _ := runDirector("undrain", "192.0.2.21", "--json", "--socket", socket)
	var printed api.Ordered
	if err := json.Unmarshal([]byte(stdout), &printed); err != nil || code != 0 || len(printed.Servers) != 4 || printed.Servers[1].Left != 12 {
		t.Errorf("--json: exit code %d, %v: %s", code, err, stdout)
	}
}

// TestOrderForSomebody: sudo says for whom.
func TestOrderForSomebody(t *testing.T) {
	t.Setenv("SUDO_USER", "alice")
	var by string
	socket := serve(t, &fake{order: func(o api.OrderRequest) (api.Ordered, error) {
		by = o.By
		return api.Ordered{}, nil
	}})
	if code, _, stderr := runDirector("disable", "192.0.2.21", "--socket", socket); code != 0 || !strings.HasSuffix(by, " (for alice)") {
		t.Errorf("exit code %d, ordered by %q\n%s", code, by, stderr)
	}
}

func TestOrderRefused(t *testing.T) {
	socket := serve(t, &fake{order: func(api.OrderRequest) (api.Ordered, error) {
		return api.Ordered{}, &api.Error{Message: "no service has a real server 192.0.2.99; there is 192.0.2.21:80", Code: api.CodeNoServer}
	}})
	for _, line := range []string{"drain 192.0.2.99 --wait", "weight 192.0.2.99 1"} {
		args := strings.Fields(line)
		code, stdout, stderr := runDirector(append(args, "--socket", socket)...)
		if code != 1 || stdout != "" || stderr != "director: "+args[0]+": ask the director at "+socket+": no service has a real server 192.0.2.99; there is 192.0.2.21:80\n" {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stdout, stderr)
		}
	}
}

// TestOrderCompletion: a shell offers what the director has.
func TestOrderCompletion(t *testing.T) {
	socket := serve(t, &fake{status: &api.Status{Services: []api.Service{
		{Name: "web", Servers: []api.RealServer{{Address: "192.0.2.22:80"}, {Address: "192.0.2.21:80"}}},
		{Name: "shop", Servers: []api.RealServer{{Address: "192.0.2.21:80"}, {Address: "192.0.2.31:443"}}},
	}}})
	for line, want := range map[string]string{
		"drain --socket %s |":                "192.0.2.21:80 192.0.2.22:80 192.0.2.31:443",
		"weight --socket %s --service web |": "192.0.2.21:80 192.0.2.22:80",
		"enable --socket %s --service |":     "web shop",
		"enable --socket none.sock |":        "",
	} {
		args := append([]string{"__complete"}, strings.Fields(strings.NewReplacer("%s", socket, "|", "").Replace(line))...)
		_, stdout, _ := runDirector(append(args, "")...)
		offered, _, _ := strings.Cut("\n"+stdout, "\n:4") // ShellCompDirectiveNoFileComp
		if got := strings.Join(strings.Fields(offered), " "); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
