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
	return streamHandler("streams of events", parseEventFilter, func(r *http.Request, filter api.EventFilter, s *stream) error {
		return source.Events(r.Context(), filter, func(events []api.Event) bool {
			for i := range events {
				if !s.write(&events[i]) {
					return false
				}
			}
			return s.flush(len(events) == 0)
		})
	})
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
