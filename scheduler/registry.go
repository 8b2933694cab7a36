package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// algorithm is one line of the registry.
type algorithm struct {
	flags []string
	build func(flags flagSet) Scheduler
}

var algorithms = map[string]algorithm{
	"dh":    {nil, newDH},
	"fo":    {nil, newFO},
	"lblc":  {nil, newLBLC},
	"lblcr": {nil, newLBLCR},
	"lc":    {nil, newLC},
	"mh":    {[]string{"mh-port", "mh-fallback"}, newMH},
	"nq":    {nil, newNQ},
	"ovf":   {nil, newOVF},
	"rr":    {nil, newRR},
	"sed":   {nil, newSED},
	"sh":    {[]string{"sh-port", "sh-fallback"}, newSH},
	"twos":  {nil, newTWOS},
	"wlc":   {nil, newWLC},
	"wrr":   {nil, newWRR},
}

// flagSet are the flags of a scheduler that a service has set.
type flagSet []string

func (f flagSet) has(name string) bool { return slices.Contains(f, name) }

// Names returns the names of the algorithms, sorted.
func Names() []string { return slices.Sorted(maps.Keys(algorithms)) }

// Flags returns the flags that the named algorithm takes; none for a name
// that is not in Names.
func Flags(name string) []string { return slices.Clone(algorithms[name].flags) }

// New returns a scheduler with no candidates: Pick gives nil until Update.
func New(name string, flags []string) (Scheduler, error) {
	a, ok := algorithms[name]
	if !ok {
		return nil, fmt.Errorf("scheduler %q is unknown: one of %s", name, strings.Join(Names(), ", "))
	}
	for _, f := range flags {
		switch {
		case slices.Contains(a.flags, f):
		case len(a.flags) == 0:
			return nil, fmt.Errorf("scheduler %s: flag %q: it takes no flags", name, f)
		default:
			return nil, fmt.Errorf("scheduler %s: flag %q is unknown: one of %s", name, f, strings.Join(a.flags, ", "))
		}
	}
	return a.build(slices.Clone(flags)), nil
}
