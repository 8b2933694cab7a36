package realserver

import (
	"fmt"
	"net/netip"
	"slices"
)

// replyRoutes follows the replies of each VIP to clients.
func (i *inspection) replyRoutes() error {
	for _, vip := range i.options.VIPs {
		clients, given := i.clients(vip)
		for _, client := range clients {
			if err := i.replyRoute(vip, client, given); err != nil {
				return err
			}
		}
	}
	return nil
}

// replySource returns the address that the kernel routes a VIP's replies by: with
// redirect, NAT writes the VIP over it afterwards. The zero address: the host
// lacks it.
func (i *inspection) replySource(vip netip.Addr) netip.Addr {
	if !i.redirects() {
		return i.source(vip)
	}
	for _, name := range i.lanOf(vip) {
		if own, ok := i.own(name, vip); ok {
			return own
		}
	}
	return netip.Addr{}
}

func (i *inspection) replyRoute(vip, client netip.Addr, given bool) error {
	from := i.replySource(vip)
	r, err := i.host.FindRoute(RouteQuery{From: from, To: client})
	if err != nil {
		return err
	}
	plain, err := i.host.FindRoute(RouteQuery{To: client})
	if err != nil {
		return err
	}
	f := Finding{
		Name: NameReplyRoute, VIP: vip, Interface: r.Interface,
		What: fmt.Sprintf("replies of %v to %s leave %v", vip, called(client, given), r),
	}
	switch {
	case !r.leads() && plain.leads():
		err = i.ruled(&f, from, client, r, plain)
	case !r.leads():
		f.noRoute(vip, client, given, r)
	case slices.Contains(i.options.Directors, r.Gateway):
		f.Why = "they go back through the director, which passes none of them on: clients hang"
		f.Remedy = fmt.Sprintf("%s route replace %s via ROUTER", ip(client), routeTo(client, given))
	case r.Interface != plain.Interface || r.Gateway != plain.Gateway:
		f.OK = true
		f.Why = fmt.Sprintf("a rule for the source sends them another way than the host's other packets, which leave %v", plain)
	default:
		f.OK = true
	}
	if err != nil {
		return err
	}
	i.add(f)
	if r.Type == RouteUnicast {
		i.replyMTU(vip, client, given, r)
	}
	return nil
}

// ruled is for replies that have no way only because of where they come from.
func (i *inspection) ruled(f *Finding, from, client netip.Addr, r, plain Route) error {
	f.What = fmt.Sprintf("replies of %v to %v %s", f.VIP, client, r.lost())
	f.Why = fmt.Sprintf("a rule for the source %v sends them nowhere; the host's other packets leave %v", from, plain)
	rules, err := i.host.SourceRules()
	if err != nil {
		return err
	}
	for _, rule := range rules {
		if rule.From.Contains(from) {
			f.Why = fmt.Sprintf("rule %d, from %v lookup %d, sends them nowhere; the host's other packets leave %v", rule.Priority, rule.From, rule.Table, plain)
			f.Remedy = fmt.Sprintf("%s rule del pref %d", ip(client), rule.Priority)
			return nil
		}
	}
	f.Remedy = fmt.Sprintf("%s rule", ip(client))
	return nil
}

// noRoute is for a client to whom nothing leads. That is wrong only for one who is
// there.
func (f *Finding) noRoute(vip, client netip.Addr, given bool, r Route) {
	f.OK = !given
	f.Interface = ""
	f.What = fmt.Sprintf("replies of %v to %s %s", vip, called(client, given), r.lost())
	f.Why = "the host drops them, and where rp_filter is 1 or 2 the clients' packets too"
	switch {
	case !given:
		f.Why = "there is no default route: only clients in the networks that the host has routes to are served"
	case r.Prefix.IsValid():
		f.Remedy = fmt.Sprintf("%s route del %s %v table %d", ip(client), r.Type, r.Prefix, r.Table)
	default:
		f.Remedy = fmt.Sprintf("%s route add default via ROUTER", ip(client))
	}
}

// lost says that packets get nowhere, and by which kind of route, if by any.
func (r Route) lost() string {
	if r.Type == RouteNone {
		return "have no route"
	}
	return fmt.Sprintf("have no route but a %s", r.Type)
}

// routeTo is the destination of a route to a client.
func routeTo(client netip.Addr, given bool) string {
	if !given {
		return "default"
	}
	return netip.PrefixFrom(client, client.BitLen()).String()
}
