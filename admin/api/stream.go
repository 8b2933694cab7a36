package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// streamBuffer is how many bytes of a stream are read at once.
const streamBuffer = 64 << 10

// readStream asks for a stream of lines and calls fn for each, until fn returns an
// error. failure is what a line says of why there are no more; "": nothing. what is
// the stream for people.
func readStream[Line any](ctx context.Context, c *Client, path, what string, failure func(*Line) string, fn func(*Line) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.patience, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	resp, err := c.ask(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return c.wrap(timely(ctx, err))
	}
	defer resp.Body.Close()
	stream := json.NewDecoder(bufio.NewReaderSize(patientReader{resp.Body, timer, c.patience}, streamBuffer))
	for {
		var line Line
		switch err := stream.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return c.wrap(fmt.Errorf("the %s was cut off: the director ended, or waited too long for it to be read", what))
		case err != nil:
			return c.wrap(timely(ctx, fmt.Errorf("read the %s: %w", what, err)))
		}
		if text := failure(&line); text != "" {
			return c.wrap(&Error{Message: text})
		}
		if err := fn(&line); err != nil {
			return err
		}
	}
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
