package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

// everyChange has one of each kind, with all that it may say.
func everyChange() api.Changes {
	web := &api.VirtualService{Protocol: "tcp", Address: "192.0.2.10:80"}
	full := &api.VirtualService{
		Protocol: "udp", Address: "[2001:db8::10]:53", Scheduler: "sh", Flags: []string{"sh-port", "sh-fallback"},
		Persistence: 300, Prefix: 64, OnePacket: true,
	}
	server := &api.Destination{Address: "192.0.2.21:80", Weight: 3, Upper: 100, Lower: 50}
	return api.Changes{
		{Op: api.Clear},
		{Op: api.AddService, Service: full},
		{Op: api.AddService, Service: &api.VirtualService{Mark: 7, Scheduler: "wlc"}},
		{Op: api.EditService, Service: web},
		{Op: api.AddServer, Service: web, Server: server},
		{Op: api.EditServer, Service: web, Server: server},
		{Op: api.DeleteServer, Service: web, Server: &api.Destination{Address: "192.0.2.21:80"}},
		{Op: api.ZeroCounters},
		{Op: api.SetTimeouts, Timeouts: &api.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}},
		{Op: api.DeleteService, Service: web},
	}
}

func TestChangesArrive(t *testing.T) {
	path, source := socketPath(t), always(nil)
	var got api.Changes
	source.change = func(ctx context.Context, c api.Changes) (api.Changed, error) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("a change may take for ever")
		}
		got = c
		return api.Changed{Applied: len(c)}, nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	for _, sent := range []api.Changes{{}, everyChange(), slices.Repeat(everyChange(), 1000)} {
		done, err := api.NewClient(path).Change(t.Context(), sent)
		if err != nil || done.Applied != len(sent) {
			t.Errorf("%+v, %v", done, err)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("changed on the way (-sent +received):\n%s", diff)
		}
	}
}

func TestRefusedChange(t *testing.T) {
	path, source := socketPath(t), always(nil)
	want := &api.Error{Message: "no such service: tcp 192.0.2.10:80", Code: api.CodeNoService, Applied: 7}
	source.change = func(context.Context, api.Changes) (api.Changed, error) {
		return api.Changed{Applied: 7}, fmt.Errorf("change: %w", want)
	}
	serve(t, admin.Options{Socket: path, Source: source})
	_, err := api.NewClient(path).Change(t.Context(), everyChange())
	var refused *api.Error
	if !errors.As(err, &refused) || *refused != *want {
		t.Errorf("%+v, %v", refused, err)
	}
}

// TestTooManyChanges: the sender hears why.
func TestTooManyChanges(t *testing.T) {
	path := socketPath(t)
	serve(t, admin.Options{Socket: path, Source: always(nil)})
	text := "[" + strings.Repeat(" ", 70<<20)
	for name, body := range map[string]io.Reader{
		"of a known length": strings.NewReader(text),
		"of unknown length": io.MultiReader(strings.NewReader(text)),
	} {
		code, answer := send(t, path, "POST", "/v1/changes", body)
		if code != http.StatusRequestEntityTooLarge || !strings.Contains(answer, "send them in several requests") {
			t.Errorf("%s: %d %s", name, code, answer)
		}
	}
}

// TestNonsenseIsRefused: with a status code of 4xx and a word about the place,
// and the director hears nothing of it.
func TestNonsenseIsRefused(t *testing.T) {
	path, source := socketPath(t), always(nil)
	source.change = func(context.Context, api.Changes) (api.Changed, error) {
		t.Error("the director was asked")
		return api.Changed{}, nil
	}
	source.connections = func(context.Context, api.ConnectionFilter, func(api.Connection) bool) error {
		t.Error("the director was asked")
		return nil
	}
	source.why = func(string, string, string) (*api.Why, error) {
		t.Error("the director was asked")
		return nil, nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/v1/changes", ``, "read the request: EOF"},
		{"POST", "/v1/changes", `{"op":"clear"}`, "read the request: it is no list of changes"},
		{"POST", "/v1/changes", `null`, "it is no list of changes"},
		{"POST", "/v1/changes", `[{"op":"clear"}, 7]`, "change 1: json: cannot unmarshal number"},
		{"POST", "/v1/changes", `[{"op":"clear"} {"op":"clear"}]`, "read the request: "},
		{"POST", "/v1/changes", `[{"op":"clear"}`, "read the request: "},
		{"POST", "/v1/changes", `[{"op":"clear"},]`, "read the request: "},
		{"POST", "/v1/changes", `[{},` + strings.Repeat("{},", 100_000) + `{}]`, "more than 100000 changes: send them in several requests"},
		{"POST", "/v1/changes", `[{"op":"add-service","service":{"flags":["` + strings.Repeat(`","`, 2000) + `"]}}]`, "change 0: it has more than 4096 bytes"},
		{"POST", "/v1/changes", `[{"op":"clear"}] [`, "something follows the changes"},
		{"POST", "/v1/changes", `[{"op":"add-server","server":{"address":"192.0.2.1:80","tunnel":true}}]`, `unknown field \"tunnel\"`},
		{"POST", "/v1/changes", `[{"op":"add-server","server":{"weight":"1"}}]`, "cannot unmarshal string"},
		{"GET", "/v1/connections?clinet=192.0.2.1", "", "clinet: there is no such key; there are client, vip"},
		{"GET", "/v1/connections?client=192.0.2.1&client=192.0.2.2", "", "client is given twice"},
		{"GET", "/v1/connections?templates=maybe", "", `templates: \"maybe\" is neither true nor false`},
		{"GET", "/v1/connections?client=%zz", "", "invalid URL escape"},
		{"GET", "/v1/why?client=192.0.2.1:1&dst=192.0.2.10:80", "", "dst: there is no such key; there are protocol, client, vip"},
	} {
		code, answer := request(t, path, c.method, c.path, c.body)
		if code != http.StatusBadRequest || !strings.Contains(answer, c.want) || !strings.Contains(answer, `"code":"invalid"`) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, code, answer)
		}
	}
}

// request is one that no api.Client makes.
func request(t *testing.T, socket, method, path, body string) (code int, answer string) {
	t.Helper()
	return send(t, socket, method, path, strings.NewReader(body))
}

func send(t *testing.T, socket, method, path string, body io.Reader) (code int, answer string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://director"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
