package realserver

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// agentHeader is the field in which an answer says which part of its weight the host asks
// for, in the words of HAProxy's agent-check.
const agentHeader = "X-Agent-Check"

// Handler answers over HTTP from the last Report. Of the host it looks at the load alone:
//
//	GET /, /healthz   all VIPs
//	GET /vip/ADDRESS  one of them
//
// The status is 200 when the Report is healthy, and 503 when it is not. The body
// is the Report as JSON or, for a client that would rather have it, as text.
func (k *Keeper) Handler() http.Handler {
	respond := func(w http.ResponseWriter, r *http.Request, report Report) {
		if k.config.Proc != nil {
			report.Load = hostLoad(k.config.Proc)
		}
		respond(w, r, report)
	}
	mux := http.NewServeMux()
	all := func(w http.ResponseWriter, r *http.Request) { respond(w, r, k.Report()) }
	mux.HandleFunc("GET /{$}", all)
	mux.HandleFunc("GET /healthz", all)
	mux.HandleFunc("GET /vip/{address}", func(w http.ResponseWriter, r *http.Request) {
		vip, err := netip.ParseAddr(r.PathValue("address"))
		if err != nil {
			http.Error(w, "not an IP address", http.StatusBadRequest)
			return
		}
		report, ok := k.VIPReport(vip.Unmap())
		if !ok {
			http.Error(w, fmt.Sprintf("%v is not kept here; %v are", vip, k.Report().VIPs), http.StatusNotFound)
			return
		}
		respond(w, r, report)
	})
	return mux
}

// respond writes the Report in the form that the client prefers.
func respond(w http.ResponseWriter, r *http.Request, report Report) {
	body, kind := report.String(), "text/plain; charset=utf-8"
	if !prefersText(r.Header.Get("Accept")) {
		text, err := json.Marshal(report)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body, kind = string(text)+"\n", "application/json"
	}
	code := http.StatusOK
	if !report.Healthy {
		code = http.StatusServiceUnavailable
	}
	if report.Load != nil {
		w.Header().Set(agentHeader, fmt.Sprintf("%d%%", report.Load.Weight))
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	io.WriteString(w, body) // a client that is gone misses nothing
}

// prefersText reads an Accept header (RFC 9110, 12.5.1). Whoever takes anything
// gets JSON; a browser, which names text/html, gets text.
func prefersText(accept string) bool {
	var text, other float64
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if value, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				continue
			}
		}
		switch kind {
		case "text/plain", "text/html", "text/*":
			text = max(text, q)
		case "application/json", "application/*":
			other = max(other, q)
		}
	}
	return text > other
}
