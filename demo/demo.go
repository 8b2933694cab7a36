package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"lvsdr/lab"
)

// DefaultRequests is how many requests are spread over the servers.
const DefaultRequests = 300

// ErrInterrupted is returned by [Run] when its context ended it.
var ErrInterrupted = errors.New("interrupted")

// Options say how the demo runs. Program and Out are required.
type Options struct {
	Program  string // path of the director's program
	Out      io.Writer
	Style    Style // zero: plain lines
	Requests int   // to spread over the servers; 0: DefaultRequests
	Stay     bool  // keep the LAN until ctx ends, and say how to look around
}

// story is one run of the demo.
type story struct {
	*lan
	screen   *screen
	requests int
	crowd    *crowd // of steps 4 and 5
	chart    timeline
}

// step is a chapter. Its error says what did not hold.
type step struct {
	title string
	show  func(*story, context.Context) error
}

var steps = []step{
	{"A LAN of five hosts", (*story).showLAN},
	{"Who has " + vip.String() + "?", (*story).showARP},
	{"Requests spread over the servers, replies bypass the director", (*story).showSpread},
	{"A server dies", (*story).showDeath},
	{"It comes back", (*story).showReturn},
	{"What the director says", (*story).showStatus},
}

// Run shows the demo. It returns when all is shown and removed; with an error
// if something did not hold or ctx ended it. With Stay the end of ctx is the
// normal one, once all was shown.
func Run(ctx context.Context, o Options) error {
	if o.Requests == 0 {
		o.Requests = DefaultRequests
	}
	started := time.Now()
	l, err := lab.New()
	if err != nil {
		return fmt.Errorf("build the LAN: %w", err)
	}
	defer l.Close() // for panics; the second time it does nothing
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	st := &story{
		lan:      &lan{lab: l, program: o.Program, ended: cancel},
		screen:   &screen{out: o.Out, style: o.Style},
		requests: o.Requests,
	}
	st.screen.title("director demo", "direct routing on a LAN in network namespaces of this machine")
	err = st.tell(ctx)
	if err == nil && o.Stay {
		err = st.stay(ctx)
	}
	cancel(nil)
	return st.finish(ctx, err, started)
}

// tell shows the steps until one does not hold.
func (st *story) tell(ctx context.Context) error {
	for i, s := range steps {
		st.screen.heading(i+1, s.title)
		err := s.show(st, ctx)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if errors.Is(err, context.Canceled) {
			return ErrInterrupted
		}
		if err = errors.Join(st.lab.Err(), err, st.screen.err); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, strings.ToLower(s.title), err)
		}
		st.screen.pause(ctx, 500*time.Millisecond)
	}
	return nil
}

// finish removes everything, also after an error, and checks that it is gone.
func (st *story) finish(ctx context.Context, err error, started time.Time) error {
	out := st.screen
	switch {
	case err == nil:
		out.heading(len(steps)+1, "The end")
	case errors.Is(err, ErrInterrupted):
		out.line("")
	default:
		out.line("")
		out.fails(err.Error())
		st.showLog()
	}
	if st.crowd != nil {
		st.crowd.leave()
	}
	removed := st.remove()
	if removed == nil {
		out.holds("everything is removed: nothing is left in the namespaces, so they are gone")
	} else {
		out.fails(removed.Error())
	}
	if err == nil {
		out.says("%.0f seconds in all", time.Since(started).Seconds())
	}
	return errors.Join(err, removed, out.err)
}

// showLog shows the end of what `director run` printed.
func (st *story) showLog() {
	if st.run == nil {
		return
	}
	const most = 12
	lines := strings.Split(strings.TrimSpace(st.run.Output()), "\n")
	st.screen.line("    the last lines of director run:")
	for _, line := range lines[max(0, len(lines)-most):] {
		st.screen.line("    | " + line)
	}
}
