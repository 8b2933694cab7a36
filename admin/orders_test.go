package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/user"
	"strings"
	"testing"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

// me is the user who runs the test.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// TestOrdersArrive with the name of the user whom the kernel knows; for whom that one
// claims to act stands beside it, never in its place.
func TestOrdersArrive(t *testing.T) {
	path, source := socketPath(t), always(nil)
	var got api.OrderRequest
	source.order = func(o api.OrderRequest) (api.Ordered, error) {
		got = o
		return api.Ordered{Servers: []api.OrderedServer{{Service: "web", Server: o.Server, State: "draining", Left: 3, Weight: 2}}}, nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	for claim, by := range map[string]string{"": me(t), me(t): me(t), "alice": me(t) + " (for alice)"} {
		sent := api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Service: "web", Deadline: 600, Weight: 7, By: claim}
		done, err := api.NewClient(path).Order(t.Context(), sent)
		if err != nil || len(done.Servers) != 1 || done.Servers[0].Left != 3 || done.Servers[0].Weight != 2 {
			t.Errorf("%+v, %v", done, err)
		}
		if sent.By = by; got != sent {
			t.Errorf("%+v arrived, want %+v", got, sent)
		}
	}
}

func TestOrderRefused(t *testing.T) {
	path, source := socketPath(t), always(nil)
	want := &api.Error{Message: "there is no service \"shop\"; there is web", Code: api.CodeNoService}
	source.order = func(api.OrderRequest) (api.Ordered, error) { return api.Ordered{}, fmt.Errorf("order: %w", want) }
	serve(t, admin.Options{Socket: path, Source: source})
	_, err := api.NewClient(path).Order(t.Context(), api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21", Service: "shop"})
	var refused *api.Error
	if !errors.As(err, &refused) || *refused != *want {
		t.Errorf("%+v, %v", refused, err)
	}
}

// TestNoOrders: what cannot be read never reaches the director.
func TestNoOrders(t *testing.T) {
	path, source := socketPath(t), always(nil)
	source.order = func(o api.OrderRequest) (api.Ordered, error) {
		t.Errorf("it was ordered: %+v", o)
		return api.Ordered{}, nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	client := unixClient(path)
	for body, want := range map[string]string{
		"":                         "read the order: EOF",
		"[]":                       "read the order: json: cannot unmarshal array",
		`{"duty":"drain","srv":1}`: `read the order: json: unknown field`,
		`{"duty":"drain"} {}`:      "read the order: something follows it",
		`{"by":"` + strings.Repeat("x", 65) + `"}`:       "is no name of a user",
		`{"by":"root\n"}`:                                "is no name of a user",
		`{"by":"root) ("}`:                               "is no name of a user",
		`{"server":"` + strings.Repeat("x", 5000) + `"}`: "read the order: http: request body too large",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://director/v1/orders", bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		var refused api.Error
		if err != nil || json.Unmarshal(answer, &refused) != nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(refused.Message, want) {
			t.Errorf("%.40s: %s %s, %v", body, response.Status, answer, err)
		}
	}
}

// unixClient asks as any program may.
func unixClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

// getUnix asks over the socket.
func getUnix(t *testing.T, path, request string) (code int, body string) {
	t.Helper()
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://director"+request, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := unixClient(path).Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
