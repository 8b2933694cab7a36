package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/finding"
)

// MethodARPTables is the name of the method that filters ARP.
const MethodARPTables = "arptables"

// arptablesMethod is the method "arptables": see the package comment.
type arptablesMethod struct{}

func (arptablesMethod) name() string { return MethodARPTables }

// steps puts the table of a VIP before its address.
func (m arptablesMethod) steps(o Options, s *state) ([]Step, error) {
	on := cmp.Or(o.AddressOn, loopback)
	switch l, ok := s.link(on); {
	case !ok:
		return nil, fmt.Errorf("interface %s: not found; there is %s: the VIP goes on lo or on an interface of the LAN", on, strings.Join(s.linkNames(), ", "))
	case !l.Up:
		return nil, fmt.Errorf("interface %s: it is down, no address on it works: ip link set %[1]s up", on)
	}
	var steps []Step
	var errs []error
	labels := newLabels(s.addrs)
	for _, vip := range o.VIPs {
		changes, err := m.changes(vip, on, labels, o, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, c := range changes {
			steps = append(steps, Step{Change: c, VIPs: []netip.Addr{vip}})
		}
	}
	return steps, errors.Join(errs...)
}

// changes lists what one VIP lacks.
func (m arptablesMethod) changes(vip netip.Addr, on string, labels labels, o Options, s *state) ([]Change, error) {
	if vip.Is6() {
		addrs, err := onLoopback(vip, s)
		if err != nil || len(addrs) > 0 {
			return nil, err
		}
		return []Change{&AddressChange{labels.address(vip, loopback)}}, nil
	}
	var changes []Change
	t, err := m.table(vip, o, s)
	if err != nil {
		return nil, err
	}
	c, err := s.tableStep(t)
	if err != nil {
		return nil, err
	}
	if c != nil {
		changes = append(changes, c)
	}
	there, err := m.inTheWay(vip, s)
	if err != nil || there {
		return changes, err
	}
	if on == loopback {
		if err := loopbackTakes(vip, s); err != nil {
			return nil, err
		}
	}
	return append(changes, &AddressChange{labels.address(vip, on)}), nil
}

// inTheWay says whether the host has an IPv4 VIP already. Any interface will do,
// but lo must not take the VIP's neighbours with it.
func (arptablesMethod) inTheWay(vip netip.Addr, s *state) (there bool, err error) {
	for _, a := range s.on(vip) {
		if s.isOwn(a) {
			return false, fmt.Errorf("%v: it is on %s as %v, the first address of its subnet there, and without ARP for that the server is cut off: "+
				"name another VIP or, if it is none of the server's own, put it there as %v", vip, a.Interface, a.Prefix, netip.PrefixFrom(vip, vip.BitLen()))
		}
		if a.Interface == loopback && !a.Prefix.IsSingleIP() {
			return false, fmt.Errorf("%v: it is on %s as %v: %s: ip addr del %v dev lo", vip, a.Interface, a.Prefix, whyNotThere(a), a.Prefix)
		}
		there = true
	}
	return there, nil
}

// shared implements method: each VIP has a table of its own.
func (arptablesMethod) shared(Options, *state) ([]string, []netip.Addr, error) { return nil, nil, nil }

// table drops what asks for the VIP on any interface. What the host asks on a LAN
// interface, it asks with its own address there.
func (arptablesMethod) table(vip netip.Addr, o Options, s *state) (Table, error) {
	interfaces, err := s.lanInterfaces(o)
	if err != nil {
		return Table{}, err
	}
	if len(interfaces) == 0 {
		return Table{}, fmt.Errorf("%v: no LAN interface has an IPv4 address yet, and the server's own has to stand in for the VIP: "+
			"set the network up first, or use --method %s", vip, MethodSysctl)
	}
	in := Chain{Hook: "input", Rules: []Rule{{Field: FieldARPTarget, VIP: vip, Action: ActionDrop}}}
	out := Chain{Hook: "output"}
	for _, name := range interfaces {
		own, ok := s.ownAddress(name, o.VIPs)
		if !ok {
			return Table{}, fmt.Errorf("%v: %s has no IPv4 address of the server's own to stand in for the VIP: "+
				"ip addr add ADDRESS/PREFIX dev %s, or name the LAN's interface with --interface", vip, name, finding.ShellWord(name))
		}
		out.Rules = append(out.Rules, Rule{Out: name, Field: FieldARPSender, VIP: vip, Action: ActionSetSender, Sender: own})
	}
	return Table{Family: FamilyARP, Name: tableName(vip), Chains: []Chain{in, out}}, nil
}

// ownAddress returns the first IPv4 address of scope global on the interface
// that is not a VIP.
func (s *state) ownAddress(name string, vips []netip.Addr) (netip.Addr, bool) {
	applied := s.record.vips()
	for _, a := range s.addrs {
		addr := a.Prefix.Addr()
		if a.Interface == name && addr.Is4() && a.Scope == ScopeGlobal && !slices.Contains(vips, addr) && !slices.Contains(applied, addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// check implements method.
func (m arptablesMethod) check(o Options, s *state) ([]Finding, error) {
	var findings []Finding
	if v6 := slices.DeleteFunc(slices.Clone(o.VIPs), netip.Addr.Is4); len(v6) > 0 {
		fs, err := checkOnLoopback(m.name(), v6, s, nil)
		if err != nil {
			return nil, err
		}
		findings = fs
	}
	for _, vip := range only4(o.VIPs) {
		f, err := m.checkRules(vip, o, s)
		if err != nil {
			return nil, err
		}
		findings = append(findings, m.checkPlace(vip, s), f)
	}
	return findings, nil
}

// checkPlace judges where an IPv4 VIP is.
func (m arptablesMethod) checkPlace(vip netip.Addr, s *state) Finding {
	found := Finding{
		Name: NameVIPMissing, VIP: vip,
		What:   fmt.Sprintf("%v is not an address of this host", vip),
		Why:    "the host drops what the director sends it for the VIP, and clients hang",
		Remedy: applyCommand(m.name(), vip),
	}
	for _, a := range s.on(vip) {
		l, _ := s.link(a.Interface)
		switch f, ok := misplaced(a, s); {
		case a.Interface == loopback && !ok:
			return f
		case !l.Up:
			return Finding{
				Name: NameVIPInterface, VIP: vip, Interface: a.Interface,
				What:   fmt.Sprintf("%v is on %s, which is down", vip, a.Interface),
				Why:    "the host does not accept packets for it reliably",
				Remedy: fmt.Sprintf("ip link set %s up", finding.ShellWord(a.Interface)),
			}
		}
		found = isThere(a)
	}
	return found
}

// checkRules judges the table of an IPv4 VIP.
func (m arptablesMethod) checkRules(vip netip.Addr, o Options, s *state) (Finding, error) {
	t, err := m.table(vip, o, s)
	if err != nil {
		return Finding{
			Name: NameTable, VIP: vip,
			What:   err.Error(),
			Why:    "neighbours that the host asks with the VIP as its own address then send the VIP's traffic to it",
			Remedy: "ip addr add ADDRESS/PREFIX dev INTERFACE",
		}, nil
	}
	return s.checkTable(t, m.name(), vip, nil, "the host tells the LAN that it has the VIP, and takes traffic past the director")
}
