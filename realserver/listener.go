package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
)

// Listener is a socket that waits for packets or connections from anywhere.
type Listener struct {
	Protocol  string     // tcp or udp
	Address   netip.Addr // unspecified: any
	Port      uint16
	Only6     bool   // on :: it takes no IPv4
	Interface string // it is bound to; "": any
}

// listeners judges where services listen. What the VIP's packets are delivered to
// is the VIP or, with redirect, an address of the interface that they came in on.
func (i *inspection) listeners() error {
	all, err := i.host.Listeners()
	if errors.Is(err, fs.ErrNotExist) {
		i.add(Finding{
			Name: NameListener, OK: true, What: "what listens on this host is not known",
			Why: "this kernel cannot list sockets: modprobe -a inet_diag tcp_diag udp_diag",
		})
		return nil
	}
	if err != nil {
		return err
	}
	for _, vip := range i.options.VIPs {
		services := i.expected(vip)
		if len(services) == 0 {
			i.add(i.listening(vip, all))
		}
		for _, service := range services {
			if service.Protocol != "sctp" { // sockets of SCTP are not listed
				i.add(i.listensFor(vip, service, all))
			}
		}
	}
	return nil
}

// expected lists the services of a VIP that were named: for all VIPs, by a director
// or, with redirect, when it was applied.
func (i *inspection) expected(vip netip.Addr) []Service {
	services := i.options.services(vip)
	if m, ok := i.method.(redirectMethod); ok && len(services) == 0 {
		services = m.applied(vip, i.state)
	}
	return slices.DeleteFunc(slices.Clone(services), func(s Service) bool { return s == Service{} })
}

// serves says whether a socket gets what arrives for the VIP.
func (i *inspection) serves(l Listener, vip netip.Addr) bool {
	interfaces := i.lanOf(vip)
	if l.Interface != "" && !slices.Contains(interfaces, l.Interface) {
		return false
	}
	switch {
	case l.Address.IsUnspecified():
		return l.Address.Is4() == vip.Is4() || vip.Is4() && !l.Only6
	case !i.redirects():
		return l.Address == vip
	}
	return slices.ContainsFunc(interfaces, func(name string) bool {
		own, ok := i.own(name, vip)
		return ok && own == l.Address
	})
}

// String names the socket as ss(8) does.
func (l Listener) String() string {
	text := fmt.Sprintf("%s %v", l.Protocol, netip.AddrPortFrom(l.Address, l.Port))
	if l.Interface != "" {
		text += " on " + l.Interface
	}
	if l.Only6 && l.Address.IsUnspecified() {
		text += " (IPv6 only)"
	}
	return text
}

// service is what the socket is for.
func (l Listener) service() Service {
	return Service{Protocol: l.Protocol, First: l.Port, Last: l.Port}
}

// listensFor judges one service that is to be there: strictly where it was named
// for all VIPs, less so where a director lists it or redirect takes it.
func (i *inspection) listensFor(vip netip.Addr, service Service, all []Listener) Finding {
	f := Finding{Name: NameListener, VIP: vip}
	var elsewhere []string
	for _, l := range all {
		if !service.covers(l.service()) {
			continue
		}
		if i.serves(l, vip) {
			f.OK = true
			f.What = fmt.Sprintf("%v is served on %v, by %v", service, vip, l)
			return f
		}
		elsewhere = append(elsewhere, l.String())
	}
	f.What = fmt.Sprintf("nothing listens for %v on %v", service, vip)
	f.Why = "the host refuses what the director sends it for the service"
	f.OK = len(i.options.Services) == 0 // nobody said that it has to be there now
	if len(elsewhere) > 0 {
		f.What += ", only " + some(elsewhere)
	}
	if f.OK {
		return f
	}
	f.Remedy = "ss -Hlnp --" + service.Protocol
	if service.First != 0 {
		f.Remedy += fmt.Sprintf(" 'sport >= :%d and sport <= :%d'", service.First, service.Last)
	}
	f.Remedy += "  # the service has to listen on " + i.whereTo(vip)
	return f
}

// whereTo says on which addresses a service may listen.
func (i *inspection) whereTo(vip netip.Addr) string {
	anywhere := netip.IPv4Unspecified()
	if vip.Is6() {
		anywhere = netip.IPv6Unspecified()
	}
	if !i.redirects() {
		return fmt.Sprintf("%v or %v", vip, anywhere)
	}
	return fmt.Sprintf("%v or the server's own address, not on %v", anywhere, vip)
}

// listening lists what the VIP serves, where nobody said what it should. What
// listens only on another address of the LAN is worth a word, and no more.
func (i *inspection) listening(vip netip.Addr, all []Listener) Finding {
	f := Finding{Name: NameListener, VIP: vip, OK: true}
	var served, missed []string
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Listener) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	for _, l := range sorted {
		if i.serves(l, vip) {
			served = append(served, l.service().String())
		}
	}
	served = slices.Compact(served)
	for _, l := range sorted {
		local := l.Address.IsLoopback() || l.Interface != ""
		if !local && l.Address.Is4() == vip.Is4() && !slices.Contains(i.options.VIPs, l.Address) && !slices.Contains(served, l.service().String()) {
			missed = append(missed, l.String())
		}
	}
	f.What = fmt.Sprintf("%v is served on %s", vip, some(served))
	if len(served) == 0 {
		f.What = fmt.Sprintf("nothing serves %v: nothing listens on %s", vip, i.whereTo(vip))
		f.Why = "what the director sends for the VIP is refused"
	}
	if len(missed) > 0 {
		f.Why = fmt.Sprintf("not for %v, if it should be: %s", vip, some(missed))
	}
	return f
}

// some writes a list, as far as it is short.
func some(words []string) string {
	const most = 12
	words = slices.Compact(words)
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return strings.Join(words, ", ")
}
