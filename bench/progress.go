package bench

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Status is how far a run is.
type Status struct {
	What          string
	Round, Rounds int           // 0: there are none
	Left          time.Duration // 0: not known
	// Rate and Loss are those of the moment.
	Moving bool    // they are known
	Rate   float64 // frames a second
	Loss   float64 // 0..1
}

// String returns the status in one line.
func (s Status) String() string {
	var b strings.Builder
	if s.Rounds > 0 {
		fmt.Fprintf(&b, "%d/%d ", s.Round, s.Rounds)
	}
	b.WriteString(s.What)
	if s.Moving {
		fmt.Fprintf(&b, ", %s frames/s, loss %.2f %%", Scale(s.Rate), s.Loss*100)
	}
	if s.Left > 0 {
		fmt.Fprintf(&b, ", %v left", s.Left.Round(time.Second))
	}
	return b.String()
}

// Progress is told how far a run is. Show may be called from any goroutine, and
// as often as one likes.
type Progress interface {
	Show(Status)
	// Done ends the showing: what follows on the terminal stands by itself. Show
	// begins anew.
	Done()
}

// Silent shows nothing.
type Silent struct{}

func (Silent) Show(Status) {} // Show does nothing.
func (Silent) Done()       {} // Done does nothing.

// Line is one line of a terminal, written over again and again.
type Line struct {
	Out   io.Writer
	Width int // of the terminal; 0: 80

	mu    sync.Mutex
	shown string
}

// Show writes the line, if it has changed.
func (l *Line) Show(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := cut(s.String(), max(l.Width, 0)-1)
	if text == l.shown {
		return
	}
	l.shown = text
	fmt.Fprintf(l.Out, "\r\x1b[K%s", text)
}

// Done clears the line.
func (l *Line) Done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown != "" {
		fmt.Fprint(l.Out, "\r\x1b[K")
		l.shown = ""
	}
}

// cut shortens text to width columns; a width below 1 means that of a terminal
// of 80.
func cut(text string, width int) string {
	if width < 1 {
		width = 79
	}
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// Log writes a line to a log when a round begins: for runs that nobody watches.
type Log struct {
	Logger *slog.Logger

	mu    sync.Mutex
	round int
}

// Show logs the status if its round is not the one before.
func (l *Log) Show(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Round == l.round {
		return
	}
	l.round = s.Round
	attrs := []any{"what", s.What, "round", s.Round, "of", s.Rounds, "left", s.Left.Round(time.Second)}
	if s.Moving {
		attrs = append(attrs, "rate", math.Round(s.Rate), "loss", s.Loss)
	}
	l.Logger.Info("measuring", attrs...)
}

// Done makes the next round news, whatever its number.
func (l *Log) Done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.round = 0
}
