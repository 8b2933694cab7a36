package guard

import (
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/finding"
)

func inspectRedirects(f Facts) Finding {
	if len(f.Forwarding4) == 0 || f.Guarded || !f.Redirects {
		return Finding{What: fmt.Sprintf("the kernel sends no ICMP redirects for VIPs on %s", f.Interface)}
	}
	return Finding{
		Severity: Alarm,
		What:     fmt.Sprintf("send_redirects is on for %s, and the kernel forwards", f.Interface),
		Why:      "it tells clients of this segment to send to another host what is for a VIP",
		Remedy:   "sysctl -w net/ipv4/conf/all/send_redirects=0 " + finding.ShellWord("net/ipv4/conf/"+f.Interface+"/send_redirects=0"),
	}
}

// inspectReversePath is about what a VIP sends to this host: the answers to a check
// of the VIP at a real server. They come in where the real servers are.
func inspectReversePath(f Facts) Finding {
	egress := f.egress()
	for _, vip := range f.VIPs {
		route := f.Routes[vip]
		passes := f.ReversePath == 0 || f.ReversePath == 2 && route != "" || route == egress
		if passes || !vip.Is4() || f.isLocal(vip) {
			continue
		}
		where := "there is no route to it"
		if route != "" {
			where = "its route is by " + route
		}
		return Finding{
			Severity: Alarm,
			What:     fmt.Sprintf("rp_filter is %d on %s, and for the VIP %v %s", f.ReversePath, egress, vip, where),
			Why:      "the kernel drops what comes from the VIP, such as the answers to checks of the VIP at a real server",
			Remedy:   fmt.Sprintf("ip route add %v/32 dev %s", vip, finding.ShellWord(egress)),
		}
	}
	return Finding{What: fmt.Sprintf("rp_filter lets pass on %s what comes from the VIPs", egress)}
}

// isLocal reports whether the VIP is this host's own, which is a finding of its own.
func (f *Facts) isLocal(vip netip.Addr) bool {
	for _, l := range f.Local {
		if l.VIP == vip {
			return true
		}
	}
	return false
}

func inspectOffload(f Facts) Finding {
	if !f.LRO {
		return Finding{What: fmt.Sprintf("large receive offload is off on %s", f.Interface)}
	}
	return Finding{
		Severity: Alarm,
		What:     fmt.Sprintf("large receive offload is on for %s", f.Interface),
		Why:      "the card merges clients' packets into larger ones, and forgets how they were: they cannot be sent on",
		Remedy:   fmt.Sprintf("ethtool -K %s lro off", finding.ShellWord(f.Interface)),
	}
}

func inspectBridge(f Facts) Finding {
	where := strings.Join(f.Bridges, ", ")
	switch {
	case len(f.Bridges) == 0:
		return Finding{What: fmt.Sprintf("%s belongs to no bridge", f.Interface)}
	case len(f.BridgeCalls) == 0:
		return Finding{What: fmt.Sprintf("frames that cross the bridge %s do not pass the packet filter", where)}
	}
	off := make([]string, len(f.BridgeCalls))
	for i, name := range f.BridgeCalls {
		off[i] = "net.bridge." + name + "=0"
	}
	return Finding{
		Severity: Alarm,
		What:     fmt.Sprintf("frames that cross the bridge %s pass the packet filter: %s", where, strings.Join(f.BridgeCalls, ", ")),
		Why:      "a filter made for routed packets, or a checksum that is left to the hardware, drops them between the director and the real servers",
		Remedy:   "sysctl -w " + strings.Join(off, " "),
	}
}

// inspectMTU is about a director of two interfaces.
func inspectMTU(f Facts) Finding {
	egress := f.egress()
	if f.EgressMTU >= f.MTU || f.EgressMTU == 0 {
		return Finding{What: fmt.Sprintf("what arrives on %s fits the MTU of %s", f.Interface, egress)}
	}
	return Finding{
		Severity: Alarm,
		What:     fmt.Sprintf("the MTU of %s, %d, is smaller than that of %s, %d", egress, f.EgressMTU, f.Interface, f.MTU),
		Why:      "clients are told to send smaller packets: their connections hang wherever a firewall drops what tells them",
		Remedy:   fmt.Sprintf("ip link set dev %s mtu %d", finding.ShellWord(egress), f.MTU),
	}
}
