package realserver

// The meaning of arp_ignore and arp_announce, from ip-sysctl.rst and what
// arp_ignore() and arp_solicit() in net/ipv4/arp.c do with other values: they
// take them for 0. The kernel uses the larger of "all" and the interface.

// arpAnnounceBest makes the kernel ask with an address of the subnet that it
// asks in, never with a VIP from lo.
const arpAnnounceBest = 2

// arpIgnoreAll makes the kernel answer no ARP request at all.
const arpIgnoreAll = 8

// hides says whether a host with the effective arp_ignore v stays silent about
// an address of that scope on lo.
func hides(v int, scope Scope) bool {
	switch v {
	case 1, 2, arpIgnoreAll:
		return true
	case 3:
		return scope >= ScopeHost
	}
	return false
}

// arpSetting is one of the two sysctls and what is wanted of it.
type arpSetting struct {
	name   string // of the finding
	leaf   string
	target int            // what to set where the host lacks it
	known  func(int) bool // the kernel gives this value a meaning
	enough func(int) bool // the effective value serves
}

func arpSettings(arpIgnore int) []arpSetting {
	return []arpSetting{
		{
			name:   NameARPIgnore,
			leaf:   "arp_ignore",
			target: arpIgnore,
			known:  func(v int) bool { return v >= 0 && v <= 3 || v == arpIgnoreAll },
			enough: func(v int) bool { return hides(v, ScopeHost) },
		},
		{
			name:   NameARPAnnounce,
			leaf:   "arp_announce",
			target: arpAnnounceBest,
			known:  func(v int) bool { return v >= 0 && v <= arpAnnounceBest },
			enough: func(v int) bool { return v == arpAnnounceBest },
		},
	}
}

// ipv4Conf and ipv6Conf are the keys of a sysctl of an interface, or of "all".
func ipv4Conf(name, leaf string) string { return "net/ipv4/conf/" + name + "/" + leaf }

func ipv6Conf(name, leaf string) string { return "net/ipv6/conf/" + name + "/" + leaf }

// effective returns what the kernel uses on an interface. "all" stands alone.
func effective(read func(string) (int, error), name, leaf string) (int, error) {
	all, err := read(ipv4Conf("all", leaf))
	if err != nil || name == "all" {
		return all, err
	}
	v, err := read(ipv4Conf(name, leaf))
	return max(all, v), err
}

// steps lists what is to be set on all and on the interfaces. Nothing is when the
// host had enough before. A value that is larger, and means something, stays.
func (a arpSetting) steps(s *state, interfaces []string) ([]*SysctlChange, error) {
	enough := true
	for _, name := range append([]string{"all"}, interfaces...) {
		if name == "all" && len(interfaces) > 0 {
			continue // it counts only together with an interface
		}
		v, err := effective(s.sysctlBefore, name, a.leaf)
		if err != nil {
			return nil, err
		}
		enough = enough && a.enough(v)
	}
	if enough {
		return nil, nil
	}
	var changes []*SysctlChange
	for _, name := range append([]string{"all"}, interfaces...) {
		c, err := a.raise(s, ipv4Conf(name, a.leaf))
		if err != nil {
			return nil, err
		}
		if c != nil {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// raise returns the change that brings one key to the target, if it needs one.
func (a arpSetting) raise(s *state, key string) (*SysctlChange, error) {
	v, err := s.sysctl(key)
	if err != nil || (v >= a.target && a.known(v)) {
		return nil, err
	}
	before, err := s.host.ReadSysctl(key)
	if err != nil {
		return nil, err
	}
	return &SysctlChange{Path: key, Before: before, After: itoa(a.target)}, nil
}
