package admin_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

// clientOf asks a server over TCP.
func clientOf(t *testing.T, s *admin.Server) *api.Client {
	t.Helper()
	c, err := api.NewClientAt("http://" + s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStatusOverTCP(t *testing.T) {
	want := sample()
	s, _ := serve(t, admin.Options{Socket: socketPath(t), Listen: "127.0.0.1:0", Source: always(want)})
	got, err := clientOf(t, s).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status changed on the way (-sent +received):\n%s", diff)
	}
}

// TestTCPSaysWhatThereIs: who asks for a change is told where to.
func TestTCPSaysWhatThereIs(t *testing.T) {
	s, _ := serve(t, admin.Options{Socket: socketPath(t), Listen: "127.0.0.1:0", Source: always(sample())})
	c := clientOf(t, s)
	_, reload := c.Reload(t.Context())
	_, change := c.Change(t.Context(), api.Changes{{Op: api.Clear}})
	_, why := c.Why(t.Context(), "tcp", "192.0.2.1:1", "192.0.2.10:80")
	_, order := c.Order(t.Context(), api.OrderRequest{Duty: api.Drain, Server: "192.0.2.21"})
	for _, err := range []error{reload, change, why, order} {
		if err == nil || !strings.Contains(err.Error(), "over TCP there is only GET /v1/status") {
			t.Errorf("%v", err)
		}
	}
}
