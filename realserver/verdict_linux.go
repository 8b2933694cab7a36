package realserver

import (
	"bytes"
	"errors"
	"net/netip"
)

// Passages implements Host.
func (LinuxHost) Passages(packets []Packet) (passages []Passage, err error) {
	rules, err := readRuleset()
	if err != nil {
		return nil, explainRules(err)
	}
	defer func() { err = errors.Join(err, rules.close()) }()
	addrs, err := LinuxHost{}.Addresses()
	if err != nil {
		return nil, err
	}
	for _, p := range packets {
		passage, err := rules.passage(p, addrs)
		if err != nil {
			return nil, explainRules(err)
		}
		passages = append(passages, passage)
	}
	return passages, nil
}

// passage tries one packet on a host with these addresses.
func (rs *ruleset) passage(p Packet, addrs []Address) (Passage, error) {
	locals := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		locals[i] = a.Prefix.Addr()
	}
	w := &walk{trial: newTrial(p, locals), rules: rs}
	w.back = func() answer { return comesBack(p, elsewhere(addrs, p.To)) }
	o, err := w.through(w.hooks(p.Out))
	if err != nil {
		return Passage{}, err
	}
	at, fate := o.doubt, FateUnknown
	switch {
	case o.only(effectAccept):
		return Passage{}, nil
	case o.only(effectDrop):
		at, fate = o.by[effectDrop], Dropped
	case at == nil && o.can(effectTaken):
		at = o.by[effectTaken]
	case at == nil:
		at = o.by[effectDrop]
	}
	return Passage{Fate: fate, Where: at.String(), Chain: at.base.String(), To: at.to}, nil
}

// comesBack says whether the way to the packet's source, or to anywhere where that
// is not known, leaves by the interface that the packet comes in on.
func comesBack(p Packet, anywhere netip.Addr) answer {
	to, known := p.From, p.From.IsValid()
	if !known {
		to = anywhere
	}
	r, err := LinuxHost{}.FindRoute(RouteQuery{To: to})
	if err != nil || !known && !r.leads() {
		return perhaps
	}
	return answerOf(r.leads() && r.Interface == p.Interface)
}

// Covered implements Host.
func (LinuxHost) Covered(t Table, interfaces []string) (covered bool, err error) {
	rules, err := readRuleset()
	if err != nil {
		return false, explainTable(t, err)
	}
	defer func() { err = errors.Join(err, rules.close()) }()
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			met, err := rules.covers(r, interfaces)
			if err != nil || !met {
				return false, explainTable(t, err)
			}
		}
	}
	return true, nil
}

// covers says whether packets that arrive on each of the interfaces, or leave by
// the rule's, surely meet what the rule does.
func (rs *ruleset) covers(r Rule, interfaces []string) (bool, error) {
	if len(interfaces) == 0 {
		interfaces = []string{""}
	}
	if r.Out != "" {
		interfaces = []string{r.Out}
	}
	for _, name := range interfaces {
		for _, p := range r.packets(name) {
			met, err := rs.meets(r, p)
			if err != nil || !met {
				return false, err
			}
		}
	}
	return true, nil
}

// packets are all served when the rule is: of a service, one at each end of its
// ports, for each protocol that it may mean.
func (r Rule) packets(dev string) []Packet {
	switch r.Action {
	case ActionDrop:
		return []Packet{{Protocol: "arp", To: r.VIP, Interface: dev}}
	case ActionSetSender:
		return []Packet{{Protocol: "arp", From: r.VIP, Interface: dev, Out: true}}
	}
	protocols := []string{"tcp", "udp", "sctp"}
	if r.Service.Protocol != "" {
		protocols = []string{r.Service.Protocol}
	}
	first, last := r.Service.First, r.Service.Last
	if first == 0 {
		first, last = 1, 65535
	}
	var all []Packet
	for _, protocol := range protocols {
		for _, port := range []uint16{first, last} {
			all = append(all, Packet{Protocol: protocol, To: r.VIP, Port: port, Interface: dev})
		}
	}
	return all
}

// meets says whether the packet surely meets what the rule does.
func (rs *ruleset) meets(r Rule, p Packet) (bool, error) {
	w := &walk{trial: newTrial(p, nil), rules: rs}
	hooks := w.hooks(p.Out)
	if r.Action == ActionRedirect {
		hooks = hooks[:len(hooks)-1] // what input does is not about it
	}
	o, err := w.through(hooks)
	if err != nil {
		return false, err
	}
	switch r.Action {
	case ActionRedirect:
		return o.only(effectAccept) && w.redirected == yes && !w.moved, nil
	case ActionDrop:
		return o.only(effectDrop), nil
	}
	sender := w.network.cut(arpFrom, 4)
	return o.only(effectAccept) && sender.allKnown() && !bytes.Equal(sender.data, r.VIP.AsSlice()), nil
}
