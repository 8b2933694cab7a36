package admin

import (
	"context"
	"log/slog"
	"net/http"

	"lvsdr/admin/api"
)

// maxStatus is how many statuses at once are made for TCP. More wait: all real
// servers may ask in the same second, when the power is back.
const maxStatus = 4

// newPublic is the handler of the TCP address: what may be read without access
// to the socket, and nothing that changes anything.
func newPublic(source Source, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", newMetrics(source, log))
	mux.HandleFunc("GET /v1/status", limited(maxStatus, statusHandler(source)))
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, api.Error{
			Message: r.Method + " " + r.URL.Path + ": over TCP there is only GET /v1/status; ask on the director's host, over its socket",
		})
	})
	return http.MaxBytesHandler(mux, maxBody)
}

// limited lets n requests at a time through to h. The others have the time of one
// status to wait.
func limited(n int, h http.HandlerFunc) http.HandlerFunc {
	turns := make(chan struct{}, n)
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
		defer cancel()
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
			h(w, r)
		case <-ctx.Done():
			writeError(w, ctx.Err())
		}
	}
}
