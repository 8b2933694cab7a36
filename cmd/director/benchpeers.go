package main

import (
	"fmt"
	"strings"
)

// peerLines has a line for each peer, for help.
func peerLines[P any](peers []P, text func(P) (name, about string)) string {
	var b strings.Builder
	b.WriteString("The peers; one that this machine does not have is skipped, and said:\n")
	for _, p := range peers {
		name, about := text(p)
		fmt.Fprintf(&b, "  %-16s %s\n", name, about)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
