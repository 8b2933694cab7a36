package peer

import (
	"fmt"
	"slices"
	"strings"
)

// Choose returns those of all peers that have these names, in their order. An unknown
// name is an error with those that are known.
func Choose[P any](all []P, name func(P) string, names []string) ([]P, error) {
	var known []string
	for _, p := range all {
		known = append(known, name(p))
	}
	var chosen []P
	for _, n := range names {
		i := slices.Index(known, n)
		if i < 0 {
			return nil, fmt.Errorf("peer %q: want some of %s", n, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
