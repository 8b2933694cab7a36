package realserver

import (
	"fmt"
	"slices"

	"lvsdr/finding"
)

// proxies looks for what answers ARP and neighbour solicitations on behalf of
// others. The rules of method arptables keep IPv4 from it.
func (i *inspection) proxies() error {
	arptables := i.method.name() == MethodARPTables
	if len(only4(i.options.VIPs)) > 0 && !arptables {
		for _, name := range orAll(i.interfaces) {
			if err := i.proxyARP(name); err != nil {
				return err
			}
		}
	}
	proxies, err := i.host.ProxyNeighbors()
	if err != nil {
		return err
	}
	for _, p := range proxies {
		if slices.Contains(i.options.VIPs, p.Address) && (p.Address.Is6() || !arptables) {
			i.add(proxyNeighbor(p))
		}
	}
	return nil
}

// proxyARP judges the two switches, each of which counts when it is set on all or
// on the interface (ip-sysctl.rst).
func (i *inspection) proxyARP(name string) error {
	for _, proxy := range []struct{ name, leaf, why string }{
		{NameProxyARP, "proxy_arp", "the host answers ARP for addresses that it can route to: for the VIP as soon as that leaves lo"},
		{
			NameProxyPVLAN, "proxy_arp_pvlan",
			"the host answers ARP for its neighbours' addresses, if it forwards: for the VIP as soon as that is no address of its own",
		},
	} {
		where := ""
		for _, n := range []string{"all", name} {
			v, err := i.optional(ipv4Conf(n, proxy.leaf))
			if err != nil {
				return err
			}
			if v != 0 {
				where = n
			}
		}
		f := Finding{Name: proxy.name, Interface: name, OK: where == "", What: fmt.Sprintf("%s on %s is off", proxy.leaf, name)}
		if !f.OK {
			f.What = fmt.Sprintf("%s on %s is on", proxy.leaf, name)
			f.Why = proxy.why
			f.Remedy = setSysctl(ipv4Conf(where, proxy.leaf), "0")
		}
		i.add(f)
	}
	return nil
}

func proxyNeighbor(p ProxyNeighbor) Finding {
	f := Finding{
		Name: NameProxyNeighbor, VIP: p.Address, Interface: p.Interface,
		What:   fmt.Sprintf("%v is a proxy neighbour on %s", p.Address, p.Interface),
		Why:    "the host answers ARP for the VIP by that entry, if it forwards and the VIP is no address of its own",
		Remedy: fmt.Sprintf("ip neigh del proxy %v dev %s", p.Address, finding.ShellWord(p.Interface)),
	}
	if p.Address.Is6() {
		f.Why = "the host answers neighbour solicitations for the VIP by that entry, if it forwards and proxy_ndp is on"
		f.Remedy = fmt.Sprintf("ip -6 neigh del proxy %v dev %s", p.Address, finding.ShellWord(p.Interface))
	}
	return f
}
