package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

func TestAddresses(t *testing.T) {
	for address, where := range map[string]string{
		"unix:/run/d.sock":         "/run/d.sock",
		"http://192.0.2.2:9480":    "http://192.0.2.2:9480",
		"http://192.0.2.2:9480/":   "http://192.0.2.2:9480",
		"http://[2001:db8::2]:80":  "http://[2001:db8::2]:80",
		"https://director.lan:443": "https://director.lan:443",
	} {
		if c, err := NewClientAt(address); err != nil || c.where != where {
			t.Errorf("%s: %+v, %v", address, c, err)
		}
	}
	for _, address := range []string{
		"", "/run/d.sock", "unix:d.sock", "unix:", "192.0.2.2:9480", "http://192.0.2.2", "http://:9480", "ftp://192.0.2.2:21",
		"http://u:p@192.0.2.2:9480", "http://192.0.2.2:9480/v1/status", "http://192.0.2.2:9480?x=1", "http://192.0.2.2:9480#x", "http://[::1",
	} {
		if c, err := NewClientAt(address); err == nil || !strings.Contains(err.Error(), "http://") && !strings.Contains(err.Error(), "unix:/") {
			t.Errorf("%q: %+v, %v", address, c, err)
		}
	}
}

// remote runs a server on a TCP address.
func remote(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := NewClientAt(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRemoteStatus(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // must not matter
	c := remote(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1/status" {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(`{"version":"v9"}`))
	})
	if s, err := c.Status(t.Context()); err != nil || s.Version != "v9" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRemoteRefusals(t *testing.T) {
	elsewhere := remote(t, func(http.ResponseWriter, *http.Request) { t.Error("followed to another host") })
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"another server", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, "it does not know that request"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.base, http.StatusFound)
		}, "302 Found"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, 5000))
		}, "more than 4096 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := remote(t, test.answer)
			c.limit = 4096
			if s, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v; want %q", s, err, test.want)
			}
		})
	}
}

// TestRemoteDown: nobody listens any more, and one that never answers.
func TestRemoteDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c, err := NewClientAt("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context())
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "admin.listen") || !strings.Contains(err.Error(), address) {
		t.Errorf("%v", err)
	}
	silent := remote(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if _, err := silent.Status(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "firewall") {
		t.Errorf("%v", err)
	}
}
