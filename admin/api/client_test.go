package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer runs a server on a unix socket that is no director.
func answer(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return NewClient(path)
}

func TestStrangeAnswers(t *testing.T) {
	for _, test := range []struct {
		name string
		code int
		body string
		want string
	}{
		{"older director", 404, "404 page not found\n", "GET /v1/status: it does not know that request: is it an older version?"},
		{"refusal", 422, `{"error":"no"}`, "s: no"},
		{"refusal without a word", 503, `{"error":""}`, `503 Service Unavailable {"error":""}`},
		{"no JSON", 200, "hello", "read its answer: invalid character"},
		{"another type", 200, `{"version":7}`, "read its answer: json: cannot unmarshal"},
		{"nothing", 200, "", "read its answer: unexpected end of JSON input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := answer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				w.Write([]byte(test.body))
			})
			s, err := c.Status(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v; want %q", s, err, test.want)
			}
		})
	}
}

func TestUnknownFieldsAreFine(t *testing.T) {
	c := answer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"version":"v9","of_the_future":1}`))
	})
	if s, err := c.Status(t.Context()); err != nil || s.Version != "v9" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestContextEnds(t *testing.T) {
	asked := make(chan struct{})
	c := answer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := c.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
