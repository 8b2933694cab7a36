package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v: others could take it", info.Mode(), err)
	}
	if _, err := TryLock(path); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("a second one: %v", err)
	}
	Unlock(f)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unlocked, yet the file: %v", err)
	}
	if f, err = TryLock(path); err != nil {
		t.Fatal(err)
	}
	Unlock(f)
}

// TestLockExcludes: files come and go while many wait, and never two have the lock.
func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	in := make(chan struct{}, 1) // room for one
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				f, err := Lock(path)
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case in <- struct{}{}:
				default:
					t.Error("two have the lock")
				}
				select {
				case <-in:
				default:
				}
				Unlock(f)
			}
		})
	}
	all.Wait()
}

// A link that somebody else has put there is not followed.
func TestLockNoLink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "lock"), filepath.Join(dir, "target")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, unix.ELOOP) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link's target: %v", err)
	}
}
