package realserver

import (
	"net/netip"
	"slices"
)

// inspection judges what every method needs, beside what is its own: that nobody
// else answers for the VIPs, and that packets get in, to a service, and out again.
type inspection struct {
	*state
	options    Options
	method     method
	interfaces []string // of the LAN
	findings   []Finding
}

// judge makes all findings about the VIPs of o, with one method.
func judge(m method, o Options, s *state) ([]Finding, error) {
	findings, err := m.check(o, s)
	if err != nil {
		return nil, err
	}
	interfaces, err := s.lanInterfaces(o)
	if err != nil {
		return nil, err
	}
	i := &inspection{state: s, options: o, method: m, interfaces: interfaces, findings: findings}
	for _, check := range []func() error{
		i.proxies, i.ipv6, i.mtu, i.reversePath, i.replyRoutes, i.listeners, i.firewall,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return i.findings, nil
}

func (i *inspection) add(f Finding) { i.findings = append(i.findings, f) }

// lan6 lists the interfaces by which IPv6 comes: those of IPv4, and those that
// have nothing but IPv6.
func (i *inspection) lan6() []string {
	names := slices.Clone(i.interfaces)
	if len(i.options.Interfaces) > 0 {
		return names
	}
	for _, a := range i.addrs {
		l, _ := i.link(a.Interface)
		if l.Up && l.ARP && a.Prefix.Addr().Is6() && a.Scope == ScopeGlobal && !slices.Contains(i.options.VIPs, a.Prefix.Addr()) {
			names = append(names, a.Interface)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lanOf lists the interfaces by which packets for the VIP come.
func (i *inspection) lanOf(vip netip.Addr) []string {
	if vip.Is6() {
		return i.lan6()
	}
	return i.interfaces
}

// has6 says whether a VIP is an IPv6 one.
func (i *inspection) has6() bool { return slices.ContainsFunc(i.options.VIPs, netip.Addr.Is6) }

// redirects says whether the VIP is no address of the host, but its packets are
// sent to one.
func (i *inspection) redirects() bool { return i.method.name() == MethodRedirect }

// served returns the address to which a packet for the VIP that came in on the
// interface is delivered; not ok: the host has none.
func (i *inspection) served(vip netip.Addr, name string) (addr netip.Addr, ok bool) {
	if !i.redirects() {
		return vip, len(i.on(vip)) > 0
	}
	return i.own(name, vip)
}

// own returns the server's own address of vip's family on the interface.
func (i *inspection) own(name string, vip netip.Addr) (netip.Addr, bool) {
	if vip.Is4() {
		return i.ownAddress(name, i.options.VIPs)
	}
	for _, a := range i.addrs {
		addr := a.Prefix.Addr()
		if a.Interface == name && addr.Is6() && a.Scope == ScopeGlobal && !a.Tentative && !slices.Contains(i.options.VIPs, addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// clients lists the clients of vip's family that were given or, where none was,
// one of anywhere.
func (i *inspection) clients(vip netip.Addr) (clients []netip.Addr, given bool) {
	for _, c := range i.options.Clients {
		if c.Is4() == vip.Is4() {
			clients = append(clients, c)
		}
	}
	if len(clients) > 0 {
		return clients, true
	}
	return []netip.Addr{elsewhere(i.addrs, vip)}, false
}

// ip is the program for routes and rules of addr's family.
func ip(addr netip.Addr) string {
	if addr.Is6() {
		return "ip -6"
	}
	return "ip"
}
