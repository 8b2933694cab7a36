package guard

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/finding"
)

// Facts is what Inspect needs to know of a host.
type Facts struct {
	Interface string
	// Egress is by which the real servers are reached; "" is Interface.
	Egress string
	VIPs   []netip.Addr
	// Guarded: the guard is on the interface.
	Guarded bool
	// Forwarding4 are the interfaces on which the kernel takes up the frames
	// of Interface (itself, its bridge, its VLANs) and forwards IPv4.
	Forwarding4 []string
	// Forwarding6: the kernel forwards IPv6.
	Forwarding6 bool
	// ProxyARP are those of Forwarding4's kind on which proxy_arp is on.
	ProxyARP []string
	// ProxyNDP are those on which proxy_ndp is in force: it is on, and so is forwarding.
	ProxyNDP []string
	// Proxied are the VIPs for which the kernel was told to answer in another's name.
	Proxied []Proxied
	// Local are the VIPs that the kernel takes for its own.
	Local []Local
	// Redirects: send_redirects is in force on Interface.
	Redirects bool
	// ReversePath is rp_filter as it is in force on Egress: 0, 1 (strict) or 2 (loose).
	ReversePath int
	// Routes are, for each IPv4 VIP, by which interface packets to it would leave; ""
	// is no route. They are only known where ReversePath is not 0.
	Routes map[netip.Addr]string
	// LRO: Interface has large receive offload on.
	LRO bool
	// Bridges are those that Interface and Egress are, or are ports of.
	Bridges []string
	// BridgeCalls are the switches of br_netfilter that are on.
	BridgeCalls []string
	// MTU and EgressMTU are in bytes; 0 is not known.
	MTU, EgressMTU int
}

// egress returns by which interface the real servers are reached.
func (f *Facts) egress() string { return cmp.Or(f.Egress, f.Interface) }

// Proxied is a VIP in an interface's list of proxy neighbours (ip neigh add proxy).
type Proxied struct {
	VIP       netip.Addr
	Interface string
}

// Local is a VIP that the kernel takes for its own.
type Local struct {
	VIP       netip.Addr
	Prefix    netip.Prefix // of the address, or of the route
	Interface string
	RouteType string // "" for an address; "local", "broadcast" or "anycast" for a route
	// Own: the address is likely to be the one by which the host is on the
	// interface's subnet.
	Own bool
}

// Severity says what a finding asks of the director.
type Severity int

// The severities, in rising order.
const (
	// OK: as it should be.
	OK Severity = iota
	// Alarm: tell the operator and go on.
	Alarm
	// Refuse: do not start; while running, tell the operator.
	Refuse
)

// String returns the severity as a word.
func (s Severity) String() string {
	switch s {
	case OK:
		return "ok"
	case Alarm:
		return "alarm"
	case Refuse:
		return "refuse"
	}
	return "unknown"
}

// Finding is one thing about the host's kernel. Findings are comparable.
type Finding struct {
	Severity Severity
	Kind     finding.Kind
	What     string // what is
	Why      string // what the kernel does then
	Remedy   string // a line for a shell or for director.yaml
}

// String is one line for a log.
func (f Finding) String() string {
	line := f.What
	if f.Why != "" {
		line += ": " + f.Why
	}
	if f.Remedy != "" {
		line += "; to mend: " + f.Remedy
	}
	return line
}

// Result is the finding in the words that other programs use.
func (f Finding) Result() finding.Result {
	r := finding.Result{Verdict: finding.OK, Kind: f.Kind, What: f.What, Why: f.Why, Command: f.Remedy}
	if f.Severity != OK {
		r.Verdict, r.Host = finding.Wrong, finding.ThisHost
	}
	return r
}

