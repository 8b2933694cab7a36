package ipvsadm

import "strings"

// schedulerFlags are the flags of a scheduler as the kernel has them, bits
// without a name (IP_VS_SVC_F_SCHED1 to 3 in linux/ip_vs.h).
type schedulerFlags uint8

const flagCount = 3

// flagNames are the names of the bits for the schedulers that give them one.
var flagNames = map[string][]string{
	"sh": {"sh-fallback", "sh-port"},
	"mh": {"mh-fallback", "mh-port"},
}

// anyFlagNames name the bits whatever the scheduler.
var anyFlagNames = [flagCount]string{"flag-1", "flag-2", "flag-3"}

// parseFlags reads names with commas between them.
func parseFlags(scheduler, text string) (flags schedulerFlags, err error) {
	for name := range strings.SplitSeq(text, ",") {
		if name == "" {
			continue
		}
		bit := indexOf(anyFlagNames[:], name)
		for owner, names := range flagNames {
			i := indexOf(names, name)
			if i >= 0 && owner != scheduler {
				return 0, failf("incompatible scheduler flag `%s'", name)
			}
			bit = max(bit, i)
		}
		if bit < 0 {
			return 0, failf("invalid scheduler flag `%s'", name)
		}
		flags |= 1 << bit
	}
	return flags, nil
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// names are what the scheduler calls them, in the kernel's order; a bit that it
// has no name for keeps its own.
func (f schedulerFlags) names(scheduler string) (names []string) {
	for i := range flagCount {
		if f&(1<<i) == 0 {
			continue
		}
		name := anyFlagNames[i]
		if own := flagNames[scheduler]; i < len(own) {
			name = own[i]
		}
		names = append(names, name)
	}
	return names
}
