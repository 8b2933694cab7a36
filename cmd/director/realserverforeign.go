package main

import (
	"fmt"
	"io"

	"lvsdr/realserver"
)

// warnOfForeign says what else on the host will fight what was applied. That is no failure:
// what was applied works until then.
func warnOfForeign(out io.Writer, o realserver.Options, host realserver.Host) {
	findings, err := realserver.Foreign(o, host)
	if err != nil {
		fmt.Fprintf(out, "warning: not looked at what else sets up this host: %v\n", err)
	}
	for _, f := range findings {
		word := "warning"
		if f.OK {
			word = "note"
		}
		fmt.Fprintf(out, "%s: %s: %s\n  to mend: %s\n", word, f.What, f.Why, f.Remedy)
	}
}
