package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// streamBuffer is how many bytes of a stream are read at once.
const streamBuffer = 64 << 10

// Connections calls fn for each connection that the filter takes, as they
// arrive and in no order, until fn returns an error, which Connections returns
// as it is. Those that come or go meanwhile may be missed. A stream that is cut
// is an error; a director that says nothing for 10 seconds is one too, but fn
// may take its time.
func (c *Client) Connections(ctx context.Context, filter ConnectionFilter, fn func(Connection) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.patience, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	resp, err := c.ask(ctx, http.MethodGet, "/v1/connections"+filter.query(), http.NoBody)
	if err != nil {
		return c.wrap(timely(ctx, err))
	}
	defer resp.Body.Close()
	stream := json.NewDecoder(bufio.NewReaderSize(patientReader{resp.Body, timer, c.patience}, streamBuffer))
	for {
		var line connectionLine
		switch err := stream.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return c.wrap(errors.New("the list of connections was cut off: the director ended, or waited too long for it to be read"))
		case err != nil:
			return c.wrap(timely(ctx, fmt.Errorf("read the list of connections: %w", err)))
		case line.Error != "":
			return c.wrap(&Error{Message: line.Error})
		}
		if err := fn(line.Connection); err != nil {
			return err
		}
	}
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

// patientReader lets the timer run only while it waits for the director.
type patientReader struct {
	io.Reader
	timer    *time.Timer
	patience time.Duration
}

func (r patientReader) Read(p []byte) (int, error) {
	r.timer.Reset(r.patience)
	defer r.timer.Stop()
	return r.Reader.Read(p)
}

// timely is err, unless the cause was that the director took too long, or that
// the caller left.
func timely(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return explain(cause)
	}
	return err
}
