package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"lvsdr/admin/api"
)

// eventsHandler answers GET /v1/events. A follower hears something, if only an empty
// line, as often as the source yields.
func eventsHandler(source Source) http.HandlerFunc {
	streams := make(chan struct{}, maxStreams)
	return func(w http.ResponseWriter, r *http.Request) {
		filter, err := parseEventFilter(r.URL.RawQuery)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, &api.Error{Message: err.Error(), Code: api.CodeInvalid})
			return
		}
		select {
		case streams <- struct{}{}:
			defer func() { <-streams }()
		default:
			writeJSON(w, http.StatusServiceUnavailable, &api.Error{
				Message: fmt.Sprintf("%d streams of events are being read already: wait for one to end", maxStreams),
			})
			return
		}
		s := newStream(w)
		err = source.Events(r.Context(), filter, func(events []api.Event) bool {
			for i := range events {
				if !s.write(&events[i]) {
					return false
				}
			}
			return s.flush(len(events) == 0)
		})
		s.end(err)
	}
}

func parseEventFilter(query string) (f api.EventFilter, err error) {
	q, err := parseQuery(query, "since", "follow")
	if err != nil {
		return f, err
	}
	if text, given := q["since"]; given {
		if f.Since, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return f, fmt.Errorf("since: %q is no time such as 2006-01-02T15:04:05Z", text)
		}
	}
	if text, given := q["follow"]; given {
		if f.Follow, err = strconv.ParseBool(text); err != nil {
			return f, fmt.Errorf("follow: %q is neither true nor false", text)
		}
	}
	return f, nil
}

// flush sends what has been written, or an empty line, and reports whether the reader
// is still there.
func (s *stream) flush(emptyLine bool) bool {
	if emptyLine && s.err == nil {
		s.err = s.out.WriteByte('\n')
	}
	if s.err == nil {
		s.err = s.out.Flush()
	}
	return s.err == nil
}
