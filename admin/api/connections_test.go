package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const line = `{"service":"web","protocol":"tcp","client":"198.51.100.7:1","vip":"192.0.2.10:80","server":"192.0.2.21:80","state":"ESTABLISHED","expires":900}` + "\n"

// list returns how many connections arrived, and what ended the list.
func list(ctx context.Context, c *Client) (n int, err error) {
	err = c.Connections(ctx, ConnectionFilter{}, func(Connection) error {
		n++
		return nil
	})
	return n, err
}

func TestStrangeStreams(t *testing.T) {
	for _, test := range []struct {
		name string
		code int
		body string
		n    int
		want string
	}{
		{"older director", 404, "404 page not found\n", 0, "GET /v1/connections: it does not know that request: is it an older version?"},
		{"refusal", 422, `{"error":"state: no"}`, 0, "s: state: no"},
		{"error in the last line", 200, line + `{"error":"it is ending"}` + "\n", 1, "s: it is ending"},
		{"cut within a line", 200, line + line[:20], 1, "the list of connections was cut off"},
		{"no JSON", 200, line + "hello\n", 1, "read the list of connections: invalid character"},
		{"another type", 200, line + `{"expires":"soon"}` + "\n", 1, "read the list of connections: json: cannot unmarshal"},
		{"of the future", 200, `{"colour":"red"}` + "\n" + line, 2, ""},
		{"nothing", 200, "", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := list(t.Context(), answer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				io.WriteString(w, test.body)
			}))
			if n != test.n || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d connections, %v; want %d, %q", n, err, test.n, test.want)
			}
		})
	}
}

// TestStreamIsCut: between two lines too, it is not the end of the list.
func TestStreamIsCut(t *testing.T) {
	n, err := list(t.Context(), answer(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, line)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	if n != 1 || err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("%d connections, %v", n, err)
	}
}

// TestStreamFallsSilent: the client waits for the director, before the first
// line and after it, but not for ever.
func TestStreamFallsSilent(t *testing.T) {
	for _, text := range []string{"", line} {
		c := answer(t, func(w http.ResponseWriter, r *http.Request) {
			if text != "" {
				io.WriteString(w, text)
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		})
		c.patience = 50 * time.Millisecond
		n, err := list(t.Context(), c)
		if n != strings.Count(text, "\n") || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "it did not answer in time") {
			t.Errorf("%d connections, %v", n, err)
		}
	}
}

// TestSlowReader: what the caller does between two lines does not count.
func TestSlowReader(t *testing.T) {
	c := answer(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat(line, 3))
	})
	c.patience = 300 * time.Millisecond
	timer := time.NewTimer(2 * c.patience)
	err := c.Connections(t.Context(), ConnectionFilter{}, func(Connection) error {
		<-timer.C
		timer.Reset(0)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestListContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := list(ctx, answer(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
