package ipvsadm

import "fmt"

// The exit codes of ipvsadm.
const (
	exitDone    = 0
	exitFailed  = 1   // there is nothing to list
	exitUsage   = 2   // wrong usage, or nobody to ask
	exitRefused = 255 // a change was refused; a word that is no option
)

// mistake is why a line is not done.
type mistake struct {
	code int
	text string
	// ends says that the process ends there, also in the midst of a restore.
	ends bool
	// lost says that the line names no command: "Try ... --help".
	lost bool
}

func (m *mistake) Error() string { return m.text }

// failf is a mistake with which ipvsadm ends.
func failf(format string, args ...any) *mistake {
	return &mistake{code: exitUsage, text: fmt.Sprintf(format, args...), ends: true}
}

// noCommand is a line that begins with something else.
func noCommand() *mistake {
	return &mistake{code: exitRefused, text: "the line names no command, such as -A or -a", ends: true, lost: true}
}
