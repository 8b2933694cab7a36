package realserver

import (
	"errors"
	"fmt"
	"io/fs"
)

// dadDisables is the accept_dad with which a duplicate address turns IPv6 off on
// its interface (ip-sysctl.rst).
const dadDisables = 2

// ipv6 judges whether IPv6 comes in at all. That the VIP on lo is silent needs
// nothing: the kernel answers solicitations only for addresses of the interface
// they came in on.
func (i *inspection) ipv6() error {
	if !i.has6() {
		return nil
	}
	for _, name := range i.lan6() {
		off, err := i.sysctl(ipv6Conf(name, "disable_ipv6"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // an MTU that is too small, or no IPv6 in this kernel
		}
		if err != nil {
			return err
		}
		f := Finding{Name: NameIPv6Disabled, Interface: name, OK: off == 0, What: fmt.Sprintf("IPv6 is on on %s", name)}
		if !f.OK {
			f.What = fmt.Sprintf("IPv6 is disabled on %s", name)
			f.Why = "the host drops every IPv6 packet that arrives on it"
			f.Remedy = setSysctl(ipv6Conf(name, "disable_ipv6"), "0")
		}
		i.add(f)
		if err := i.acceptDAD(name); err != nil {
			return err
		}
	}
	return nil
}

// acceptDAD tells of a setting that makes a copied MAC address fatal.
func (i *inspection) acceptDAD(name string) error {
	for _, n := range []string{"all", name} {
		v, err := i.optional(ipv6Conf(n, "accept_dad"))
		if err != nil {
			return err
		}
		if v == dadDisables {
			i.add(Finding{
				Name: NameAcceptDAD, Interface: name, OK: true,
				What: fmt.Sprintf("%s is %d", sysctlName(ipv6Conf(n, "accept_dad")), v),
				Why:  fmt.Sprintf("the kernel turns IPv6 off on %s when another host has its MAC address, as copied virtual machines do", name),
			})
			return nil
		}
	}
	return nil
}
