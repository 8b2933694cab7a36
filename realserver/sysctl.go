package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// sysctlMethod is the method "sysctl": see the package comment.
type sysctlMethod struct{}

func (sysctlMethod) name() string { return MethodSysctl }

// steps puts the sysctls first, so that no VIP is ever on the host without
// them.
func (m sysctlMethod) steps(o Options, s *state) ([]Step, error) {
	interfaces, err := s.lanInterfaces(o)
	if err != nil {
		return nil, err
	}
	var steps []Step
	after := map[string]int{}
	if v4 := only4(o.VIPs); len(v4) > 0 {
		for _, setting := range arpSettings(o.ARPIgnore) {
			changes, err := setting.steps(s, interfaces)
			if err != nil {
				return nil, err
			}
			for _, c := range changes {
				steps = append(steps, Step{Change: c, VIPs: v4})
				after[c.Path], _ = strconv.Atoi(c.After)
			}
		}
	}
	var errs []error
	labels := newLabels(s.addrs)
	for _, vip := range o.VIPs {
		there, err := m.inTheWay(vip, s, interfaces, after)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !there {
			steps = append(steps, Step{Change: &AddressChange{labels.address(vip, loopback)}, VIPs: []netip.Addr{vip}})
		}
	}
	return steps, errors.Join(errs...)
}

// shared implements method: every IPv4 VIP rests on the sysctls.
func (sysctlMethod) shared(o Options, s *state) ([]string, []netip.Addr, error) {
	interfaces, err := s.lanInterfaces(o)
	if err != nil {
		return nil, nil, err
	}
	var keys []string
	for _, setting := range arpSettings(o.ARPIgnore) {
		for _, name := range append([]string{"all"}, interfaces...) {
			keys = append(keys, (&SysctlChange{Path: ipv4Conf(name, setting.leaf)}).Key())
		}
	}
	return keys, only4(o.VIPs), nil
}

// inTheWay says whether the VIP is on lo already, as it should be. The error
// names what keeps it from being silent or usable once the sysctls in after
// are set.
func (sysctlMethod) inTheWay(vip netip.Addr, s *state, interfaces []string, after map[string]int) (there bool, err error) {
	addrs, err := onLoopback(vip, s)
	if err != nil || vip.Is6() {
		return len(addrs) > 0, err
	}
	read := func(key string) (int, error) {
		if v, ok := after[key]; ok {
			return v, nil
		}
		return s.sysctl(key)
	}
	for _, a := range addrs {
		for _, name := range orAll(interfaces) {
			v, err := effective(read, name, "arp_ignore")
			if err != nil {
				return false, err
			}
			if !hides(v, a.Scope) {
				return false, fmt.Errorf("%v: it is on lo with scope %v, which arp_ignore=%d answers for: "+
					"ip addr del %v dev lo, and apply again (or, where it is still 0, apply with arp_ignore 1)", vip, a.Scope, v, a.Prefix)
			}
		}
	}
	return len(addrs) > 0, nil
}
