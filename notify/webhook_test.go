package notify

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/admin/api"
)

// trip answers requests without a network.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(code int) *http.Response {
	return &http.Response{StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Body: io.NopCloser(strings.NewReader("ok"))}
}

// TestWebhookTriesAgain after failures that may pass, each time later.
func TestWebhookTriesAgain(t *testing.T) {
	refused := errors.New("connection refused")
	for name, c := range map[string]struct {
		answers []any // codes and errors
		retries int
		at      []time.Duration
		want    string
	}{
		"at once":           {[]any{204}, 3, []time.Duration{0}, ""},
		"in the end":        {[]any{503, refused, 429, 200}, 3, []time.Duration{0, 1, 3, 7}, ""},
		"never":             {[]any{503, 503, 500}, 2, []time.Duration{0, 1, 3}, "answered 500 Internal Server Error"},
		"refused":           {[]any{refused, refused}, 1, []time.Duration{0, 1}, "connection refused"},
		"no retries":        {[]any{502}, 0, []time.Duration{0}, "answered 502 Bad Gateway"},
		"no use":            {[]any{404}, 3, []time.Duration{0}, "answered 404 Not Found"},
		"sent elsewhere":    {[]any{307}, 3, []time.Duration{0}, "answered 307 Temporary Redirect"},
		"silent":            {[]any{nil, nil, 200}, 3, []time.Duration{0, 6, 13}, ""},
		"silent for ever":   {[]any{nil, nil}, 1, []time.Duration{0, 6}, "no answer within 5s"},
		"the longest pause": {[]any{500, 500, 500, 500, 500, 500, 500, 200}, 10, []time.Duration{0, 1, 3, 7, 15, 31, 61, 91}, ""},
	} {
		within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
			began := time.Now()
			var at []time.Duration
			r := &webhookReceiver{Webhook: Webhook{URL: "https://hooks.example.org/secret", Timeout: 5 * time.Second, Retries: c.retries}}
			r.client = &http.Client{
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
				Transport: trip(func(request *http.Request) (*http.Response, error) {
					at = append(at, time.Since(began)/time.Second)
					switch a := c.answers[len(at)-1].(type) {
					case int:
						return answer(a), nil
					case error:
						return nil, a
					default:
						<-request.Context().Done()
						return nil, request.Context().Err()
					}
				}),
			}
			n.webhook = openOutlet("webhook", r, 10, &n.webhooks, n.log)
			n.Send(server(1))
			time.Sleep(10 * time.Minute)
			if st := n.Status()[0]; st.Error != c.want || !slices.Equal(at, c.at) || strings.Contains(st.Error, "secret") {
				t.Errorf("%s: at %d s, %+v", name, at, st)
			}
			n.Close(soon(t, time.Second))
		})
	}
}

// TestWebhookAtTheEnd: it does not wait to try again, but the rest is sent.
func TestWebhookAtTheEnd(t *testing.T) {
	within(t, func(t *testing.T, n *Notifier, _ *bytes.Buffer) {
		attempts := 0
		r := &webhookReceiver{Webhook: Webhook{URL: "https://hooks.example.org/", Timeout: time.Second, Retries: 10}}
		r.client = &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
			attempts++
			return answer(503), nil
		})}
		n.webhook = openOutlet("webhook", r, 10, &n.webhooks, n.log)
		for i := range 4 {
			n.Send(server(i))
		}
		synctest.Wait()
		began := time.Now()
		n.Close(soon(t, time.Hour))
		if st := n.Status()[0]; attempts != 4 || st.Failed != 4 || time.Since(began) != 0 {
			t.Errorf("%d attempts in %v, %+v", attempts, time.Since(began), st)
		}
	})
}

// hook is a web server that notes what it is sent.
type hook struct {
	mu   sync.Mutex
	got  []api.Event
	head http.Header
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e api.Event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got, h.head = append(h.got, e), r.Header
	w.WriteHeader(http.StatusAccepted)
}

// post tells a web server of events.
func post(t *testing.T, w Webhook, events ...api.Event) api.Notifications {
	t.Helper()
	n := New(slog.New(slog.DiscardHandler))
	if err := n.Set(Options{Queue: 100, Webhook: w}); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		n.Send(e)
	}
	n.Close(soon(t, time.Minute))
	return n.Status()[0]
}

// TestWebhook over HTTP, and over HTTPS where the server must be whom it claims to be.
func TestWebhook(t *testing.T) {
	var sent []api.Event
	for i := range 20 {
		sent = append(sent, server(i))
	}
	for _, secure := range []bool{false, true} {
		h := new(hook)
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		w := Webhook{Timeout: 10 * time.Second, Retries: 0}
		if secure {
			s.StartTLS()
			w.CA = filepath.Join(t.TempDir(), "ca.pem")
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
			if err := os.WriteFile(w.CA, ca, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			s.Start()
		}
		w.URL = s.URL + "/secret"
		st := post(t, w, sent...)
		if st.Delivered != 20 || !slices.Equal(h.got, sent) || st.To != "webhook "+s.URL || h.head.Get("Content-Type") != "application/json" {
			t.Errorf("%+v, %v %v", st, h.got, h.head)
		}
		if secure {
			w.CA = ""
			if st := post(t, w, server(1)); st.Failed != 1 || !strings.Contains(st.Error, "certificate") || strings.Contains(st.Error, "secret") {
				t.Errorf("a certificate that nobody trusts: %+v", st)
			}
		}
		s.Close()
		if st := post(t, w, server(1)); st.Failed != 1 || !strings.Contains(st.Error, "refused") || strings.Contains(st.Error, "secret") {
			t.Errorf("nobody is there: %+v", st)
		}
	}
}
