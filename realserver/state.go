package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lvsdr/finding"
)

// state is what a method sees of a host: the host as it is, and by the record,
// as it was before Apply.
type state struct {
	host   Host
	record record
	links  []Link
	addrs  []Address
}

func readState(h Host, r record) (*state, error) {
	s := &state{host: h, record: r}
	var err error
	if s.links, err = h.Links(); err != nil {
		return nil, err
	}
	s.addrs, err = h.Addresses()
	return s, err
}

// isOwn says whether an address is likely to be the one by which the host is on a
// LAN: of its subnet on that interface the first or, in IPv6, which lists the latest
// first, the only one.
func (s *state) isOwn(a Address) bool {
	if a.Interface == loopback || a.Prefix.IsSingleIP() {
		return false
	}
	subnet := slices.DeleteFunc(slices.Clone(s.addrs), func(other Address) bool {
		return other.Interface != a.Interface || other.Prefix.Masked() != a.Prefix.Masked()
	})
	return subnet[0].same(a) && (a.Prefix.Addr().Is4() || len(subnet) == 1)
}

// takeOff is the line for a shell that takes a VIP off an interface. Whoever took
// the server's own address for a VIP must not be told to cut the server off.
func (s *state) takeOff(a Address) string {
	dev := finding.ShellWord(a.Interface)
	line := fmt.Sprintf("ip addr del %v dev %s", a.Prefix, dev)
	if s.isOwn(a) {
		return fmt.Sprintf("ip addr show dev %s  # the server's own address cannot be a VIP, name another; if it is not its own: %s", dev, line)
	}
	return line
}

// link returns the named interface.
func (s *state) link(name string) (Link, bool) {
	i := slices.IndexFunc(s.links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return Link{}, false
	}
	return s.links[i], true
}

// on lists the addresses that are addr, whatever their prefix.
func (s *state) on(addr netip.Addr) []Address {
	var found []Address
	for _, a := range s.addrs {
		if a.Prefix.Addr() == addr {
			found = append(found, a)
		}
	}
	return found
}

// sysctl returns the number that key holds now.
func (s *state) sysctl(key string) (int, error) {
	text, err := s.host.ReadSysctl(key)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", sysctlName(key), err)
	}
	return n, nil
}

// sysctlBefore returns the number that key held before Apply changed it.
func (s *state) sysctlBefore(key string) (int, error) {
	i := s.record.find((&SysctlChange{Path: key}).Key())
	if i < 0 {
		return s.sysctl(key)
	}
	return strconv.Atoi(strings.TrimSpace(s.record.Entries[i].Sysctl.Before))
}

// optional returns the number that key holds, or 0 where the kernel has none.
func (s *state) optional(key string) (int, error) {
	n, err := s.sysctl(key)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}

// lanInterfaces returns the interfaces of o, or finds them: up, ARP, and an
// IPv4 address of scope global that is not a VIP.
func (s *state) lanInterfaces(o Options) ([]string, error) {
	var errs []error
	for _, name := range o.Interfaces {
		switch l, ok := s.link(name); {
		case !ok:
			errs = append(errs, fmt.Errorf("interface %s: not found; there is %s", name, strings.Join(s.linkNames(), ", ")))
		case l.Loopback:
			errs = append(errs, fmt.Errorf("interface %s: VIPs go on it by themselves; the LAN's interface is needed", name))
		}
	}
	if len(o.Interfaces) > 0 {
		return o.Interfaces, errors.Join(errs...)
	}
	var names []string
	for _, a := range s.addrs {
		l, _ := s.link(a.Interface)
		if l.Up && l.ARP && a.Prefix.Addr().Is4() && a.Scope == ScopeGlobal && !slices.Contains(o.VIPs, a.Prefix.Addr()) {
			names = append(names, a.Interface)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

func (s *state) linkNames() []string {
	names := make([]string, len(s.links))
	for i, l := range s.links {
		names[i] = l.Name
	}
	return names
}
