package lab

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// errNoNamespace is what operations on a node that could not be made return.
var errNoNamespace = errors.New("its namespace was not made")

// maxIdle is how many threads a namespace keeps for the next closure.
const maxIdle = 4

// namespaceKind says what a namespace holds besides the network.
type namespaceKind bool

const (
	hostNamespace   namespaceKind = true  // and mounts: /sys and /run of its own
	switchNamespace namespaceKind = false // network only
)

// namespace is a network namespace without a name, and the threads inside it.
type namespace struct {
	net, mnt int // file descriptors; mnt is -1 if there are no mounts
	inode    uint64
	handle   *netlink.Handle
	// keeper made the namespace. It forks the node's processes: their
	// parent-death signal comes when it ends, so it lives until close.
	keeper *thread

	life sync.RWMutex // held for reading by what needs the namespace to stay
	gone error        // why it cannot be used: ErrClosed, errNoNamespace

	mu   sync.Mutex
	idle []*thread
}

func newNamespace(kind namespaceKind) (*namespace, error) {
	n := &namespace{net: -1, mnt: -1}
	keeper, err := startThread(func() error { return n.make(kind) })
	if err != nil {
		n.close()
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w: %w", ErrPrivilege, err)
		}
		return nil, err
	}
	n.keeper = keeper
	return n, nil
}

// noNamespace stands in for one that could not be made.
func noNamespace() *namespace { return &namespace{net: -1, mnt: -1, gone: errNoNamespace} }

// make moves the calling thread into new namespaces and opens them.
func (n *namespace) make(kind namespaceKind) error {
	flags := unix.CLONE_NEWNET
	if kind == hostNamespace {
		flags |= unix.CLONE_NEWNS
	}
	if err := unix.Unshare(flags); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	var err error
	if kind == hostNamespace {
		if err := privateMounts(); err != nil {
			return err
		}
		if n.mnt, err = openSelf("ns/mnt"); err != nil {
			return err
		}
	}
	if n.net, err = openSelf("ns/net"); err != nil {
		return err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(n.net, &stat); err != nil {
		return fmt.Errorf("stat namespace: %w", err)
	}
	n.inode = stat.Ino
	if n.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	if err := n.handle.SetSocketTimeout(10 * time.Second); err != nil {
		return fmt.Errorf("set netlink timeout: %w", err)
	}
	return n.quiet()
}

func openSelf(name string) (int, error) {
	fd, err := unix.Open("/proc/thread-self/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", name, err)
	}
	return fd, nil
}

// privateMounts gives the calling thread's new mount namespace the /sys of its
// network namespace and an empty /run, so that programs on different hosts do
// not meet at /run/NAME.sock or a pid file. Everything else is shared.
func privateMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	kept := make(map[string]int)
	for _, path := range []string{"/sys/fs/cgroup", "/sys/fs/bpf"} {
		if fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
			kept[path] = fd
			defer unix.Close(fd)
		}
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	for path, fd := range kept {
		// Best effort: programs do without where there is no such hierarchy.
		_ = unix.Mount(fmt.Sprintf("/proc/thread-self/fd/%d", fd), path, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return nil
}

// quiet sets lo up and IPv6 down, on the namespace's own thread.
func (n *namespace) quiet() error {
	lo, err := n.handle.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	for _, key := range []string{"conf/all/disable_ipv6", "conf/default/disable_ipv6"} {
		if err := writeSysctl("net/ipv6/"+key, "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for key, value := range map[string]string{"accept_dad": "0", "accept_ra": "0", "autoconf": "0", "router_solicitations": "0"} {
		for _, scope := range []string{"all", "default"} {
			if err := writeSysctl("net/ipv6/conf/"+scope+"/"+key, value); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	if err := n.handle.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// enter moves the calling thread into the namespace.
func (n *namespace) enter(workingDirectory string) error {
	if n.mnt >= 0 {
		// A thread that shares its working directory with others may not move.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Setns(n.mnt, unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter mounts: %w", err)
		}
		if err := unix.Chdir(workingDirectory); err != nil {
			return fmt.Errorf("enter %s: %w", workingDirectory, err)
		}
	}
	if err := unix.Setns(n.net, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network: %w", err)
	}
	return nil
}

// do runs fn on a thread inside the namespace: an idle one, or a new one, so
// that closures never wait for each other.
func (n *namespace) do(fn func() error) error {
	t, err := n.take()
	if err != nil {
		return err
	}
	j := t.start(fn)
	if j.exited && j.panicked == nil {
		return j.finish() // its goroutine, and so the thread, is gone already
	}
	n.put(t, j.clean())
	return j.finish()
}

func (n *namespace) take() (*thread, error) {
	n.life.RLock()
	defer n.life.RUnlock()
	if n.gone != nil {
		return nil, n.gone
	}
	n.mu.Lock()
	if last := len(n.idle) - 1; last >= 0 {
		t := n.idle[last]
		n.idle = n.idle[:last]
		n.mu.Unlock()
		return t, nil
	}
	n.mu.Unlock()
	directory, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find working directory: %w", err)
	}
	return startThread(func() error { return n.enter(directory) })
}

// put takes a thread back, or ends it.
func (n *namespace) put(t *thread, clean bool) {
	n.life.RLock()
	defer n.life.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if clean && n.gone == nil && len(n.idle) < maxIdle {
		n.idle = append(n.idle, t)
		return
	}
	t.stop()
}

// fork runs fn, which starts a process, on the thread that lives as long as
// the namespace does.
func (n *namespace) fork(fn func() error) error {
	n.life.RLock()
	defer n.life.RUnlock()
	if n.gone != nil {
		return n.gone
	}
	return n.keeper.run(fn)
}

// rtnetlink runs fn with the namespace's netlink socket. A closed handle would
// silently talk to the caller's own namespace, hence the check.
func (n *namespace) rtnetlink(fn func(*netlink.Handle) error) error {
	n.life.RLock()
	defer n.life.RUnlock()
	if n.gone != nil {
		return n.gone
	}
	return fn(n.handle)
}

// close ends the threads and lets go of the namespace. The kernel frees it, and
// the interfaces in it, once nothing else holds it.
func (n *namespace) close() {
	n.life.Lock()
	defer n.life.Unlock()
	if n.gone != nil {
		return
	}
	n.gone = ErrClosed
	for _, t := range n.idle {
		t.stop()
	}
	n.idle = nil
	if n.keeper != nil {
		n.keeper.stop()
	}
	if n.handle != nil {
		n.handle.Close()
	}
	for _, fd := range []int{n.net, n.mnt} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
