package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/realserver/ruleset"
)

// firewall tries packets on the nftables rules: those of clients for the VIPs, the
// replies, and ARP for the server's own address, which the director needs. The
// rules are read once for all.
func (i *inspection) firewall() error {
	all, err := i.allTries()
	if err != nil {
		return err
	}
	var packets []ruleset.Packet
	for _, t := range all {
		packets = append(packets, t.packets...)
	}
	passages, err := i.host.Passages(packets)
	if !i.tried(err) {
		return nil
	}
	for _, t := range all {
		i.judge(t, passages[:len(t.packets)])
		passages = passages[len(t.packets):]
	}
	return i.legacy()
}

// allTries lists what is to be tried, in order.
func (i *inspection) allTries() ([]tries, error) {
	var all []tries
	for _, vip := range i.options.VIPs {
		for _, name := range i.lanOf(vip) {
			all = append(all, i.lets(vip, name)...)
		}
		dev, err := i.replyInterface(vip)
		if err != nil {
			return nil, err
		}
		all = append(all, i.letsReply(vip, dev)...)
	}
	if len(only4(i.options.VIPs)) > 0 {
		for _, name := range i.interfaces {
			all = append(all, i.letsARP(name)...)
		}
	}
	return all, nil
}

// tried says whether the rules could be read. That they could not is worth a
// word: everything else about the host is known.
func (i *inspection) tried(err error) bool {
	if err == nil {
		return true
	}
	i.add(Finding{
		Name: NameFirewall, OK: true, What: "whether a firewall drops the VIPs' packets is not known", Why: err.Error(),
	})
	return false
}

// legacy tells of rules that are not seen.
func (i *inspection) legacy() error {
	tables, err := i.host.LegacyTables()
	if errors.Is(err, fs.ErrPermission) || err == nil && len(tables) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	i.add(Finding{
		Name: NameLegacyTables, OK: true, What: "there are tables of the old iptables: " + some(tables),
		Why: "their rules are not among those that were tried: look with iptables-legacy-save, ip6tables-legacy-save, arptables-legacy-save",
	})
	return nil
}

// tries are packets that stand for one thing, and what is to be said of it.
type tries struct {
	name, what string // of the finding; what: "tcp/80 for 192.0.2.10 on eth0"
	vip        netip.Addr
	dev        string
	packets    []ruleset.Packet
	accept     func(ruleset.Passage) string // what a rule has to match to let them pass
	either     bool                         // of several kinds of packets one is enough
}

// judge makes a finding of what becomes of the packets.
func (i *inspection) judge(t tries, passages []ruleset.Passage) {
	f := Finding{Name: t.name, VIP: t.vip, Interface: t.dev, OK: true, What: "no nftables rule drops " + t.what}
	count := map[ruleset.Fate]int{}
	first := map[ruleset.Fate]ruleset.Passage{}
	for _, p := range passages {
		if count[p.Fate]++; count[p.Fate] == 1 {
			first[p.Fate] = p
		}
	}
	drop, doubt := first[ruleset.Dropped], first[ruleset.Unknown]
	switch {
	case count[ruleset.Dropped] > 0 && (!t.either || count[ruleset.Dropped] == len(passages)):
		f.OK = false
		f.What = fmt.Sprintf("nftables drops %s: %s", t.what, drop.Where)
		f.Why = "clients hang, or are refused"
		f.Remedy = fmt.Sprintf("nft insert rule %s %s accept", drop.Chain, t.accept(drop))
	case count[ruleset.Unknown] > 0:
		f.What = fmt.Sprintf("nftables may drop %s", t.what)
		f.Why = fmt.Sprintf("it depends on what is known only of a real packet: %s%s", doubt.Where, i.ask())
	case count[ruleset.Dropped] > 0:
		f.What = fmt.Sprintf("nftables drops some of %s", t.what)
		f.Why = fmt.Sprintf("if that is a service: %s%s", drop.Where, i.ask())
	}
	i.add(f)
}

// ask says what would make a verdict clearer.
func (i *inspection) ask() string {
	var flags []string
	if len(i.options.Services) == 0 {
		flags = append(flags, "--service")
	}
	if len(i.options.Clients) == 0 {
		flags = append(flags, "--client")
	}
	if len(flags) == 0 {
		return ""
	}
	return "; say more with " + strings.Join(flags, " and ")
}

// kinds lists what of a VIP is tried: each service or, where none is named, TCP
// and UDP of any port.
func (i *inspection) kinds(vip netip.Addr) (services []Service, named bool) {
	if services = i.expected(vip); len(services) > 0 {
		return services, true
	}
	return []Service{{Protocol: "tcp"}, {Protocol: "udp"}}, false
}

// ends lists the ports that stand for a service.
func (s Service) ends() []uint16 { return slices.Compact([]uint16{s.First, s.Last}) }

