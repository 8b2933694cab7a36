package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"lvsdr/admin/api"
)

const (
	statusTimeout = 5 * time.Second
	reloadTimeout = 50 * time.Second
	// writeTimeout counts from a request's first byte.
	writeTimeout = reloadTimeout + 10*time.Second
	// maxBody is more than a request of this API ever has: none.
	maxBody = 4 << 10
)

// newAPI is the handler of the unix socket.
func newAPI(source Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
		defer cancel()
		status, err := source.Status(ctx)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, status)
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		// Whoever asked may hang up; the reload is not cut in half for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), reloadTimeout)
		defer cancel()
		reload, err := source.Reload(ctx)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, reload)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, api.Error{Message: r.Method + " " + r.URL.Path + ": no such request"})
	})
	return http.MaxBytesHandler(mux, maxBody)
}

// writeError tells a director that is too busy or ending from one that
// refuses.
func writeError(w http.ResponseWriter, err error) {
	code := http.StatusUnprocessableEntity
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		code = http.StatusServiceUnavailable
		err = errors.New("the director is busy or ending: it did not answer itself in time")
	}
	writeJSON(w, code, api.Error{Message: err.Error()})
}

// writeJSON writes the whole answer or, if the value has no JSON, an error.
func writeJSON(w http.ResponseWriter, code int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	w.Write(append(body, '\n')) // a client that is gone misses nothing
}
