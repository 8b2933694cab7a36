// Package lockfile locks files that nobody but their owner can open, so that no other
// user can keep a program waiting, as by flock(2) of a directory that all may open.
package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Lock makes and locks a file, and waits for whoever has it. Two locks of one process
// exclude each other too.
func Lock(path string) (*os.File, error) { return lock(path, unix.F_OFD_SETLKW) }

// TryLock is Lock, but the error wraps EAGAIN when somebody has the file (fcntl(2)).
func TryLock(path string) (*os.File, error) { return lock(path, unix.F_OFD_SETLK) }

func lock(path string, how int) (*os.File, error) {
	for {
		// Nobody else may open it: whoever can open a file can lock it, and keep
		// others waiting. A link that somebody else has put there is not followed.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		current, err := lockOpen(f, how)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if current {
			return f, nil
		}
		f.Close()
	}
}

// lockOpen locks the file and says whether it still has its name: who had it
// before may have removed it in between.
func lockOpen(f *os.File, how int) (current bool, err error) {
	for {
		err = unix.FcntlFlock(f.Fd(), how, &unix.Flock_t{Type: unix.F_WRLCK})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}

// Unlock removes the file while it is locked: nobody has it in between.
func Unlock(f *os.File) {
	os.Remove(f.Name())
	f.Close()
}
