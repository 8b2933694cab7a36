package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// width is how many columns the demo's own lines take.
const width = 78

// screen shows lines, and redraws some of them in place where that is
// possible. Its first error of writing is kept in err.
type screen struct {
	out   io.Writer
	style Style
	live  int // lines that the next draw replaces
	err   error
}

func (s *screen) write(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.out, text)
	}
}

// line writes a line below all others.
func (s *screen) line(text string) {
	s.live = 0
	s.write(text + "\n")
}

// lines writes several.
func (s *screen) lines(texts []string) {
	for _, text := range texts {
		s.line(text)
	}
}

// draw shows the lines in the place of those of the last draw. Without
// animation it does nothing: settle shows the last state.
func (s *screen) draw(lines []string) {
	if !s.style.Animate {
		return
	}
	var b strings.Builder
	if s.live > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.live) // cursor up
	}
	for _, line := range lines {
		b.WriteString("\r" + line + "\x1b[K\n") // erase to the end of the line
	}
	s.write(b.String())
	s.live = len(lines)
}

// settle shows the lines for good.
func (s *screen) settle(lines []string) {
	if s.style.Animate {
		s.draw(lines)
		s.live = 0
		return
	}
	s.lines(lines)
}

// pause lets a reader read.
func (s *screen) pause(ctx context.Context, d time.Duration) {
	if s.style.Animate {
		sleep(ctx, d) // its end is seen by whoever goes on
	}
}

func (s *screen) title(name, about string) {
	s.line("")
	s.line("  " + s.style.paint(bold, name) + "  " + s.style.paint(faint, about))
}

func (s *screen) heading(number int, text string) {
	rule := strings.Repeat("─", max(3, width-utf8.RuneCountInString(text)-7))
	s.line("")
	s.line(s.style.paint(faint, "──") + " " + s.style.paint(bold, fmt.Sprintf("%d  %s", number, text)) + " " + s.style.paint(faint, rule))
	s.line("")
}

// command shows a command as if it were typed on a host.
func (s *screen) command(host, text string) {
	s.line("    " + s.style.paint(inkOf(host), host) + s.style.paint(faint, " # ") + s.style.paint(bold, text))
}

// output shows what a command has printed.
func (s *screen) output(text string) {
	for line := range strings.Lines(text) {
		s.line("      " + s.style.paint(faint, strings.TrimRight(line, "\n")))
	}
}

// says writes a line of the story.
func (s *screen) says(format string, args ...any) {
	s.line(strings.TrimRight("    "+fmt.Sprintf(format, args...), " "))
}

// holds marks something that was found to be so.
func (s *screen) holds(format string, args ...any) {
	s.line("  " + s.style.paint(green, "✓") + " " + fmt.Sprintf(format, args...))
}

// fails marks something that was found not to be so.
func (s *screen) fails(text string) {
	s.line("  " + s.style.paint(red, "✗ "+strings.ReplaceAll(text, "\n", "\n    ")))
}