// Err returns what keeps a director from starting, or nil.
func Err(findings []Finding) error {
	var lines []string
	for _, f := range findings {
		if f.Severity == Refuse {
			lines = append(lines, f.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("the host's kernel takes part in the VIPs' traffic: %s", strings.Join(lines, "\n"))
}

// Inspect judges a host by what is known of it: whether its kernel would
// answer for a VIP, duplicate its traffic, or drop what belongs to it. It has a
// finding for each condition, met or not.
func Inspect(f Facts) []Finding {
	v4, v6 := has(f.VIPs, netip.Addr.Is4), has(f.VIPs, netip.Addr.Is6)
	findings := InspectBystander(f)
	if v4 {
		findings = append(findings, about(finding.HostKernel, inspectForwarding4(f), inspectProxyARP(f))...)
	}
	if v6 {
		findings = append(findings, about(finding.HostKernel, inspectForwarding6(f), inspectProxyNDP(f))...)
	}
	findings = append(findings, about(finding.HostKernel, inspectProxied(f)...)...)
	if v4 {
		findings = append(findings, about(finding.HostRedirects, inspectRedirects(f))...)
		findings = append(findings, about(finding.HostReversePath, inspectReversePath(f))...)
	}
	findings = append(findings, about(finding.HostOffload, inspectOffload(f))...)
	findings = append(findings, about(finding.HostBridge, inspectBridge(f))...)
	if f.egress() != f.Interface {
		findings = append(findings, about(finding.HostMTU, inspectMTU(f))...)
	}
	return findings
}

// InspectBystander judges a host that is neither director nor real server: it must
// not have a VIP.
func InspectBystander(f Facts) []Finding { return about(finding.HostKernel, inspectLocal(f)...) }

func about(k finding.Kind, findings ...Finding) []Finding {
	for i := range findings {
		findings[i].Kind = k
	}
	return findings
}

func has(vips []netip.Addr, family func(netip.Addr) bool) bool {
	for _, vip := range vips {
		if family(vip) {
			return true
		}
	}
	return false
}

func inspectLocal(f Facts) []Finding {
	if len(f.Local) == 0 {
		return []Finding{{What: "no VIP is an address of this host"}}
	}
	findings := make([]Finding, len(f.Local))
	for i, l := range f.Local {
		findings[i] = l.inspect()
	}
	return findings
}

// inspect says how the host loses the VIP. Whoever took the host's own address for a
// VIP must not be told to cut the host off.
func (l *Local) inspect() Finding {
	dev := finding.ShellWord(l.Interface)
	if l.RouteType != "" {
		return Finding{
			Severity: Refuse,
			What:     fmt.Sprintf("the VIP %v is this host's own by the %s route to %v", l.VIP, l.RouteType, l.Prefix),
			Why:      "the kernel answers ARP for it and takes its traffic",
			Remedy:   fmt.Sprintf("ip route del %s %v dev %s table local", l.RouteType, l.Prefix, dev),
		}
	}
	line := fmt.Sprintf("ip addr del %v dev %s", l.Prefix, dev)
	if l.Own {
		return Finding{
			Severity: Refuse,
			What:     fmt.Sprintf("the VIP %v is the own address of this host, on %s", l.VIP, l.Interface),
			Why:      "a VIP must be another address, which no host has: the kernel answers ARP for this one and resets the VIP's connections",
			Remedy:   fmt.Sprintf("ip addr show dev %s  # give the service another VIP; if this address is none that the host needs: %s", dev, line),
		}
	}
	return Finding{
		Severity: Refuse,
		What:     fmt.Sprintf("the VIP %v is an address of this host, on %s", l.VIP, l.Interface),
		Why:      "the kernel answers ARP for it and resets its connections",
		Remedy:   line,
	}
}

func inspectForwarding4(f Facts) Finding {
	where := strings.Join(f.Forwarding4, ", ")
	switch {
	case len(f.Forwarding4) == 0:
		return Finding{What: fmt.Sprintf("the kernel does not forward IPv4 from %s", f.Interface)}
	case f.Guarded:
		return Finding{What: fmt.Sprintf("the kernel forwards IPv4 from %s; the guard keeps it away from the VIPs", where)}
	}
	off := make([]string, len(f.Forwarding4))
	for i, name := range f.Forwarding4 {
		off[i] = "sysctl -w " + finding.ShellWord(sysctlName(name, "forwarding")+"=0")
	}
	return Finding{
		Severity: Refuse,
		What:     fmt.Sprintf("the kernel forwards IPv4 from %s, and the guard is off", where),
		Why:      "it sends a second copy of each packet to a VIP, or ICMP redirects and unreachables",
		Remedy:   "guard: on, or sysctl -w net.ipv4.ip_forward=0, or " + strings.Join(off, " && "),
	}
}

// inspectForwarding6 has no remedy for one interface: "all" decides (ip-sysctl.rst).
func inspectForwarding6(f Facts) Finding {
	switch {
	case !f.Forwarding6:
		return Finding{What: fmt.Sprintf("the kernel does not forward IPv6 from %s", f.Interface)}
	case f.Guarded:
		return Finding{What: fmt.Sprintf("the kernel forwards IPv6 from %s; the guard keeps it away from the VIPs", f.Interface)}
	}
	return Finding{
		Severity: Refuse,
		What:     fmt.Sprintf("the kernel forwards IPv6 from %s, and the guard is off", f.Interface),
		Why:      "it sends a second copy of each packet to a VIP, or ICMPv6 redirects and unreachables",
		Remedy:   "guard: on, or sysctl -w net.ipv6.conf.all.forwarding=0",
	}
}

// inspectProxyARP is about ARP, which the guard does not touch.
func inspectProxyARP(f Facts) Finding {
	if len(f.ProxyARP) == 0 || len(f.Forwarding4) == 0 {
		return Finding{What: fmt.Sprintf("the kernel does not answer ARP for others on %s", f.Interface)}
	}
	off := make([]string, len(f.ProxyARP))
	for i, name := range f.ProxyARP {
		off[i] = "sysctl -w " + finding.ShellWord(sysctlName(name, "proxy_arp")+"=0")
	}
	return Finding{
		Severity: Alarm,
		What:     fmt.Sprintf("proxy_arp is on for %s, and the kernel forwards", strings.Join(f.ProxyARP, ", ")),
		Why:      "it answers ARP for a VIP whose network it can route to",
		Remedy:   strings.Join(off, " && "),
	}
}

// inspectProxyNDP is about proxy_ndp and a VIP among the proxy neighbours: without one
// of both the kernel answers nobody (ndisc_recv_ns of ndisc.c).
func inspectProxyNDP(f Facts) Finding {
	for _, p := range f.Proxied {
		if p.VIP.Is6() && slices.Contains(f.ProxyNDP, p.Interface) {
			return Finding{
				Severity: Alarm,
				What:     fmt.Sprintf("proxy_ndp is on for %s, and the VIP %v is among its proxy neighbours", p.Interface, p.VIP),
				Why:      "it answers neighbour discovery for the VIP",
				Remedy:   p.remedy(),
			}
		}
	}
	return Finding{What: fmt.Sprintf("the kernel does not answer neighbour discovery for others on %s", f.Interface)}
}

// inspectProxied is about single addresses that the kernel answers ARP for, which
// needs no proxy_arp (arp_process of arp.c).
func inspectProxied(f Facts) []Finding {
	var findings []Finding
	for _, p := range f.Proxied {
		if p.VIP.Is4() && len(f.Forwarding4) > 0 {
			findings = append(findings, Finding{
				Severity: Alarm,
				What:     fmt.Sprintf("the VIP %v is among the proxy neighbours of %s, and the kernel forwards", p.VIP, p.Interface),
				Why:      "it answers ARP for the VIP if its route leads elsewhere",
				Remedy:   p.remedy(),
			})
		}
	}
	return findings
}

func (p *Proxied) remedy() string {
	return fmt.Sprintf("ip neigh del proxy %v dev %s", p.VIP, finding.ShellWord(p.Interface))
}

// sysctlName writes an IPv4 sysctl of an interface as sysctl(8) takes it: with
// slashes where a dot is part of the name (eth0.10).
func sysctlName(name, leaf string) string {
	if strings.Contains(name, ".") {
		return "net/ipv4/conf/" + name + "/" + leaf
	}
	return "net.ipv4.conf." + name + "." + leaf
}
