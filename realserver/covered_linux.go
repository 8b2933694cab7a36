package realserver

import (
	"errors"

	"lvsdr/realserver/ruleset"
)

// Covered implements Host.
func (LinuxHost) Covered(t Table, interfaces []string) (covered bool, err error) {
	rules, err := ruleset.Read()
	if err != nil {
		return false, explainTable(t, err)
	}
	defer func() { err = errors.Join(err, rules.Close()) }()
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			met, err := r.coveredBy(rules, interfaces)
			if err != nil || !met {
				return false, explainTable(t, err)
			}
		}
	}
	return true, nil
}

// coveredBy says whether packets that arrive on each of the interfaces, or leave by
// the rule's, surely meet what the rule does.
func (r Rule) coveredBy(rules *ruleset.Ruleset, interfaces []string) (bool, error) {
	if len(interfaces) == 0 {
		interfaces = []string{""}
	}
	if r.Out != "" {
		interfaces = []string{r.Out}
	}
	for _, name := range interfaces {
		for _, p := range r.packets(name) {
			met, err := r.doneBy(rules, p)
			if err != nil || !met {
				return false, err
			}
		}
	}
	return true, nil
}

// packets are all served when the rule is: of a service, one at each end of its
// ports, for each protocol that it may mean.
func (r Rule) packets(dev string) []ruleset.Packet {
	switch r.Action {
	case ActionDrop:
		return []ruleset.Packet{{Protocol: "arp", To: r.VIP, Interface: dev}}
	case ActionSetSender:
		return []ruleset.Packet{{Protocol: "arp", From: r.VIP, Interface: dev, Out: true}}
	}
	protocols := []string{"tcp", "udp", "sctp"}
	if r.Service.Protocol != "" {
		protocols = []string{r.Service.Protocol}
	}
	first, last := r.Service.First, r.Service.Last
	if first == 0 {
		first, last = 1, 65535
	}
	var all []ruleset.Packet
	for _, protocol := range protocols {
		for _, port := range []uint16{first, last} {
			all = append(all, ruleset.Packet{Protocol: protocol, To: r.VIP, Port: port, Interface: dev})
		}
	}
	return all
}

// doneBy says whether the packet surely meets in the rules what r does.
func (r Rule) doneBy(rules *ruleset.Ruleset, p ruleset.Packet) (bool, error) {
	switch r.Action {
	case ActionRedirect:
		return rules.Redirects(p)
	case ActionDrop:
		return rules.Drops(p)
	}
	return rules.RewritesSender(p)
}
