package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// output keeps what a program prints. Standard output and standard error are
// kept apart and, as they come, together.
type output struct {
	mu             sync.Mutex
	all            bytes.Buffer
	stdout, stderr bytes.Buffer
	tee            io.Writer
	changed        chan struct{} // closed, and replaced, when there is more
	ended          bool
}

// stream is one of the two.
type stream struct {
	out  *output
	kept *bytes.Buffer
}

func (o *output) writer(kept *bytes.Buffer) io.Writer { return stream{o, kept} }

func (s stream) Write(p []byte) (int, error) {
	o := s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.Write(p)
	s.kept.Write(p)
	o.wake()
	if o.tee != nil {
		return o.tee.Write(p)
	}
	return len(p), nil
}

// wake tells who waits; the lock is held.
func (o *output) wake() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.wake()
}

func (o *output) read(b *bytes.Buffer) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return b.String()
}

func (o *output) lastLine() string {
	text := strings.TrimRight(o.read(&o.all), "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Output returns what the program has printed, both streams as they came.
func (p *Process) Output() string { return p.out.read(&p.out.all) }

// Stdout returns what the program has printed on standard output.
func (p *Process) Stdout() string { return p.out.read(&p.out.stdout) }

// Stderr returns what the program has printed on standard error.
func (p *Process) Stderr() string { return p.out.read(&p.out.stderr) }

// Mark returns a place in the output, its present end, for WaitOutputAfter.
func (p *Process) Mark() int { return len(p.Output()) }

// WaitOutput waits for a line with text in it, printed now or earlier, on
// either stream, and returns it. It fails when the program ends without one,
// when ctx ends, and, if ctx has no deadline, after 10 seconds.
func (p *Process) WaitOutput(ctx context.Context, text string) (string, error) {
	return p.WaitOutputAfter(ctx, 0, text)
}

// WaitOutputAfter is WaitOutput for lines that begin after the mark.
func (p *Process) WaitOutputAfter(ctx context.Context, mark int, text string) (string, error) {
	found, err := p.WaitMatch(ctx, mark, regexp.MustCompile(`(?m)^.*`+regexp.QuoteMeta(text)+`.*\n`))
	if err != nil {
		return "", fmt.Errorf("%s: wait for %q: %w", p, text, err)
	}
	return strings.TrimSuffix(found[0], "\n"), nil
}

// readyLook is how often WaitReady asks.
const readyLook = 10 * time.Millisecond

// WaitReady asks again and again until the program is ready. It fails with what the
// program has printed when that ends, or when it takes longer than the patience.
func (p *Process) WaitReady(ctx context.Context, patience time.Duration, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(readyLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; it printed: %s", context.Cause(ctx), p.Output())
		case <-p.Done():
			return fmt.Errorf("it ended: %w: %s", p.Wait(), p.Output())
		case <-look.C:
		}
		if ready(ctx) {
			return nil
		}
	}
}

// WaitMatch waits until the output after the mark matches, and returns the
// match and its submatches. It ends as WaitOutput does.
func (p *Process) WaitMatch(ctx context.Context, mark int, pattern *regexp.Regexp) ([]string, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	for {
		p.out.mu.Lock()
		text, changed, ended := p.out.all.String(), p.out.changed, p.out.ended
		p.out.mu.Unlock()
		if ended && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		if found := pattern.FindStringSubmatch(text[min(mark, len(text)):]); found != nil {
			return found, nil
		}
		if ended {
			return nil, fmt.Errorf("it ended, having printed:\n%s", text)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; it has printed:\n%s", context.Cause(ctx), text)
		}
	}
}
