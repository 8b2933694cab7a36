package realserver

import (
	"fmt"
	"net/netip"

	"lvsdr/finding"
)

const (
	// ethernetMTU is what directors and other hosts of a LAN have, if nobody
	// chose otherwise.
	ethernetMTU = 1500
	// minMTU6 is the least with which IPv6 works (RFC 8200, 5). Linux turns it
	// off on an interface that has less.
	minMTU6 = 1280
)

// mtu judges what the interfaces can carry. Direct routing adds nothing to a
// packet, so it is enough that every host of the LAN has the same MTU.
func (i *inspection) mtu() error {
	names := i.interfaces
	if i.has6() {
		names = append(i.lan6(), loopback)
	}
	for _, name := range names {
		l, ok := i.link(name)
		if !ok || l.MTU == 0 {
			continue
		}
		i.add(i.mtuOf(l))
	}
	return nil
}

func (i *inspection) mtuOf(l Link) Finding {
	f := Finding{Name: NameMTU, Interface: l.Name, OK: true, What: fmt.Sprintf("the MTU of %s is %d", l.Name, l.MTU)}
	switch {
	case i.has6() && l.MTU < minMTU6:
		f.OK = false
		f.Why = fmt.Sprintf("IPv6 needs %d at least, and is off on this interface", minMTU6)
		f.Remedy = fmt.Sprintf("ip link set %s mtu %d", finding.ShellWord(l.Name), max(ethernetMTU, minMTU6))
	case l.MTU < ethernetMTU && !l.Loopback:
		f.Why = fmt.Sprintf("if the director's is larger, what it sends on above %d bytes is lost here: TCP keeps to the smaller one by itself, UDP does not", l.MTU)
	}
	return f
}

// replyMTU judges the way of replies. TCP tells clients what the server's side can
// take by the MTU of that way, and what they send arrives by the LAN.
func (i *inspection) replyMTU(vip, client netip.Addr, given bool, r Route) {
	out, ok := i.link(r.Interface)
	if !ok {
		return
	}
	mtu := out.MTU
	if r.MTU != 0 {
		mtu = r.MTU
	}
	f := Finding{Name: NameMTU, VIP: vip, Interface: r.Interface, OK: true}
	for _, name := range i.lanOf(vip) {
		if l, _ := i.link(name); l.MTU != 0 && l.MTU < mtu {
			f.What = fmt.Sprintf("the way of replies of %v to %s has an MTU of %d, and %s, by which packets come, %d", vip, called(client, given), mtu, name, l.MTU)
			f.Why = "TCP invites clients to send segments that are too large for the way in: they are lost, or the director refuses them with ICMP"
			i.add(f)
			return
		}
	}
	if mtu < out.MTU {
		f.What = fmt.Sprintf("the route of %v to %s has an MTU of %d, and %s %d", vip, called(client, given), mtu, r.Interface, out.MTU)
		f.Why = "TCP keeps to it both ways; larger replies of UDP are fragmented"
		i.add(f)
	}
}
