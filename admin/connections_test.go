package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

func connection(i int) api.Connection {
	return api.Connection{
		Service: "web", Protocol: "tcp", Client: fmt.Sprintf("198.51.100.7:%d", i), VIP: "192.0.2.10:80",
		Server: "192.0.2.21:80", State: "ESTABLISHED", Expires: 900, Template: i%2 == 0, Mark: uint32(i % 3),
	}
}

func TestConnectionsArrive(t *testing.T) {
	path, source := socketPath(t), always(nil)
	want := api.ConnectionFilter{
		Client: "2001:db8::/32", VIP: "192.0.2.10:80", Server: "192.0.2.21", Service: "a&b=c", State: "FIN_WAIT", Templates: true,
	}
	var got api.ConnectionFilter
	source.connections = func(_ context.Context, f api.ConnectionFilter, yield func(api.Connection) bool) error {
		got = f
		for i := range 10_000 {
			if !yield(connection(i)) {
				return errors.New("the reader left")
			}
		}
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	n := 0
	err := api.NewClient(path).Connections(t.Context(), want, func(c api.Connection) error {
		if c != connection(n) {
			t.Fatalf("connection %d: %+v", n, c)
		}
		n++
		return nil
	})
	if err != nil || n != 10_000 {
		t.Errorf("%d connections, %v", n, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the filter changed on the way (-sent +received):\n%s", diff)
	}
	if err := api.NewClient(path).Connections(t.Context(), api.ConnectionFilter{}, func(api.Connection) error { return nil }); err != nil || got != (api.ConnectionFilter{}) {
		t.Errorf("no filter: %+v, %v", got, err)
	}
}

// TestConnectionsRefused: what ends the list is an error wherever it comes, and
// a status code of 4xx before the first line.
func TestConnectionsRefused(t *testing.T) {
	path, source := socketPath(t), always(nil)
	before := 0
	source.connections = func(_ context.Context, _ api.ConnectionFilter, yield func(api.Connection) bool) error {
		for i := range before {
			yield(connection(i))
		}
		return &api.Error{Message: "client: x is no address", Code: api.CodeInvalid}
	}
	serve(t, admin.Options{Socket: path, Source: source})
	for _, before = range []int{0, 1, 10_000} {
		n := 0
		err := api.NewClient(path).Connections(t.Context(), api.ConnectionFilter{}, func(api.Connection) error {
			n++
			return nil
		})
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Message != "client: x is no address" || n != before {
			t.Errorf("after %d of %d connections: %v", n, before, err)
		}
	}
	before = 0
	if code, answer := request(t, path, "GET", "/v1/connections?client=x", ""); code != http.StatusUnprocessableEntity || !strings.Contains(answer, `"code":"invalid"`) {
		t.Errorf("%d %s", code, answer)
	}
}

func TestNoConnections(t *testing.T) {
	path, source := socketPath(t), always(nil)
	source.connections = func(context.Context, api.ConnectionFilter, func(api.Connection) bool) error { return nil }
	serve(t, admin.Options{Socket: path, Source: source})
	if code, answer := request(t, path, "GET", "/v1/connections", ""); code != http.StatusOK || answer != "" {
		t.Errorf("%d %q", code, answer)
	}
}

// TestConnectionsReaderLeaves: the director stops looking, whether lines are on
// their way or none is found.
func TestConnectionsReaderLeaves(t *testing.T) {
	path, source := socketPath(t), always(nil)
	ended := make(chan string, 1)
	source.connections = func(ctx context.Context, f api.ConnectionFilter, yield func(api.Connection) bool) error {
		yield(connection(0))
		if f.State != "" { // nothing more is found
			<-ctx.Done()
			ended <- "context"
			return ctx.Err()
		}
		for i := 0; yield(connection(i)); i++ {
		}
		ended <- "yield"
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	boom := errors.New("boom")
	err := api.NewClient(path).Connections(t.Context(), api.ConnectionFilter{}, func(api.Connection) error { return boom })
	if !errors.Is(err, boom) || err.Error() != "boom" {
		t.Errorf("what the caller said: %v", err)
	}
	if how := <-ended; how != "yield" {
		t.Errorf("ended by %s", how)
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		left <- api.NewClient(path).Connections(ctx, api.ConnectionFilter{State: "CLOSE"}, func(api.Connection) error { return nil })
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller left: %v", err)
	}
}

// TestManyReaders: those who read lists leave the socket to others, and hear so
// when there are too many of them.
func TestManyReaders(t *testing.T) {
	path, source := socketPath(t), always(&api.Status{Version: "v1"})
	reading, release := make(chan struct{}), make(chan struct{})
	source.connections = func(_ context.Context, f api.ConnectionFilter, _ func(api.Connection) bool) error {
		if f.State == "" {
			reading <- struct{}{}
			<-release
		}
		return nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	const most = 16
	left := make(chan error)
	for range most {
		go func() {
			left <- api.NewClient(path).Connections(t.Context(), api.ConnectionFilter{}, func(api.Connection) error { return nil })
		}()
		<-reading
	}
	if code, answer := request(t, path, "GET", "/v1/connections?state=CLOSE", ""); code != http.StatusServiceUnavailable || !strings.Contains(answer, "wait for one to end") {
		t.Errorf("one more list: %d %s", code, answer)
	}
	if s, err := api.NewClient(path).Status(t.Context()); err != nil || s.Version != "v1" {
		t.Errorf("status: %+v, %v", s, err)
	}
	close(release)
	for range most {
		if err := <-left; err != nil {
			t.Error(err)
		}
	}
	if code, answer := request(t, path, "GET", "/v1/connections?state=CLOSE", ""); code != http.StatusOK {
		t.Errorf("when they have ended: %d %s", code, answer)
	}
}
