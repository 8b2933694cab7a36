package realserver

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const bootIDFile = procSys + "/kernel/random/boot_id"

// LinuxHost is the running kernel: rtnetlink(7) and /proc/sys, in the network
// namespace of the calling thread. The zero value works.
type LinuxHost struct {
	// Root is the directory with the files that boots read; "" is "/". What is
	// below /proc and the state directory are not looked for in it.
	Root string
}

var _ Host = LinuxHost{}

// Identity implements Host.
func (LinuxHost) Identity() (Identity, error) {
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return Identity{}, fmt.Errorf("boot id: %w", explainSysctl(err))
	}
	ns, err := netnsCookie()
	if err != nil {
		return Identity{}, fmt.Errorf("network namespace: %w", err)
	}
	return Identity{Boot: strings.TrimSpace(string(boot)), NetNS: ns}, nil
}

// netnsCookie names the calling thread's network namespace: by its cookie or,
// before Linux 5.14, by its inode, which the kernel may use again.
func netnsCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err == nil {
		return cookie, nil
	}
	var stat unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &stat); err != nil {
		return 0, fmt.Errorf("stat /proc/thread-self/ns/net: %w", err)
	}
	return stat.Ino, nil
}

// Links implements Host.
func (LinuxHost) Links() ([]Link, error) {
	list, err := dumped(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	links := make([]Link, 0, len(list))
	for _, l := range list {
		flags := l.Attrs().RawFlags
		links = append(links, Link{
			Name:     l.Attrs().Name,
			Up:       flags&unix.IFF_UP != 0,
			Loopback: flags&unix.IFF_LOOPBACK != 0,
			ARP:      flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) == 0,
			MTU:      l.Attrs().MTU,
		})
	}
	return links, nil
}

// Addresses implements Host.
func (LinuxHost) Addresses() ([]Address, error) {
	links, err := dumped(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	list, err := dumped(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	addrs := make([]Address, 0, len(list))
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		ones, _ := a.Mask.Size()
		addrs = append(addrs, Address{
			Interface:  names[a.LinkIndex],
			Prefix:     netip.PrefixFrom(ip.Unmap(), ones),
			Scope:      Scope(a.Scope),
			Label:      a.Label,
			Deprecated: a.Flags&unix.IFA_F_DEPRECATED != 0,
			Tentative:  a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0,
		})
	}
	return addrs, nil
}

// ReadSysctl implements Host.
func (LinuxHost) ReadSysctl(key string) (string, error) {
	b, err := os.ReadFile(filepath.Join(procSys, key))
	if err != nil {
		return "", explainSysctl(err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}

// WriteSysctl implements Host.
func (LinuxHost) WriteSysctl(key, value string) error {
	f, err := os.OpenFile(filepath.Join(procSys, key), os.O_WRONLY, 0)
	if err != nil {
		return explainSysctl(err)
	}
	_, err = f.WriteString(value + "\n")
	return explainSysctl(errors.Join(err, f.Close()))
}

// AddAddress implements Host.
func (LinuxHost) AddAddress(a Address) error {
	link, err := netlink.LinkByName(a.Interface)
	if err != nil {
		return fmt.Errorf("add %v to %s: %w", a.Prefix, a.Interface, err)
	}
	nl := netlinkAddress(a)
	if a.Prefix.Addr().Is6() {
		// No other host can be asked on lo, and an address that waits
		// for duplicate address detection is not usable.
		nl.Flags = unix.IFA_F_NODAD
	}
	if a.Deprecated {
		nl.ValidLft, nl.PreferedLft = math.MaxUint32, 0
	}
	if err := netlink.AddrAdd(link, nl); err != nil {
		return fmt.Errorf("add %v to %s: %w", a.Prefix, a.Interface, err)
	}
	return nil
}

// RemoveAddress implements Host.
func (LinuxHost) RemoveAddress(a Address) error {
	link, err := netlink.LinkByName(a.Interface)
	if err != nil {
		return fmt.Errorf("remove %v from %s: %w", a.Prefix, a.Interface, err)
	}
	nl := netlinkAddress(a)
	// With a label the kernel looks for that too, and somebody may have put the
	// address there anew without.
	nl.Label = ""
	if err := netlink.AddrDel(link, nl); err != nil {
		return fmt.Errorf("remove %v from %s: %w", a.Prefix, a.Interface, err)
	}
	return nil
}

func netlinkAddress(a Address) *netlink.Addr {
	addr := a.Prefix.Addr()
	return &netlink.Addr{
		IPNet: &net.IPNet{
			IP:   addr.AsSlice(),
			Mask: net.CIDRMask(a.Prefix.Bits(), addr.BitLen()),
		},
		Scope: int(a.Scope),
		Label: a.Label,
	}
}

// Preflight implements Host.
func (LinuxHost) Preflight(keys []string, tables []Table) error {
	ok, err := hasNetAdmin()
	if err != nil {
		return err
	}
	if !ok {
		return errUnprivileged()
	}
	for _, key := range keys {
		f, err := os.OpenFile(filepath.Join(procSys, key), os.O_WRONLY, 0)
		if err != nil {
			return explainSysctl(err)
		}
		if err := f.Close(); err != nil {
			return explainSysctl(err)
		}
	}
	return tryTables(tables)
}

func hasNetAdmin() (bool, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false, fmt.Errorf("capabilities: %w", os.NewSyscallError("capget", err))
	}
	return data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0, nil
}
