package guard

import (
	"fmt"
	"net/netip"
	"strings"
)

// Facts is what Inspect needs to know of a host.
type Facts struct {
	Interface string
	VIPs      []netip.Addr
	// Guarded: the guard is on the interface.
	Guarded bool
	// Forwarding4 are the interfaces on which the kernel takes up the frames
	// of Interface (itself, its bridge, its VLANs) and forwards IPv4.
	Forwarding4 []string
	// Forwarding6: the kernel forwards IPv6.
	Forwarding6 bool
	// ProxyARP are those of Forwarding4's kind on which proxy_arp is on.
	ProxyARP []string
	// Local are the VIPs that the kernel takes for its own.
	Local []Local
}

// Local is a VIP that the kernel takes for its own.
type Local struct {
	VIP       netip.Addr
	Prefix    netip.Prefix // of the address, or of the route
	Interface string
	RouteType string // "" for an address; "local", "broadcast" or "anycast" for a route
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
// answer for a VIP, or duplicate its traffic. It has a finding for each
// condition, met or not.
func Inspect(f Facts) []Finding {
	var findings []Finding
	findings = append(findings, inspectLocal(f)...)
	if has(f.VIPs, netip.Addr.Is4) {
		findings = append(findings, inspectForwarding4(f), inspectProxyARP(f))
	}
	if has(f.VIPs, netip.Addr.Is6) {
		findings = append(findings, inspectForwarding6(f))
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
	var findings []Finding
	for _, l := range f.Local {
		if l.RouteType != "" {
			findings = append(findings, Finding{
				Severity: Refuse,
				What:     fmt.Sprintf("the VIP %v is this host's own by the %s route to %v", l.VIP, l.RouteType, l.Prefix),
				Why:      "the kernel answers ARP for it and takes its traffic",
				Remedy:   fmt.Sprintf("ip route del %s %v dev %s table local", l.RouteType, l.Prefix, l.Interface),
			})
			continue
		}
		findings = append(findings, Finding{
			Severity: Refuse,
			What:     fmt.Sprintf("the VIP %v is an address of this host, on %s", l.VIP, l.Interface),
			Why:      "the kernel answers ARP for it and resets its connections",
			Remedy:   fmt.Sprintf("ip addr del %v dev %s", l.Prefix, l.Interface),
		})
	}
	return findings
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
		off[i] = "sysctl -w " + sysctlName(name, "forwarding") + "=0"
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
		off[i] = "sysctl -w " + sysctlName(name, "proxy_arp") + "=0"
	}
	return Finding{
		Severity: Alarm,
		What:     fmt.Sprintf("proxy_arp is on for %s, and the kernel forwards", strings.Join(f.ProxyARP, ", ")),
		Why:      "it answers ARP for a VIP whose network it can route to",
		Remedy:   strings.Join(off, " && "),
	}
}

// sysctlName writes an IPv4 sysctl of an interface as sysctl(8) takes it: with
// slashes where a dot is part of the name (eth0.10).
func sysctlName(name, leaf string) string {
	if strings.Contains(name, ".") {
		return "net/ipv4/conf/" + name + "/" + leaf
	}
	return "net.ipv4.conf." + name + "." + leaf
}