// clientsOrAny is for packets: the zero address is any client.
func (i *inspection) clientsOrAny(vip netip.Addr) []netip.Addr {
	clients, given := i.clients(vip)
	if !given {
		return []netip.Addr{{}}
	}
	return clients
}

// lets tries what clients send.
func (i *inspection) lets(vip netip.Addr, name string) []tries {
	own, _ := i.own(name, vip)
	return i.eachKind(vip, func(client netip.Addr, service Service, port uint16) ruleset.Packet {
		return ruleset.Packet{Protocol: service.Protocol, From: client, To: vip, Port: port, Interface: name, Own: own}
	}, tries{name: NameFirewall, dev: name})
}

// letsReply tries what the services answer, by the interface that it leaves by.
func (i *inspection) letsReply(vip netip.Addr, dev string) []tries {
	from := vip
	if own := i.replySource(vip); i.redirects() && own.IsValid() {
		from = own
	}
	return i.eachKind(vip, func(client netip.Addr, service Service, port uint16) ruleset.Packet {
		return ruleset.Packet{Protocol: service.Protocol, From: from, To: client, Port: port, Interface: dev, Out: true}
	}, tries{name: NameFirewallReply, dev: dev})
}

// replyInterface is the interface that replies leave by.
func (i *inspection) replyInterface(vip netip.Addr) (string, error) {
	clients, _ := i.clients(vip)
	r, err := i.host.FindRoute(RouteQuery{From: i.replySource(vip), To: clients[0]})
	if err != nil || r.Type == RouteUnicast {
		return r.Interface, err
	}
	if names := i.lanOf(vip); len(names) > 0 {
		return names[0], nil
	}
	return "", nil
}

// eachKind tries each service of the VIP or, where none is named, all kinds at
// once.
func (i *inspection) eachKind(vip netip.Addr, packet func(netip.Addr, Service, uint16) ruleset.Packet, t tries) []tries {
	var all []tries
	services, named := i.kinds(vip)
	t.vip, t.either = vip, !named
	for n, service := range services {
		if named || n == 0 {
			t.packets = nil
		}
		for _, client := range i.clientsOrAny(vip) {
			for _, port := range service.ends() {
				t.packets = append(t.packets, packet(client, service, port))
			}
		}
		if !named && n+1 < len(services) {
			continue
		}
		t.what = i.described(t, service, named)
		reply := t.name == NameFirewallReply
		t.accept = func(p ruleset.Passage) string { return acceptRule(p, vip, service, named, reply) }
		all = append(all, t)
	}
	return all
}

func (i *inspection) described(t tries, service Service, named bool) string {
	kind := "packets"
	if named {
		kind = service.String()
	}
	preposition := "for"
	if t.name == NameFirewallReply {
		preposition = "from"
	}
	if t.dev == "" {
		return fmt.Sprintf("%s %s %v", kind, preposition, t.vip)
	}
	return fmt.Sprintf("%s %s %v on %s", kind, preposition, t.vip, t.dev)
}

// acceptRule is what a rule has to match, as nft(8) takes it.
func acceptRule(p ruleset.Passage, vip netip.Addr, service Service, named, reply bool) string {
	family, address, port, addr := "ip", "daddr", "dport", vip
	if vip.Is6() {
		family = "ip6"
	}
	if p.To.IsValid() && !reply {
		addr = p.To
	}
	if reply {
		address, port = "saddr", "sport"
	}
	text := fmt.Sprintf("%s %s %v", family, address, addr)
	switch {
	case !named:
		return text
	case service.First == 0:
		return text + " meta l4proto " + service.Protocol
	case service.First == service.Last:
		return fmt.Sprintf("%s %s %s %d", text, service.Protocol, port, service.First)
	}
	return fmt.Sprintf("%s %s %s %d-%d", text, service.Protocol, port, service.First, service.Last)
}

// letsARP tries a question for the server's own address, and the answer.
func (i *inspection) letsARP(name string) []tries {
	own, ok := i.ownAddress(name, i.options.VIPs)
	if !ok {
		return nil
	}
	var all []tries
	for _, p := range []struct {
		ruleset.Packet
		match string
	}{
		{ruleset.Packet{Protocol: "arp", To: own, Interface: name}, "arp daddr ip"},
		{ruleset.Packet{Protocol: "arp", From: own, Interface: name, Out: true}, "arp saddr ip"},
	} {
		t := tries{
			name: NameFirewallARP, dev: name, packets: []ruleset.Packet{p.Packet},
			what:   fmt.Sprintf("ARP for the server's own %v on %s", own, name),
			accept: func(ruleset.Passage) string { return fmt.Sprintf("%s %v", p.match, own) },
		}
		if p.Out {
			t.what = fmt.Sprintf("ARP from the server's own %v on %s", own, name)
		}
		all = append(all, t)
	}
	return all
}
