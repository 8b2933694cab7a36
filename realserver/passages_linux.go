package realserver

import (
	"errors"
	"net/netip"

	"lvsdr/realserver/ruleset"
)

// Passages implements Host.
func (LinuxHost) Passages(packets []ruleset.Packet) (passages []ruleset.Passage, err error) {
	rules, err := ruleset.Read()
	if err != nil {
		return nil, explainRules(err)
	}
	defer func() { err = errors.Join(err, rules.Close()) }()
	addrs, err := LinuxHost{}.Addresses()
	if err != nil {
		return nil, err
	}
	around := surroundings(addrs)
	for _, p := range packets {
		passage, err := rules.Passage(p, around)
		if err != nil {
			return nil, explainRules(err)
		}
		passages = append(passages, passage)
	}
	return passages, nil
}

// surroundings are what rules may ask of a host with these addresses.
func surroundings(addrs []Address) ruleset.Host {
	locals := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		locals[i] = a.Prefix.Addr()
	}
	return ruleset.Host{Addresses: locals, Back: func(p ruleset.Packet) (back, known bool) {
		return comesBack(p, elsewhere(addrs, p.To))
	}}
}

// comesBack says whether the way to the packet's source, or to anywhere where that
// is not known, leaves by the interface that the packet comes in on.
func comesBack(p ruleset.Packet, anywhere netip.Addr) (back, known bool) {
	to, given := p.From, p.From.IsValid()
	if !given {
		to = anywhere
	}
	r, err := LinuxHost{}.FindRoute(RouteQuery{To: to})
	if err != nil || !given && !r.leads() {
		return false, false
	}
	return r.leads() && r.Interface == p.Interface, true
}
