package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
)

// MethodHidden is the name of the method for kernels with a patch.
const MethodHidden = "hidden"

// hiddenMethod is the method "hidden": see the package comment.
type hiddenMethod struct{}

func (hiddenMethod) name() string { return MethodHidden }

// hiddenLeaves are the sysctls of the patches, the better known first.
var hiddenLeaves = []string{"hidden", "arp_invisible"}

// hiddenKeys lists what is to be 1: "all" is the switch for the whole host, and
// lo the interface whose addresses are hidden.
func hiddenKeys(leaf string) []string {
	return []string{ipv4Conf("all", leaf), ipv4Conf(loopback, leaf)}
}

// hiddenLeaf finds the sysctl that this kernel has.
func (s *state) hiddenLeaf() (string, error) {
	for _, leaf := range hiddenLeaves {
		_, err := s.host.ReadSysctl(ipv4Conf("all", leaf))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return leaf, err
		}
	}
	// Every kernel has this one, unless there is no /proc/sys at all.
	if _, err := s.host.ReadSysctl(ipv4Conf("all", "arp_ignore")); err != nil {
		return "", err
	}
	return "", fmt.Errorf("this kernel has neither net.ipv4.conf.all.hidden nor net.ipv4.conf.all.arp_invisible, "+
		"which patches for old kernels bring: use --method %s, which every kernel since 2.6.4 can do", MethodSysctl)
}

// steps puts the sysctls first, so that no VIP is ever on the host without
// them.
func (hiddenMethod) steps(o Options, s *state) ([]Step, error) {
	var steps []Step
	if v4 := only4(o.VIPs); len(v4) > 0 {
		leaf, err := s.hiddenLeaf()
		if err != nil {
			return nil, err
		}
		for _, key := range hiddenKeys(leaf) {
			c, err := s.turnOn(key)
			if err != nil {
				return nil, err
			}
			if c != nil {
				steps = append(steps, Step{Change: c, VIPs: v4})
			}
		}
	}
	var errs []error
	labels := newLabels(s.addrs)
	for _, vip := range o.VIPs {
		addrs, err := onLoopback(vip, s)
		switch {
		case err != nil:
			errs = append(errs, err)
		case len(addrs) == 0:
			steps = append(steps, Step{Change: &AddressChange{labels.address(vip, loopback)}, VIPs: []netip.Addr{vip}})
		}
	}
	return steps, errors.Join(errs...)
}

// turnOn returns the change that sets a switch to 1, or nil where it is on.
func (s *state) turnOn(key string) (*SysctlChange, error) {
	v, err := s.sysctl(key)
	if err != nil || v != 0 {
		return nil, err
	}
	before, err := s.host.ReadSysctl(key)
	if err != nil {
		return nil, err
	}
	return &SysctlChange{Path: key, Before: before, After: "1"}, nil
}

// shared implements method: every IPv4 VIP rests on the sysctls.
func (hiddenMethod) shared(o Options, s *state) ([]string, []netip.Addr, error) {
	v4 := only4(o.VIPs)
	if len(v4) == 0 {
		return nil, nil, nil
	}
	leaf, err := s.hiddenLeaf()
	if err != nil {
		return nil, nil, err
	}
	var keys []string
	for _, key := range hiddenKeys(leaf) {
		keys = append(keys, (&SysctlChange{Path: key}).Key())
	}
	return keys, v4, nil
}

// check implements method.
func (m hiddenMethod) check(o Options, s *state) ([]Finding, error) {
	findings, err := checkOnLoopback(m.name(), o.VIPs, s, func(a Address) (Finding, error) { return isThere(a), nil })
	if err != nil || len(only4(o.VIPs)) == 0 {
		return findings, err
	}
	leaf, err := s.hiddenLeaf()
	if err != nil {
		return nil, err
	}
	for _, key := range hiddenKeys(leaf) {
		f, err := checkOn(key, s)
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// checkOn judges one switch.
func checkOn(key string, s *state) (Finding, error) {
	v, err := s.sysctl(key)
	f := Finding{Name: NameHidden, OK: v != 0, What: fmt.Sprintf("%s is %d", sysctlName(key), v)}
	if !f.OK {
		f.Why = "the host answers ARP for the VIP and takes part of the traffic past the director"
		f.Remedy = setSysctl(key, "1")
	}
	return f, err
}
