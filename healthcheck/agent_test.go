package healthcheck

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestParseAgent(t *testing.T) {
	for text, want := range map[string]int{
		"75%": 75, "0%": 0, "100%": 100, "256%": 256, "1000%": 1000, " 30% \t": 30, "up": 100, "ready": 100, "READY": 100,
		"ready 50%": 50, "50%,up": 50, "up,ready": 100, "drain": 0, "maint": 0, "down # disk full": 0, "Stopped": 0, "fail": 0, "failed": 0,
		"100% drain": 0, "down disk full": 0, "10% 20%": 20,
		"": -1, "#": -1, " , ": -1, "75": -1, "-5%": -1, "1001%": -1, "%": -1, "much": -1, "99999999999999999999%": -1, "7.5%": -1,
	} {
		got, err := parseAgent(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

func FuzzParseAgent(f *testing.F) {
	for _, text := range []string{"75%", "ready,50%", "drain", "down # disk full", "\xff%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		percent, err := parseAgent(text)
		if percent < 0 || percent > maxPercent || err != nil && (percent != 0 || strings.ContainsAny(err.Error(), "\n\x00")) {
			t.Errorf("%q: %d, %v", text, percent, err)
		}
	})
}

// TestAgentHeader: what a server says comes with the result; that it cannot be understood
// is no failure.
func TestAgentHeader(t *testing.T) {
	for said, want := range map[string]Result{
		"":      {Message: "HTTP 200"},
		"40%":   {Message: "HTTP 200, 40 % of its weight", Weight: 40, Weighted: true, Percent: true},
		"drain": {Message: "HTTP 200, 0 % of its weight", Weighted: true, Percent: true},
		"lots":  {Message: "HTTP 200", Warning: `X-Agent-Check: "lots" is neither a percentage nor a word such as ready or drain`},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if said != "" {
				w.Header().Set("X-Agent-Check", said)
			}
		}))
		at := netip.MustParseAddrPort(server.Listener.Addr().String())
		spec := Defaults().WithKind("http")
		spec.Via = ViaReal
		c, err := New(spec, Target{Addr: at.Addr(), Port: at.Port()}, Way{})
		if err != nil {
			t.Fatal(err)
		}
		got := c.Check(t.Context())
		got.RTT, want.OK = 0, true
		if got != want {
			t.Errorf("%q: %+v", said, got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		var s Status
		s.observe(time.Now(), got, 1, 1)
		if fmt.Sprint(s.Weight, s.Weighted, s.Percent) != fmt.Sprint(want.Weight, want.Weighted, want.Percent) {
			t.Errorf("%q: %+v", said, s)
		}
	}
}
