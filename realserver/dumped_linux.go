package realserver

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumpTries is how often a list is asked for. Each try by itself fails only when
// something changes in the moment that it takes.
const dumpTries = 20

// dumped asks the kernel for a list again when it changed in the middle
// (NLM_F_DUMP_INTR of netlink(7)): part of it may be missing, or there twice.
func dumped[T any](list func() ([]T, error)) (all []T, err error) {
	for range dumpTries {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}
