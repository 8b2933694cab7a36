package ipvsadm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"lvsdr/admin/api"
)

// maxBatch is how many changes are asked for at once. The director makes them
// all before it answers.
const maxBatch = 1000

// restoring is -R under way. Changes wait for each other, since one request
// may cost as much as a thousand; whatever else a line asks for is done when
// those before it are made. As with ipvsadm, a change that is refused stops
// nothing, a wrong line stops all, and the last line gives the exit code.
type restoring struct {
	*session
	waiting []numbered
	batch   int // how many to ask for at once: fewer after a refusal
	code    int // of the last line that was done
}

// numbered is a change and its line.
type numbered struct {
	command command
	change  api.Change
	line    int
}

// restore does what each line of standard input asks for.
func (s *session) restore(ctx context.Context) int {
	r := restoring{session: s, batch: maxBatch}
	lines := newLineReader(s.Stdin)
	for {
		if lines.mustWait() { // for who writes them, who may wait for us
			r.out.Flush()
			if ends := r.flush(ctx, 0); ends {
				return r.code
			}
		}
		words, err := lines.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if r.line(ctx, words, lines.number, err) {
			return r.code
		}
	}
	r.flush(ctx, 0)
	return r.code
}

// line does one line, or lets it wait, and reports whether it was the last.
func (r *restoring) line(ctx context.Context, words []string, number int, err error) (ends bool) {
	var q *request
	if err == nil {
		q, err = parse(words, r.Names)
	}
	if err == nil && q.command == restore {
		err = noCommand() // not within itself
	}
	if err == nil {
		if change := q.change(); change != nil {
			r.waiting = append(r.waiting, numbered{q.command, *change, number})
			return len(r.waiting) >= maxBatch && r.flush(ctx, maxBatch-1)
		}
	}
	if r.flush(ctx, 0) {
		return true
	}
	if err == nil {
		err = r.do(ctx, q)
	}
	if err == nil {
		r.code = exitDone
		return q.command == help || q.command == version
	}
	return r.fail(err, number)
}

// flush asks for changes until at most so many wait, and reports whether
// nothing more can be done.
func (r *restoring) flush(ctx context.Context, left int) (ends bool) {
	for len(r.waiting) > left {
		n := min(r.batch, len(r.waiting))
		var changes api.Changes
		for _, w := range r.waiting[:n] {
			changes = append(changes, w.change)
		}
		_, err := r.Director.Change(ctx, changes)
		if err == nil {
			r.code, r.waiting, r.batch = exitDone, r.waiting[n:], min(2*r.batch, maxBatch)
			continue
		}
		made := 0
		if e := refusal(err); e != nil {
			made = min(max(e.Applied, 0), n-1)
		}
		refused := r.waiting[made]
		if r.fail(explain(err, refused.command), refused.line) {
			return true
		}
		r.waiting, r.batch = r.waiting[made+1:], min(max(2*made, 1), maxBatch)
	}
	return false
}

// fail reports a mistake, and whether it ends the restore.
func (r *restoring) fail(err error, number int) (ends bool) {
	r.out.Flush()
	r.code = r.report(err, fmt.Sprintf(" (line %d)", number))
	m := (*mistake)(nil)
	return errors.As(err, &m) && m.ends
}
