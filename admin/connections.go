package admin

import (
	"fmt"
	"net/http"
	"strconv"

	"lvsdr/admin/api"
)

// connectionsHandler answers GET /v1/connections.
func connectionsHandler(source Source) http.HandlerFunc {
	return streamHandler("lists of connections", parseFilter, func(r *http.Request, filter api.ConnectionFilter, s *stream) error {
		return source.Connections(r.Context(), filter, func(c api.Connection) bool { return s.write(&c) })
	})
}

func parseFilter(query string) (f api.ConnectionFilter, err error) {
	q, err := parseQuery(query, "client", "vip", "server", "service", "state", "templates")
	if err != nil {
		return f, err
	}
	f = api.ConnectionFilter{Client: q["client"], VIP: q["vip"], Server: q["server"], Service: q["service"], State: q["state"]}
	if text, given := q["templates"]; given {
		if f.Templates, err = strconv.ParseBool(text); err != nil {
			return f, fmt.Errorf("templates: %q is neither true nor false", text)
		}
	}
	return f, nil
}
