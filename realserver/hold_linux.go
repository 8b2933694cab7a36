package realserver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lvsdr/internal/lockfile"
)

// holdPath is the file whose lock says that a Keeper has the VIP in hand. It is
// beside the record, and not the lock of Apply and Undo.
func (s *store) holdPath(vip netip.Addr) string {
	return filepath.Join(s.dir, fmt.Sprintf("realserver-%d-%s.run", s.id.NetNS, strings.ReplaceAll(vip.String(), ":", "_")))
}

// inHand are VIPs that this process has in hand.
type inHand struct {
	store *store
	files map[netip.Addr]*os.File
}

// hold takes the VIPs in hand until they are dropped, or this process ends.
func (s *store) hold(vips []netip.Addr) (*inHand, error) {
	h := &inHand{s, map[netip.Addr]*os.File{}}
	return h, h.take(vips)
}

// take takes all of the VIPs, or none. The error names who has one of them.
func (h *inHand) take(vips []netip.Addr) error {
	if err := os.MkdirAll(h.store.dir, 0o755); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	for i, vip := range vips {
		f, err := lockFile(h.store.holdPath(vip))
		if errors.Is(err, unix.EAGAIN) {
			err = fmt.Errorf("%v: another `director realserver run` keeps it%s: stop that one first, or leave this VIP to it",
				vip, h.store.holder(vip))
		}
		if err != nil {
			h.drop(vips[:i])
			return err
		}
		h.files[vip] = f
	}
	return nil
}

// drop lets VIPs go.
func (h *inHand) drop(vips []netip.Addr) {
	for _, vip := range vips {
		lockfile.Unlock(h.files[vip])
		delete(h.files, vip)
	}
}

// vips lists them.
func (h *inHand) vips() []netip.Addr { return sortedAddrs(slices.Collect(maps.Keys(h.files))) }

// lockFile makes, locks and signs a file. Where another has the lock, the error
// is EAGAIN.
func lockFile(path string) (*os.File, error) {
	f, err := lockfile.TryLock(path)
	if err != nil {
		return nil, err
	}
	if err := sign(f); err != nil {
		lockfile.Unlock(f)
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// sign writes this process's number over that of one that was killed.
func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	return err
}

// holder describes who has the VIP in hand, as far as can be told.
func (s *store) holder(vip netip.Addr) string {
	text, err := os.ReadFile(s.holdPath(vip))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

// held lists those of the VIPs that somebody has in hand, this process too.
func (s *store) held(vips []netip.Addr) ([]netip.Addr, error) {
	var held []netip.Addr
	for _, vip := range vips {
		locked, err := isLocked(s.holdPath(vip))
		if err != nil {
			return nil, err
		}
		if locked {
			held = append(held, vip)
		}
	}
	return held, nil
}

// refuseHeld is an error when somebody has one of the VIPs in hand: what is
// undone would be applied again at once.
func (s *store) refuseHeld(vips []netip.Addr) error {
	held, err := s.held(vips)
	if err != nil {
		return err
	}
	var errs []error
	for _, vip := range held {
		errs = append(errs, fmt.Errorf("%v: `director realserver run` keeps it%s and would apply it again: stop that one first",
			vip, s.holder(vip)))
	}
	return errors.Join(errs...)
}

// isLocked asks without taking the lock, which could be in another's way.
func isLocked(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil // nobody, or whoever asks will be told that he is not root
	}
	if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return false, fmt.Errorf("lock %s: %w", path, os.NewSyscallError("fcntl", err))
	}
	return lock.Type != unix.F_UNLCK, nil
}
