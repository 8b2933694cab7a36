package realserver

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestDumped(t *testing.T) {
	for _, test := range []struct {
		name        string
		interrupted int // tries
		then        error
		want        error
		tries       int
	}{
		{"at once", 0, nil, nil, 1},
		{"a change in the middle", 3, nil, nil, 4},
		{"changes all the time", 1000, nil, netlink.ErrDumpInterrupted, dumpTries},
		{"another error", 1, unix.EPERM, unix.EPERM, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			tries := 0
			got, err := dumped(func() ([]int, error) {
				if tries++; tries <= test.interrupted {
					return []int{1}, netlink.ErrDumpInterrupted
				}
				return []int{1, 2}, test.then
			})
			if !errors.Is(err, test.want) || tries != test.tries || err == nil && len(got) != 2 {
				t.Errorf("%v, %v after %d tries, want %v after %d", got, err, tries, test.want, test.tries)
			}
		})
	}
}
