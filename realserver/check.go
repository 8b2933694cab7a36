package realserver

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Check judges h for the VIPs of o or, when there are none, for those that the
// record names: every condition is a finding, met or not. Without a method in o,
// each VIP is judged by the one that was applied to it, and without interfaces, on
// those for which it was applied. Check changes nothing;
// where the method has nftables, reading them needs CAP_NET_ADMIN. The error
// says that h could not be read.
func Check(o Options, h Host) ([]Finding, error) {
	r, err := newRunner(o, h)
	if err != nil {
		return nil, err
	}
	rec, boot, err := r.loadApplied()
	if err != nil {
		return nil, err
	}
	if len(r.options.VIPs) == 0 {
		return nil, ErrNoVIP
	}
	s, err := readState(h, rec)
	if err != nil {
		return nil, err
	}
	r.options.Method = o.Method
	findings, err := r.checkMethods(s, boot)
	if err != nil {
		return nil, err
	}
	others, err := foreign(r.options, s, boot)
	return slices.Concat(findings, boot.check(h.FS(), r.options.VIPs), others), err
}

// alike are VIPs that are judged together.
type alike struct {
	method     method
	interfaces []string
	vips       []netip.Addr
}

// checkMethods judges the VIPs by the method of the options or, without one, each by
// its own. What is said of several groups of VIPs is said once.
func (r *runner) checkMethods(s *state, boot *persisted) ([]Finding, error) {
	var findings []Finding
	for _, group := range r.alike(s, boot) {
		o := r.options
		o.VIPs, o.Interfaces = group.vips, group.interfaces
		fs, err := judge(group.method, o, s)
		if err != nil {
			return nil, err
		}
		findings = appendNew(findings, fs)
	}
	return findings, nil
}

// alike groups the VIPs by method, in the order of methods, and by the interfaces for
// which they were applied.
func (r *runner) alike(s *state, boot *persisted) []alike {
	var groups []alike
	for _, m := range methods {
		for _, vip := range r.options.VIPs {
			applied := appliedBy(s.record, boot, vip)
			if cmp.Or(r.options.Method, applied, MethodSysctl) != m.name() {
				continue
			}
			interfaces := r.options.Interfaces
			if len(interfaces) == 0 && applied == m.name() {
				interfaces = s.present(s.record.interfaces(vip))
			}
			i := slices.IndexFunc(groups, func(a alike) bool { return a.method == m && slices.Equal(a.interfaces, interfaces) })
			if i < 0 {
				i = len(groups)
				groups = append(groups, alike{method: m, interfaces: interfaces})
			}
			groups[i].vips = append(groups[i].vips, vip)
		}
	}
	return groups
}

// present leaves out the interfaces that the host has no more.
func (s *state) present(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := s.link(name)
		return !ok
	})
}

// check implements method.
func (sysctlMethod) check(o Options, s *state) ([]Finding, error) {
	interfaces, err := s.lanInterfaces(o)
	if err != nil {
		return nil, err
	}
	findings, err := checkOnLoopback(MethodSysctl, o.VIPs, s, func(a Address) (Finding, error) {
		return checkScope(a, s, interfaces)
	})
	if err != nil {
		return nil, err
	}
	if len(only4(o.VIPs)) == 0 {
		return findings, nil
	}
	for _, name := range orAll(interfaces) {
		fs, err := checkInterface(name, o, s)
		if err != nil {
			return nil, err
		}
		findings = append(findings, fs...)
	}
	return findings, nil
}

func checkLoopbackUp(s *state) Finding {
	if l, _ := s.link(loopback); l.Up {
		return Finding{Name: NameLoopback, Interface: loopback, OK: true, What: "lo is up"}
	}
	return Finding{Name: NameLoopback, Interface: loopback, What: "lo is down", Why: "no address on it is accepted", Remedy: "ip link set lo up"}
}

// checkOnLoopback judges where the VIPs are: on lo, alone, usable, and nowhere
// else. judge says what is to be said of an IPv4 one that is.
func checkOnLoopback(method string, vips []netip.Addr, s *state, judge func(Address) (Finding, error)) ([]Finding, error) {
	findings := []Finding{checkLoopbackUp(s)}
	for _, vip := range vips {
		there := false
		for _, a := range s.on(vip) {
			f, ok := misplaced(a, s)
			if ok {
				there = true
				var err error
				if f, err = checkThere(method, a, judge); err != nil {
					return nil, err
				}
			}
			findings = append(findings, f)
		}
		if !there {
			findings = append(findings, missing(method, vip))
		}
	}
	return findings, nil
}

// misplaced judges the place of an address that is a VIP; ok says that it is lo,
// and that the address stands for itself alone.
func misplaced(a Address, s *state) (f Finding, ok bool) {
	vip := a.Prefix.Addr()
	switch {
	case a.Interface != loopback:
		return Finding{
			Name: NameVIPInterface, VIP: vip, Interface: a.Interface,
			What:   fmt.Sprintf("%v is on %s as %v", vip, a.Interface, a.Prefix),
			Why:    "the host tells the LAN that it has the VIP, and takes traffic past the director",
			Remedy: s.takeOff(a),
		}, false
	case !a.Prefix.IsSingleIP():
		return Finding{
			Name: NameVIPPrefix, VIP: vip, Interface: loopback,
			What:   fmt.Sprintf("%v is on lo as %v, not as %v", vip, a.Prefix, netip.PrefixFrom(vip, vip.BitLen())),
			Why:    "the host takes every address of that prefix for its own and cannot reach its neighbours",
			Remedy: fmt.Sprintf("ip addr del %v dev lo", a.Prefix),
		}, false
	}
	return Finding{}, true
}

