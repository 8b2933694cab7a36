package realserver

import (
	"fmt"
	"net/netip"
)

// reversePath asks the kernel whether it takes IPv4 packets of clients on each
// interface. rp_filter drops what came in on another interface than replies leave
// by (1, strict), or to whose source there is no route (1 and 2, loose); the
// larger of "all" and the interface counts (RFC 3704, ip-sysctl.rst). IPv6 has no
// such setting.
func (i *inspection) reversePath() error {
	vips := only4(i.options.VIPs)
	if len(vips) == 0 {
		return nil
	}
	for _, name := range orAll(i.interfaces) {
		if err := i.reversePathOn(name, vips); err != nil {
			return err
		}
	}
	return nil
}

func (i *inspection) reversePathOn(name string, vips []netip.Addr) error {
	v, err := i.optionalEffective(name, "rp_filter")
	if err != nil {
		return err
	}
	ok := Finding{Name: NameReversePath, Interface: name, OK: true, What: fmt.Sprintf("rp_filter on %s is %d", name, v)}
	if name == "all" {
		i.add(ok)
		return nil
	}
	for _, vip := range vips {
		clients, given := i.clients(vip)
		for _, client := range clients {
			f, err := i.arrives(client, vip, name, v, given)
			if err != nil {
				return err
			}
			if f != nil {
				i.add(*f)
				if f.Name == NameReversePath {
					return nil // what is wrong for one VIP is for all
				}
			}
		}
	}
	i.add(ok)
	return nil
}

// arrives returns what keeps a client's packet for the VIP from being taken on an
// interface, or nil.
func (i *inspection) arrives(client, vip netip.Addr, name string, rpFilter int, given bool) (*Finding, error) {
	to, ok := i.served(vip, name)
	if !ok {
		// It lacks the VIP, which is another finding. The source
		// is judged all the same.
		if to, ok = i.own(name, vip); !ok {
			return nil, nil
		}
	}
	r, err := i.host.FindRoute(RouteQuery{From: client, To: to, In: name})
	if err != nil || r.Type != RouteRefused {
		return nil, err
	}
	if len(i.on(client)) > 0 {
		f := acceptLocal(client, name, rpFilter)
		return &f, nil
	}
	back, err := i.host.FindRoute(RouteQuery{From: i.source(to), To: client})
	switch {
	case err != nil:
		return nil, err
	case !back.leads():
		return nil, nil // that is a finding of its own
	}
	f := Finding{
		Name: NameReversePath, Interface: name,
		What:   fmt.Sprintf("rp_filter on %s is %d, and the kernel drops packets from %v that arrive on it", name, rpFilter, client),
		Why:    fmt.Sprintf("replies to it leave %v", back),
		Remedy: setSysctl(ipv4Conf("all", "rp_filter"), "0") + " && " + setSysctl(ipv4Conf(name, "rp_filter"), "0"),
	}
	if rpFilter == 1 {
		f.What = fmt.Sprintf("rp_filter on %s is 1 (strict), and replies to %s leave %v", name, called(client, given), back)
		f.Why = "packets of such clients arrive here and are dropped, because replies to them leave elsewhere"
		f.Remedy = setSysctl(ipv4Conf(name, "rp_filter"), "2")
	}
	return &f, nil
}

// called names a client.
func called(client netip.Addr, given bool) string {
	if given {
		return client.String()
	}
	return "clients beyond the LAN"
}

// source returns addr where the host has it, for the kernel refuses to route from
// another.
func (i *inspection) source(addr netip.Addr) netip.Addr {
	if len(i.on(addr)) == 0 {
		return netip.Addr{}
	}
	return addr
}

// acceptLocal is the finding of a client whose address the host has too, as when
// a director's own connections have a VIP as their source.
func acceptLocal(client netip.Addr, name string, rpFilter int) Finding {
	f := Finding{
		Name: NameAcceptLocal, Interface: name,
		What:   fmt.Sprintf("%v is an address of this host, and accept_local on %s does not let it in from outside", client, name),
		Why:    "the kernel takes packets with such a source for forged and drops them: those of a director, or of another server, that uses a VIP as its own address",
		Remedy: setSysctl(ipv4Conf(name, "accept_local"), "1"),
	}
	if rpFilter == 1 {
		// The way back to oneself is lo, which strict takes for another
		// interface.
		f.Remedy += " && " + setSysctl(ipv4Conf(name, "rp_filter"), "2")
	}
	return f
}

// optionalEffective is effective for settings that a kernel may lack.
func (s *state) optionalEffective(name, leaf string) (int, error) {
	return effective(s.optional, name, leaf)
}
