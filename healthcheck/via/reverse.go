package via

import (
	"fmt"
	"net/netip"
	"strings"
)

// reverse is what the kernel does about the source of packets (RFC 3704), as far as
// the replies to probes depend on it: they come from a VIP, by the egress.
type reverse struct {
	egress string
	mode   int          // rp_filter, the larger of the interface's and all's: 0 off, 1 strict, 2 loose
	other  []netip.Addr // VIPs that the host reaches by another interface
	none   []netip.Addr // VIPs that it reaches by none
}

// The modes of rp_filter (ip-sysctl.rst).
const (
	strict = 1
	loose  = 2
)

// problems says which replies the kernel drops, and how to make it take them. That
// src_valid_mark is no remedy: it has the mark of the reply count, which nobody has
// marked.
func (r reverse) problems() (problems []Problem) {
	add := func(vips []netip.Addr, where, remedy string) {
		problems = append(problems, Problem{
			What:   fmt.Sprintf("rp_filter is %d on %s, and this host reaches %s by %s", r.mode, r.egress, list(vips), where),
			Why:    "the kernel drops the replies to probes of the VIP, which come by " + r.egress,
			Remedy: remedy,
		})
	}
	if r.mode == strict && len(r.other) > 0 {
		add(r.other, "another interface", "sysctl -w "+sysctlName(r.egress)+"=2")
	}
	if r.mode != 0 && len(r.none) > 0 {
		add(r.none, "none", "sysctl -w net.ipv4.conf.all.rp_filter=0 "+sysctlName(r.egress)+
			"=0, or a default route and sysctl -w "+sysctlName(r.egress)+"=2")
	}
	return problems
}

// listed is how many VIPs a message names.
const listed = 3

func list(vips []netip.Addr) string {
	var names []string
	for _, v := range vips[:min(len(vips), listed)] {
		names = append(names, v.String())
	}
	if more := len(vips) - listed; more > 0 {
		names = append(names, fmt.Sprintf("%d more VIPs", more))
	}
	return strings.Join(names, ", ")
}

// sysctlName writes the interface's rp_filter as sysctl(8) takes it: with slashes
// where a dot is part of the name (eth0.10).
func sysctlName(egress string) string {
	if strings.Contains(egress, ".") {
		return "net/ipv4/conf/" + egress + "/rp_filter"
	}
	return "net.ipv4.conf." + egress + ".rp_filter"
}