// missing is the finding of a VIP that the host lacks.
func missing(method string, vip netip.Addr) Finding {
	return Finding{
		Name: NameVIPMissing, VIP: vip, Interface: loopback,
		What:   fmt.Sprintf("%v is not on lo", netip.PrefixFrom(vip, vip.BitLen())),
		Why:    "the host drops what the director sends it for the VIP, and clients hang",
		Remedy: applyCommand(method, vip),
	}
}

// checkThere judges a VIP that is on lo by itself.
func checkThere(method string, a Address, judge func(Address) (Finding, error)) (Finding, error) {
	if a.Tentative {
		return Finding{
			Name: NameVIPTentative, VIP: a.Prefix.Addr(), Interface: loopback,
			What:   fmt.Sprintf("%v is on lo, but tentative or a duplicate", a.Prefix),
			Why:    "the kernel does not accept packets for it",
			Remedy: fmt.Sprintf("ip -6 addr del %v dev lo && %s", a.Prefix, applyCommand(method, a.Prefix.Addr())),
		}, nil
	}
	if a.Prefix.Addr().Is6() {
		return isThere(a), nil
	}
	return judge(a)
}

func isThere(a Address) Finding {
	return Finding{
		Name: NameVIP, VIP: a.Prefix.Addr(), Interface: a.Interface, OK: true,
		What: fmt.Sprintf("%v is on %s, scope %v", a.Prefix, a.Interface, a.Scope),
	}
}

// checkScope judges the scope of an IPv4 VIP on lo.
func checkScope(a Address, s *state, interfaces []string) (Finding, error) {
	for _, name := range orAll(interfaces) {
		v, err := effective(s.sysctl, name, "arp_ignore")
		if err != nil {
			return Finding{}, err
		}
		// A value that hides nothing is a finding of the interface.
		if hides(v, ScopeHost) && !hides(v, a.Scope) {
			return Finding{
				Name: NameVIPScope, VIP: a.Prefix.Addr(), Interface: loopback,
				What:   fmt.Sprintf("%v is on lo with scope %v, and arp_ignore on %s is %d", a.Prefix, a.Scope, name, v),
				Why:    "3 keeps silent only about addresses of scope host: the host answers ARP for the VIP",
				Remedy: fmt.Sprintf("ip addr del %v dev lo && %s", a.Prefix, applyCommand(MethodSysctl, a.Prefix.Addr())),
			}, nil
		}
	}
	return isThere(a), nil
}

// applyCommand is the line that applies a method to a VIP.
func applyCommand(method string, vip netip.Addr, services ...Service) string {
	line := "director realserver apply"
	if method != MethodSysctl {
		line += " --method " + method
	}
	line += fmt.Sprintf(" --vip %v", vip)
	for _, service := range services {
		if service != (Service{}) {
			line += " --service " + service.String()
		}
	}
	return line
}

// checkInterface judges the IPv4 sysctls of one LAN interface, or of "all".
func checkInterface(name string, o Options, s *state) ([]Finding, error) {
	var findings []Finding
	for _, setting := range arpSettings(o.ARPIgnore) {
		f, err := setting.check(name, s)
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	return findings, nil
}

func (a arpSetting) check(name string, s *state) (Finding, error) {
	v, err := effective(s.sysctl, name, a.leaf)
	if err != nil {
		return Finding{}, err
	}
	f := Finding{
		Name: a.name, Interface: name, OK: a.enough(v),
		What: fmt.Sprintf("%s on %s is %d (the larger of all and the interface)", a.leaf, name, v),
	}
	if name == "all" {
		f.What = fmt.Sprintf("%s on all is %d", a.leaf, v)
	}
	switch {
	case a.leaf == "arp_ignore" && v == arpIgnoreAll:
		f.Why = "the host answers no ARP request at all: the director needs its MAC address in the configuration"
	case f.OK:
	case a.leaf == "arp_ignore":
		f.Why = "the host answers ARP for the VIP and takes part of the traffic past the director"
	default:
		f.Why = "the host may ask with the VIP as its own address, and its neighbours then send the VIP's traffic to it"
	}
	if !f.OK {
		f.Remedy = a.remedy(name, s)
	}
	return f, nil
}

// remedy sets every key of the two that has a value below or without meaning.
func (a arpSetting) remedy(name string, s *state) string {
	line := ""
	for _, n := range []string{"all", name} {
		c, err := a.raise(s, ipv4Conf(n, a.leaf))
		if err != nil || c == nil || (n == name && name == "all") {
			continue
		}
		if line != "" {
			line += " && "
		}
		line += c.Command()
	}
	return line
}
