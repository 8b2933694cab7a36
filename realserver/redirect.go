package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"lvsdr/finding"
)

// MethodRedirect is the name of the method that needs no address on the host.
const MethodRedirect = "redirect"

// redirectMethod is the method "redirect": see the package comment.
type redirectMethod struct{}

func (redirectMethod) name() string { return MethodRedirect }

// steps adds a table for each VIP.
func (m redirectMethod) steps(o Options, s *state) ([]Step, error) {
	if _, err := s.lanInterfaces(o); err != nil {
		return nil, err
	}
	var steps []Step
	var errs []error
	for _, vip := range o.VIPs {
		for _, a := range s.on(vip) {
			errs = append(errs, fmt.Errorf("%v: it is on %s as %v, and with this method the host may not have it: %s",
				vip, a.Interface, a.Prefix, s.takeOff(a)))
		}
		services := union(o.services(vip))
		if !o.Prune {
			services = append(services, m.applied(vip, s)...)
		}
		c, err := s.tableStep(m.tableOf(vip, services))
		switch {
		case err != nil:
			errs = append(errs, err)
		case c != nil:
			steps = append(steps, Step{Change: c, VIPs: []netip.Addr{vip}})
		}
	}
	return steps, errors.Join(errs...)
}

// shared implements method: each VIP has a table of its own.
func (redirectMethod) shared(Options, *state) ([]string, []netip.Addr, error) { return nil, nil, nil }

// table is what is wanted for the VIP: the services, and those that were
// applied before.
func (m redirectMethod) table(vip netip.Addr, services []Service, s *state) Table {
	return m.tableOf(vip, slices.Concat(m.applied(vip, s), services))
}

// applied are the services of the VIP that were applied before.
func (m redirectMethod) applied(vip netip.Addr, s *state) []Service {
	if before := s.recordedTable(m.tableOf(vip, nil)); before != nil {
		return before.services()
	}
	return nil
}

// tableOf redirects the services of the VIP; none is all.
func (redirectMethod) tableOf(vip netip.Addr, services []Service) Table {
	t := Table{Family: FamilyIP, Name: tableName(vip)}
	field := FieldDestination
	if vip.Is6() {
		t.Family, field = FamilyIP6, FieldDestination6
	}
	chain := Chain{Hook: "prerouting"}
	for _, service := range union(services) {
		chain.Rules = append(chain.Rules, Rule{Field: field, VIP: vip, Service: service, Action: ActionRedirect})
	}
	t.Chains = []Chain{chain}
	return t
}

// services lists what the rules are about.
func (t Table) services() []Service {
	var services []Service
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			services = append(services, r.Service)
		}
	}
	return services
}

// check implements method.
func (m redirectMethod) check(o Options, s *state) ([]Finding, error) {
	interfaces, err := s.lanInterfaces(o)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, vip := range o.VIPs {
		f, err := s.checkTable(m.table(vip, o.services(vip), s), m.name(), vip, interfaces, whyNoRedirect)
		if err != nil {
			return nil, err
		}
		findings = append(findings, checkNoAddress(vip, s), f)
	}
	return append(findings, checkRedirectTo(interfaces, o.VIPs, s)...), nil
}

const whyNoRedirect = "the host drops what the director sends it for the VIP, and clients hang"

// checkNoAddress finds the VIP as an address of the host.
func checkNoAddress(vip netip.Addr, s *state) Finding {
	for _, a := range s.on(vip) {
		return Finding{
			Name: NameVIPAddress, VIP: vip, Interface: a.Interface,
			What:   fmt.Sprintf("%v is on %s as %v, and method redirect does without", vip, a.Interface, a.Prefix),
			Why:    "the host may tell the LAN that it has the VIP, and take traffic past the director",
			Remedy: s.takeOff(a),
		}
	}
	return Finding{Name: NameVIPAddress, VIP: vip, OK: true, What: fmt.Sprintf("%v is not an address of this host", vip)}
}

// checkRedirectTo says whether the LAN interfaces have addresses to which packets
// can be redirected: nf_nat_redirect_ipv4() takes the first of the interface that
// a packet arrives on, nf_nat_redirect_ipv6() the first of scope global, and
// both drop the packet where there is none.
func checkRedirectTo(interfaces []string, vips []netip.Addr, s *state) []Finding {
	var findings []Finding
	for _, family := range []struct {
		name string
		is   func(netip.Addr) bool
	}{{"IPv4", netip.Addr.Is4}, {"IPv6", netip.Addr.Is6}} {
		if !slices.ContainsFunc(vips, family.is) {
			continue
		}
		if len(interfaces) == 0 {
			findings = append(findings, Finding{
				Name:   NameRedirectAddress,
				What:   "no LAN interface is up and has an IPv4 address",
				Why:    whyRedirectTo,
				Remedy: "ip addr add ADDRESS/PREFIX dev INTERFACE && ip link set INTERFACE up",
			})
			return findings
		}
		for _, name := range interfaces {
			findings = append(findings, checkAddressOf(name, family.name, family.is, s))
		}
	}
	return findings
}

const whyRedirectTo = "packets for the VIP are redirected to an address of the interface that they arrive on, and dropped without one"

// checkAddressOf wants a usable address of one family on an interface.
func checkAddressOf(name, family string, is func(netip.Addr) bool, s *state) Finding {
	for _, a := range s.addrs {
		if a.Interface == name && is(a.Prefix.Addr()) && a.Scope == ScopeGlobal && !a.Tentative {
			return Finding{
				Name: NameRedirectAddress, Interface: name, OK: true,
				What: fmt.Sprintf("%s has the %s address %v to redirect to", name, family, a.Prefix.Addr()),
			}
		}
	}
	return Finding{
		Name: NameRedirectAddress, Interface: name,
		What: fmt.Sprintf("%s has no %s address of scope global", name, family),
		Why:  whyRedirectTo,
		Remedy: fmt.Sprintf("ip addr add ADDRESS/PREFIX dev %s  # if the VIPs' packets arrive there; "+
			"if not, name the interface on which they do: --interface INTERFACE", finding.ShellWord(name)),
	}
}
