package api

import (
	"context"
	"net/url"
)

// Connections calls fn for each connection that the filter takes, as they
// arrive and in no order, until fn returns an error, which Connections returns
// as it is. Those that come or go meanwhile may be missed. A stream that is cut
// is an error; a director that says nothing for 10 seconds is one too, but fn
// may take its time.
func (c *Client) Connections(ctx context.Context, filter ConnectionFilter, fn func(Connection) error) error {
	return readStream(ctx, c, "/v1/connections"+filter.query(), "list of connections",
		func(l *connectionLine) string { return l.Error }, func(l *connectionLine) error { return fn(l.Connection) })
}

// connectionLine is one line of the stream: a connection, or why there are no
// more.
type connectionLine struct {
	Connection
	Error string `json:"error"`
}

// query is the filter as the API takes it, with its question mark.
func (f *ConnectionFilter) query() string {
	q := make(url.Values)
	for key, value := range map[string]string{
		"client": f.Client, "vip": f.VIP, "server": f.Server, "service": f.Service, "state": f.State,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if f.Templates {
		q.Set("templates", "true")
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
