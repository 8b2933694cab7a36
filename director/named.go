package director

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/admin/api"
	"lvsdr/service"
)

// named are the real servers that an order means.
func (d *Director) named(o *api.OrderRequest) (servers []*service.RealServer, err error) {
	addr := addressOf(o.Server)
	if !addr.IsValid() {
		return nil, invalid("server: %q is not an address; write one such as 192.0.2.21 or 192.0.2.21:80", o.Server)
	}
	at, _ := netip.ParseAddrPort(o.Server)
	var (
		found   []*service.Service // that the order may mean
		others  []string           // names of the services that it does not
		sorries []string           // names of those whose sorry server it names
	)
	for _, s := range d.table.Services() {
		if o.Service != "" && s.Name != o.Service {
			others = append(others, s.Name)
			continue
		}
		found = append(found, s)
		for _, rs := range s.Servers {
			if rs.Addr == addr && (at.Port() == 0 || at.Port() == cmp.Or(rs.Port, rs.ServicePort())) {
				servers = append(servers, rs)
			}
		}
		if s.Sorry != nil && s.Sorry.Addr == addr {
			sorries = append(sorries, s.Name)
		}
	}
	switch {
	case len(servers) > 0:
		return servers, nil
	case o.Service != "" && len(found) == 0:
		return nil, unknown(api.CodeNoService, fmt.Sprintf("there is no service %q", o.Service), others)
	case len(sorries) > 0:
		return nil, invalid("%s is the sorry server of %s, which takes no orders", o.Server, strings.Join(sorries, ", "))
	case o.Service != "":
		return nil, unknown(api.CodeNoServer, fmt.Sprintf("service %s has no real server %s", o.Service, o.Server), similar(found, addr))
	}
	return nil, unknown(api.CodeNoServer, "no service has a real server "+o.Server, similar(found, addr))
}

// similar names the servers that somebody may have meant: those with the address, on
// other ports, or else all.
func similar(services []*service.Service, addr netip.Addr) []string {
	var all, same []string
	for _, s := range services {
		for _, rs := range s.Servers {
			all = append(all, address(rs))
			if rs.Addr == addr {
				same = append(same, address(rs))
			}
		}
	}
	if len(same) > 0 {
		return same
	}
	return all
}

// mostNamed is how many things an error lists.
const mostNamed = 10

// unknown is the error about a name that nothing has; there are the others.
func unknown(code, what string, there []string) error {
	var names []string
	for _, name := range there {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	list := "there is none"
	switch more := len(names) - mostNamed; {
	case more > 0:
		list = fmt.Sprintf("there are %s and %d more (director status)", strings.Join(names[:mostNamed], ", "), more)
	case len(names) == 1:
		list = "there is " + names[0]
	case len(names) > 1:
		list = "there are " + strings.Join(names, ", ")
	}
	return &api.Error{Code: code, Message: what + "; " + list}
}

// sameWeights refuses to give one weight to servers whose services give them
// different ones: what is much in one may be little in another.
func (d *Director) sameWeights(servers []*service.RealServer) error {
	weights := make(map[int]bool)
	var names []string
	for i, s := range d.table.Services() {
		for j, rs := range s.Servers {
			if slices.Contains(servers, rs) {
				weight := d.config.Services[i].RealServers[j].Weight
				weights[weight] = true
				names = append(names, fmt.Sprintf("%s of %s (%d)", address(rs), s.Name, weight))
			}
		}
	}
	if len(weights) < 2 {
		return nil
	}
	more := ""
	if n := len(names) - mostNamed; n > 0 {
		names, more = names[:mostNamed], fmt.Sprintf(" and %d more", n)
	}
	return invalid("the configuration gives it different weights: %s%s; name a service, or a port", strings.Join(names, ", "), more)
}
