package demo

import (
	"os"

	"golang.org/x/sys/unix"
)

// StyleFor returns the style that suits a file: on a terminal it animates, in
// colour unless NO_COLOR is set (https://no-color.org) or colour is false;
// anything else, and a terminal that is dumb or too narrow to redraw, gets
// plain lines.
func StyleFor(f *os.File, colour bool) Style {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" {
		return Style{}
	}
	return Style{
		Colour: colour && os.Getenv("NO_COLOR") == "",
		// A width of 0 is that of a terminal which nobody has measured.
		Animate: size.Col == 0 || int(size.Col) > width,
	}
}
