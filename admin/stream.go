package admin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"lvsdr/admin/api"
)

const (
	// pieceSize is how many bytes of a stream are sent at once.
	pieceSize = 64 << 10
	// pieceTimeout is how long a reader may take for one piece: somebody may
	// read it page by page.
	pieceTimeout = 10 * time.Minute
	// maxStreams is how many may be read at once: readers who take nothing must
	// leave the socket to others.
	maxStreams = maxConnections / 4
)

// streamHandler answers with a stream of what the query asks for; what names such
// streams, for those who come when too many are being read.
func streamHandler[Filter any](what string, parse func(query string) (Filter, error), fill func(*http.Request, Filter, *stream) error) http.HandlerFunc {
	streams := make(chan struct{}, maxStreams)
	return func(w http.ResponseWriter, r *http.Request) {
		filter, err := parse(r.URL.RawQuery)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, &api.Error{Message: err.Error(), Code: api.CodeInvalid})
			return
		}
		select {
		case streams <- struct{}{}:
			defer func() { <-streams }()
		default:
			writeJSON(w, http.StatusServiceUnavailable, &api.Error{
				Message: fmt.Sprintf("%d %s are being read already: wait for one to end", maxStreams, what),
			})
			return
		}
		s := newStream(w)
		s.end(fill(r, filter, s))
	}
}

// stream writes JSON values, one a line, as they come.
type stream struct {
	w       http.ResponseWriter
	out     *bufio.Writer
	lines   *json.Encoder
	started bool  // the status code is sent
	err     error // that ended the writing
}

func newStream(w http.ResponseWriter) *stream {
	s := &stream{w: w}
	s.out = bufio.NewWriterSize(piece{s}, pieceSize)
	s.lines = json.NewEncoder(s.out)
	return s
}

// write adds a line, and reports whether the reader is still there.
func (s *stream) write(value any) bool {
	if s.err == nil {
		s.err = s.lines.Encode(value)
	}
	return s.err == nil
}

// end writes what is left, and err, if there is one, where the reader finds it:
// in place of the first line, or as the last.
func (s *stream) end(err error) {
	switch {
	case s.err != nil: // nobody reads any more
	case err != nil && !s.started && s.out.Buffered() == 0:
		writeError(s.w, err)
		return
	case err != nil:
		_, answer := errorOf(err)
		s.write(answer)
	}
	if s.err == nil {
		s.err = s.out.Flush()
	}
	if s.err == nil && !s.started { // not one line
		s.start()
	}
}

func (s *stream) start() {
	s.started = true
	s.w.Header().Set("Content-Type", "application/x-ndjson")
	s.w.Header().Set("Cache-Control", "no-store")
	s.w.WriteHeader(http.StatusOK)
}

// piece sends what it is given at once, with a deadline of its own: that of
// the server is for answers of one piece.
type piece struct{ *stream }

func (p piece) Write(b []byte) (int, error) {
	if !p.started {
		p.start()
	}
	control := http.NewResponseController(p.w)
	if err := control.SetWriteDeadline(time.Now().Add(pieceTimeout)); err != nil {
		return 0, err
	}
	n, err := p.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, control.Flush()
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
