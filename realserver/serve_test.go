package realserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// asked is one request to a Keeper and what is wanted of the answer.
type asked struct {
	method, path, accept string
	code                 int
	kind, want           string
}

func (a asked) of(t *testing.T, h http.Handler) {
	t.Helper()
	r := httptest.NewRequest(a.method, a.path, nil)
	r.Header.Set("Accept", a.accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != a.code || !strings.HasPrefix(w.Header().Get("Content-Type"), a.kind) || !strings.Contains(w.Body.String(), a.want) {
		t.Errorf("%s %s, Accept %q: %d %q\n%s\nwant %d %q and %q", a.method, a.path, a.accept,
			w.Code, w.Header().Get("Content-Type"), w.Body, a.code, a.kind, a.want)
	}
}

const (
	textKind = "text/plain"
	jsonKind = "application/json"
)

func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA, vip6)
		idle, err := NewKeeper(KeeperConfig{Options: o, Host: h})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/vip/192.0.2.10"} {
			asked{"GET", path, "", 503, jsonKind, `{"healthy":false,"vips":["192.0.2.10"`}.of(t, idle.Handler())
		}
		k := keep(t, h, o)
		for _, a := range []asked{
			{"GET", "/", "", 200, jsonKind, `{"healthy":true,"since":"2000-01-01T00:00:00Z",`},
			{"HEAD", "/", "", 200, jsonKind, ""},
			{"GET", "/healthz", "*/*", 200, jsonKind, `"what":"2001:db8::10/128 is on lo, scope global"`},
			{"GET", "/healthz", "text/plain", 200, textKind, "healthy since 2000-01-01T00:00:00Z\nok     "},
			{"GET", "/vip/192.0.2.10", "application/json", 200, jsonKind, `"vips":["192.0.2.10"]`},
			{"GET", "/vip/2001:db8::10", "", 200, jsonKind, `"vips":["2001:db8::10"]`},
			{"GET", "/vip/2001:DB8:0::10", "", 200, jsonKind, `"vips":["2001:db8::10"]`},
			{"GET", "/vip/192.0.2.11", "", 404, textKind, "192.0.2.11 is not kept here; [192.0.2.10 2001:db8::10] are"},
			{"GET", "/vip/web", "", 400, textKind, "not an IP address"},
			{"GET", "/vip", "", 404, textKind, ""},
			{"POST", "/healthz", "", 405, textKind, ""},
		} {
			a.of(t, k.Handler())
		}
		k.drift(func(m *Memory) {
			m.Address = append(m.Address, Address{Interface: "eth0", Prefix: m.Address[len(m.Address)-2].Prefix})
		})
		for _, a := range []asked{
			{"GET", "/", "", 503, jsonKind, `{"healthy":false,`},
			{"GET", "/", "text/html", 503, textKind, "to mend: ip addr del 192.0.2.10/32 dev eth0\n"},
			{"GET", "/vip/192.0.2.10", "", 503, jsonKind, `"problem":"192.0.2.10: it is on eth0`},
			{"GET", "/vip/2001:db8::10", "", 200, jsonKind, `"healthy":true`},
		} {
			a.of(t, k.Handler())
		}
		k.end(t)
		asked{"GET", "/", "", 503, jsonKind, `is stopping`}.of(t, k.Handler())
	})
}

// TestReportJSON: a Report comes back from JSON as it was.
func TestReportJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, newHost(), options(t, vipA))
		w := httptest.NewRecorder()
		k.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		var r Report
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		want := k.Report()
		if !r.Since.Equal(want.Since) || !r.Checked.Equal(want.Checked) || !r.Healthy || !slices.Equal(r.VIPs, want.VIPs) ||
			r.String() != want.String() {
			t.Errorf("%+v, want %+v", r, want)
		}
		k.end(t)
	})
}

func TestPrefersText(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                               false,
		"*/*":                            false,
		"application/json":               false,
		"text/plain":                     true,
		"Text/Plain; charset=utf-8":      true,
		"text/*":                         true,
		"text/plain, application/json":   false,
		"text/plain, application/*;q=.9": true,
		"application/json;q=0.5,text/plain;q=0.4":                         false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true, // browsers
		"text/plain;q=0": false,
		"text/plain;q=x": false,
		";;;,,":          false,
	} {
		if got := prefersText(accept); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
