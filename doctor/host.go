package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/guard"
)

// hostFacts is what is known of this host's kernel.
type hostFacts struct {
	guard.Facts
	Redirects   bool // send_redirects is in force on the interface
	ReversePath int  // rp_filter, as it is in force there: 0, 1 (strict) or 2 (loose)
	// Routes are, for each VIP, by which interface packets to it would leave; ""
	// is no route.
	Routes map[netip.Addr]string
	LRO    bool
	// Bridge is the bridge that the interface is, or is a port of; "" is none.
	Bridge string
	// BridgeCalls are the switches of br_netfilter that are on.
	BridgeCalls []string
}

// inspectHost judges this host as the director's.
func inspectHost(f hostFacts) []Result {
	results := kernelResults(guard.Inspect(f.Facts))
	for _, r := range []Result{inspectRedirects(f), inspectReversePath(f), inspectOffload(f), inspectBridge(f)} {
		if r.Verdict == Wrong {
			r.Host = "this host"
		}
		results = append(results, r)
	}
	return results
}

// inspectBystander judges a host that is neither director nor real server: it must
// not have the VIP.
func inspectBystander(f hostFacts) []Result {
	return kernelResults(guard.Inspect(guard.Facts{Interface: f.Interface, Local: f.Local}))
}

func kernelResults(findings []guard.Finding) []Result {
	var results []Result
	for _, g := range findings {
		r := Result{Verdict: OK, Kind: HostKernel, What: g.What, Why: g.Why, Command: g.Remedy}
		if g.Severity != guard.OK {
			r.Verdict, r.Host = Wrong, "this host"
		}
		results = append(results, r)
	}
	return results
}

func inspectRedirects(f hostFacts) Result {
	if len(f.Forwarding4) == 0 || f.Guarded || !f.Redirects {
		return Result{Verdict: OK, Kind: HostRedirects, What: fmt.Sprintf("the kernel sends no ICMP redirects for VIPs on %s", f.Interface)}
	}
	return Result{
		Verdict: Wrong, Kind: HostRedirects,
		What:    fmt.Sprintf("send_redirects is on for %s, and the kernel forwards", f.Interface),
		Why:     "it tells clients of this segment to send to another host what is for a VIP",
		Command: fmt.Sprintf("sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/%s/send_redirects=0", f.Interface),
	}
}

// inspectReversePath is about what a VIP sends to this host: the answers to a check
// of the VIP at a real server.
func inspectReversePath(f hostFacts) Result {
	for _, vip := range f.VIPs {
		route, known := f.Routes[vip]
		back := known && route == f.Interface
		if f.ReversePath == 0 || f.ReversePath == 2 && route != "" || back || isLocal(f, vip) {
			continue
		}
		where := "there is no route to it"
		if route != "" {
			where = "its route is by " + route
		}
		return Result{
			Verdict: Wrong, Kind: HostReversePath, VIP: vip.String(),
			What:    fmt.Sprintf("rp_filter is %d on %s, and for the VIP %v %s", f.ReversePath, f.Interface, vip, where),
			Why:     "the kernel drops what comes from the VIP, such as the answers to checks of the VIP at a real server",
			Command: fmt.Sprintf("ip route add %v/32 dev %s", vip, f.Interface),
		}
	}
	return Result{Verdict: OK, Kind: HostReversePath, What: fmt.Sprintf("rp_filter lets pass on %s what comes from the VIPs", f.Interface)}
}

// isLocal reports whether the VIP is this host's own, which is a finding of its own.
func isLocal(f hostFacts, vip netip.Addr) bool {
	for _, l := range f.Local {
		if l.VIP == vip {
			return true
		}
	}
	return false
}

func inspectOffload(f hostFacts) Result {
	if !f.LRO {
		return Result{Verdict: OK, Kind: HostOffload, What: fmt.Sprintf("large receive offload is off on %s", f.Interface)}
	}
	return Result{
		Verdict: Wrong, Kind: HostOffload,
		What:    fmt.Sprintf("large receive offload is on for %s", f.Interface),
		Why:     "the card merges clients' packets into larger ones, and forgets how they were: they cannot be sent on",
		Command: fmt.Sprintf("ethtool -K %s lro off", f.Interface),
	}
}

func inspectBridge(f hostFacts) Result {
	switch {
	case f.Bridge == "":
		return Result{Verdict: OK, Kind: HostBridge, What: fmt.Sprintf("%s belongs to no bridge", f.Interface)}
	case len(f.BridgeCalls) == 0:
		return Result{Verdict: OK, Kind: HostBridge, What: fmt.Sprintf("frames that cross the bridge %s do not pass the packet filter", f.Bridge)}
	}
	off := make([]string, len(f.BridgeCalls))
	for i, name := range f.BridgeCalls {
		off[i] = "net.bridge." + name + "=0"
	}
	return Result{
		Verdict: Wrong, Kind: HostBridge,
		What:    fmt.Sprintf("frames that cross the bridge %s pass the packet filter: %s", f.Bridge, strings.Join(f.BridgeCalls, ", ")),
		Why:     "a filter made for routed packets, or a checksum that is left to the hardware, drops them between the director and the real servers",
		Command: "sysctl -w " + strings.Join(off, " "),
	}
}
