package realserver

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLockOfOthers: everybody may open the state directory and lock it. That must not
// keep apply and undo waiting.
func TestLockOfOthers(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	if err := os.MkdirAll(o.StateDir, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := os.Open(o.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0)
	h.Hook = func(string) error {
		r, err := newRunner(o, h)
		if err != nil {
			return err
		}
		info, err := os.Stat(r.store.lockPath())
		if err == nil {
			mode = info.Mode()
		}
		return err
	}
	mustApply(t, o, h)
	if mode != 0o600 {
		t.Errorf("the lock's mode is %v: others could take it", mode)
	}
	if _, err := Undo(o, h); err != nil {
		t.Error(err)
	}
	wantNoRecord(t, o)
}
