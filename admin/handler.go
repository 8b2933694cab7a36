package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lvsdr/admin/api"
)

const (
	statusTimeout = 5 * time.Second
	changeTimeout = 50 * time.Second // of a reload too
	// writeTimeout counts from a request's first byte.
	writeTimeout = changeTimeout + 10*time.Second
	// maxBody is more than any request has but one that brings changes.
	maxBody = 4 << 10
)

// newAPI is the handler of the unix socket.
func newAPI(source Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", small(statusHandler(source)))
	mux.HandleFunc("GET /v1/why", small(func(w http.ResponseWriter, r *http.Request) {
		q, err := parseQuery(r.URL.RawQuery, "protocol", "client", "vip")
		if err != nil {
			writeJSON(w, http.StatusBadRequest, &api.Error{Message: err.Error(), Code: api.CodeInvalid})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
		defer cancel()
		why, err := source.Why(ctx, q["protocol"], q["client"], q["vip"])
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, why)
	}))
	mux.HandleFunc("POST /v1/reload", small(func(w http.ResponseWriter, r *http.Request) {
		// Whoever asked may hang up; the reload is not cut in half for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
		defer cancel()
		reload, err := source.Reload(ctx)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, reload)
	}))
	mux.HandleFunc("POST /v1/changes", changesHandler(source))
	mux.HandleFunc("POST /v1/orders", small(ordersHandler(source)))
	mux.HandleFunc("GET /v1/connections", small(connectionsHandler(source)))
	mux.HandleFunc("GET /v1/events", small(eventsHandler(source)))
	mux.HandleFunc("/", small(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, api.Error{Message: r.Method + " " + r.URL.Path + ": no such request"})
	}))
	return mux
}

// statusHandler answers with the director's state.
func statusHandler(source Source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
		defer cancel()
		status, err := source.Status(ctx)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, status)
	}
}

// small refuses to read more of a request than one without changes may have.
func small(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h(w, r)
	}
}

// parseQuery reads a query in which each of the keys may be given once, and no
// other: what it asks for would not be done.
func parseQuery(query string, keys ...string) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	out := make(map[string]string, len(values))
	for key, v := range values {
		switch {
		case !slices.Contains(keys, key):
			return nil, fmt.Errorf("%s: there is no such key; there are %s", key, strings.Join(keys, ", "))
		case len(v) > 1:
			return nil, fmt.Errorf("%s is given twice", key)
		}
		out[key] = v[0]
	}
	return out, nil
}

// writeError tells a director that is too busy or ending from one that
// refuses.
func writeError(w http.ResponseWriter, err error) {
	code, answer := errorOf(err)
	writeJSON(w, code, answer)
}

// errorOf is an error as the API says it.
func errorOf(err error) (code int, answer *api.Error) {
	if errors.As(err, &answer) {
		return http.StatusUnprocessableEntity, answer
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return http.StatusServiceUnavailable,
			&api.Error{Message: "the director is busy or ending: it did not answer itself in time"}
	}
	return http.StatusUnprocessableEntity, &api.Error{Message: err.Error()}
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
