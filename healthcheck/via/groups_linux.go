package via

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// groups are the control groups of programs, one for each real server that a
// program asks: NAME/5 below the group of this process is that of server number 5.
// NAME has the network namespace in it, which is whose leftovers they are.
type groups struct {
	name string
	home *os.Root     // the group of this process; nil: not opened
	base *os.Root     // NAME
	has  map[int]bool // those that are there, ready
}

// errNoGroups is what a host says that cannot mark a program's sockets.
func errNoGroups(err error) error {
	return fmt.Errorf("a program that asks a VIP on one real server needs a control group (version 2) of the director's to make groups in, "+
		"with CAP_BPF and CAP_NET_ADMIN (systemd: Delegate=yes, ProtectControlGroups=no): %w; or set via: real", err)
}

func newGroups() (*groups, error) {
	info, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	return &groups{name: fmt.Sprintf("lvsdr-probes-%d", info.Sys().(*syscall.Stat_t).Ino), has: make(map[int]bool)}, nil
}

// clean removes what a killed process has left, with the programs that still run
// there. A host without control groups has none.
func (g *groups) clean() error {
	if err := g.openHome(); err != nil {
		return nil
	}
	base, err := g.home.OpenRoot(g.name)
	if err != nil {
		return nil
	}
	g.base = base
	return g.removeAll()
}

// open makes the group of groups, if it is not there.
func (g *groups) open() error {
	if g.base != nil {
		return nil
	}
	if err := g.openHome(); err != nil {
		return errNoGroups(err)
	}
	if err := g.home.Mkdir(g.name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return errNoGroups(err)
	}
	base, err := g.home.OpenRoot(g.name)
	if err != nil {
		return errNoGroups(err)
	}
	g.base = base
	return nil
}

// usable reports whether a group can be made, and a program be put there.
func (g *groups) usable() error {
	if err := g.open(); err != nil {
		return err
	}
	program, err := loadMarker(mark(1))
	if err != nil {
		return errNoGroups(err)
	}
	return program.Close()
}

// add makes the group of server number n.
func (g *groups) add(n int) error {
	if g.has[n] {
		return nil
	}
	if err := g.open(); err != nil {
		return err
	}
	if err := g.base.Mkdir(strconv.Itoa(n), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return errNoGroups(err)
	}
	dir, err := g.file(n)
	if err != nil {
		return errNoGroups(err)
	}
	defer dir.Close()
	if err := attachMarker(dir, mark(n)); err != nil {
		return errNoGroups(err)
	}
	g.has[n] = true
	return nil
}

// file opens the group of server number n.
func (g *groups) file(n int) (*os.File, error) {
	return g.base.OpenFile(strconv.Itoa(n), os.O_RDONLY|unix.O_DIRECTORY, 0)
}

// keep removes the groups of all servers but those.
func (g *groups) keep(numbers map[int]bool) error {
	var errs []error
	for n := range g.has {
		if !numbers[n] {
			errs = append(errs, g.remove(strconv.Itoa(n)))
			delete(g.has, n)
		}
	}
	return errors.Join(errs...)
}

// emptyWithin is how long a group's programs may take to die of SIGKILL.
const emptyWithin = time.Second

// remove ends what runs in a group, and removes it.
func (g *groups) remove(name string) error {
	err := g.base.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	events, err := g.base.OpenFile(path.Join(name, "cgroup.events"), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer events.Close()
	if err := g.base.WriteFile(path.Join(name, "cgroup.kill"), []byte("1"), 0); err != nil { // since Linux 5.14
		return fmt.Errorf("end the programs of control group %s/%s: %w", g.name, name, err)
	}
	if err := awaitEmpty(events); err != nil {
		return fmt.Errorf("control group %s/%s: %w", g.name, name, err)
	}
	return g.base.Remove(name)
}

// awaitEmpty waits until cgroup.events says that nothing runs there; it is
// signalled by POLLPRI when that changes.
func awaitEmpty(events *os.File) error {
	deadline := time.Now().Add(emptyWithin)
	for {
		text := make([]byte, 256)
		n, err := events.ReadAt(text, 0)
		if n == 0 && err != nil {
			return err
		}
		if strings.Contains(string(text[:n]), "populated 0") {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("its programs still run %v after SIGKILL", emptyWithin)
		}
		fds := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// removeAll removes every group, and closes what is open.
func (g *groups) removeAll() error {
	if g.base == nil {
		return g.closeHome()
	}
	names, err := fs.ReadDir(g.base.FS(), ".")
	errs := []error{err}
	for _, d := range names {
		if d.IsDir() {
			errs = append(errs, g.remove(d.Name()))
		}
	}
	errs = append(errs, g.base.Close(), g.home.Remove(g.name), g.closeHome())
	g.base, g.has = nil, make(map[int]bool)
	return errors.Join(errs...)
}

func (g *groups) closeHome() error {
	if g.home == nil {
		return nil
	}
	home := g.home
	g.home = nil
	return home.Close()
}

// openHome opens the group of this process: where the tree is mounted, or else, as
// where it is mounted read-only, in a mount of our own that nobody sees.
func (g *groups) openHome() error {
	if g.home != nil {
		return nil
	}
	own, err := ownGroup()
	if err != nil {
		return err
	}
	for _, mount := range mounts() {
		home, err := os.OpenRoot(path.Join(mount, own))
		if err != nil {
			continue
		}
		if unix.Faccessat(unix.AT_FDCWD, home.Name(), unix.W_OK, unix.AT_EACCESS) == nil {
			g.home = home
			return nil
		}
		_ = home.Close()
	}
	g.home, err = mountHome(own)
	return err
}

// ownGroup returns the path of this process's group in the tree of version 2.
func ownGroup() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return own, nil
		}
	}
	return "", errors.New("this host has no control groups of version 2")
}

// mounts returns where this process sees the tree of version 2, whole.
func mounts() (paths []string) {
	file, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return nil
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		// ID PARENT MAJOR:MINOR ROOT PATH OPTIONS… - TYPE SOURCE OPTIONS (proc(5))
		mount, kind, _ := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 && fields[3] == "/" {
			paths = append(paths, fields[4])
		}
	}
	return paths
}

// mountHome opens the own group in a mount that is attached nowhere, which lasts
// as long as something in it is open.
func mountHome(own string) (*os.Root, error) {
	context, err := unix.Fsopen("cgroup2", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen cgroup2", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, os.NewSyscallError("fsconfig cgroup2", err)
	}
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount cgroup2", err)
	}
	defer unix.Close(mount)
	return os.OpenRoot(path.Join("/proc/self/fd", strconv.Itoa(mount), own))
}
