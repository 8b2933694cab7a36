package footprint

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestSmallPages: huge pages are made only where they are asked for, unless the
// kernel is too old to keep to that.
func TestSmallPages(t *testing.T) {
	New()
	want := uintptr(1 | exceptAdvised)
	if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 1, exceptAdvised, 0, 0); err != nil {
		want = 0 // and nothing was disabled altogether
	}
	got, _, errno := unix.Syscall6(unix.SYS_PRCTL, unix.PR_GET_THP_DISABLE, 0, 0, 0, 0, 0)
	if errno != 0 || got != want {
		t.Errorf("%d, %v, want %d", got, errno, want)
	}
}
