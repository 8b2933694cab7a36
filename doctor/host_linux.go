package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/guard"
)

// readHost reads the running kernel, in the network namespace of the calling
// thread.
func readHost(name string, vips []netip.Addr) (f hostFacts, err error) {
	if f.Facts, err = (guard.LinuxHost{}).Read(name, vips); err != nil {
		return f, err
	}
	if len(f.Forwarding4) > 0 { // else it makes no difference
		if f.Guarded, err = guard.Covers(name, vips); err != nil {
			return f, err
		}
	}
	redirects, err := sysctlMax(name, "send_redirects")
	if err != nil {
		return f, err
	}
	f.Redirects = redirects > 0
	if f.ReversePath, err = sysctlMax(name, "rp_filter"); err != nil {
		return f, err
	}
	if f.Routes, err = routes(vips); err != nil {
		return f, err
	}
	flags, err := ethtoolFlags(name)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return f, fmt.Errorf("offloads of %s: %w", name, err)
	}
	f.LRO = flags&ethFlagLRO != 0
	if f.Bridge, err = bridgeOf(name); err != nil {
		return f, err
	}
	f.BridgeCalls, err = bridgeCalls()
	return f, err
}

// sysctlMax reads an IPv4 sysctl of which the kernel uses the larger of "all" and
// the interface (ip-sysctl.rst; IN_DEV_MAXCONF and IN_DEV_ORCONF).
func sysctlMax(name, leaf string) (int, error) {
	most := 0
	for _, of := range []string{"all", name} {
		n, err := sysctl("net/ipv4/conf/" + of + "/" + leaf)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// sysctl reads a number; one that is not there is 0.
func sysctl(key string) (int, error) {
	b, err := os.ReadFile("/proc/sys/" + key)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sysctl: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("sysctl %s: %w", key, err)
	}
	return n, nil
}

// routes asks the kernel by which interface it would send to each VIP.
func routes(vips []netip.Addr) (map[netip.Addr]string, error) {
	by := make(map[netip.Addr]string)
	for _, vip := range vips {
		found, err := netlink.RouteGet(vip.AsSlice())
		if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("route to %v: %w", vip, err)
		}
		for _, r := range found {
			link, err := netlink.LinkByIndex(r.LinkIndex)
			if err != nil {
				return nil, fmt.Errorf("route to %v: %w", vip, err)
			}
			by[vip] = link.Attrs().Name
		}
	}
	return by, nil
}

// bridgeOf returns the bridge that an interface is, or is a port of, or "".
func bridgeOf(name string) (string, error) {
	link, err := netlink.LinkByName(name)
	if err == nil && link.Type() != "bridge" && link.Attrs().MasterIndex != 0 {
		link, err = netlink.LinkByIndex(link.Attrs().MasterIndex)
	}
	if err != nil {
		return "", fmt.Errorf("interface %s: %w", name, err)
	}
	if link.Type() != "bridge" {
		return "", nil
	}
	return link.Attrs().Name, nil
}

// bridgeCalls returns the switches of br_netfilter that concern the VIPs and are on.
func bridgeCalls() ([]string, error) {
	var on []string
	for _, name := range []string{"bridge-nf-call-iptables", "bridge-nf-call-arptables"} {
		n, err := sysctl("net/bridge/" + name)
		if err != nil {
			return nil, err
		}
		if n != 0 {
			on = append(on, name)
		}
	}
	return on, nil
}
