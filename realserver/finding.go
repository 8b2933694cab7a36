package realserver

import "net/netip"

// Finding is one condition of a real server, met or not.
type Finding struct {
	Name      string     `json:"name"`                // which condition: one of the names below
	OK        bool       `json:"ok"`                  // met, or not known to be unmet
	VIP       netip.Addr `json:"vip,omitzero"`        // the VIP that it is about, if it is about one
	Interface string     `json:"interface,omitempty"` // the interface, or "all", if it is about one
	What      string     `json:"what"`                // what is
	Why       string     `json:"why,omitempty"`       // why that matters, when it is wrong or odd
	Remedy    string     `json:"remedy,omitempty"`    // a line for a shell, when it is wrong
}

// The names of conditions. They do not change.
const (
	NameLoopback        = "loopback"         // lo is up
	NameVIP             = "vip"              // the VIP is where the method wants it
	NameVIPMissing      = "vip-missing"      // the host has no such address
	NameVIPInterface    = "vip-interface"    // it is on an interface where it must not be, or that is down
	NameVIPPrefix       = "vip-prefix"       // it is on lo with a whole subnet
	NameVIPScope        = "vip-scope"        // its scope is one that ARP is answered for
	NameVIPTentative    = "vip-tentative"    // IPv6: not usable, as a duplicate is not
	NameVIPAddress      = "vip-address"      // method redirect: the host has it as an address
	NameARPIgnore       = "arp-ignore"       // whether the host answers ARP for the VIP
	NameARPAnnounce     = "arp-announce"     // whether the host asks with the VIP as its own address
	NameHidden          = "hidden"           // the switches of the hidden patch
	NameTable           = "nftables-table"   // the rules of methods redirect and arptables
	NameRedirectAddress = "redirect-address" // the interface has an address to redirect to
	NameProxyARP        = "proxy-arp"        // the host answers ARP for what it can route to
	NameProxyPVLAN      = "proxy-arp-pvlan"  // it does so even within the LAN
	NameProxyNeighbor   = "proxy-neighbor"   // it answers for the VIP by name, in ARP or NDP
	NameReversePath     = "rp-filter"        // clients' packets pass the reverse path filter
	NameAcceptLocal     = "accept-local"     // so do those whose source is an address of the host
	NameReplyRoute      = "reply-route"      // the replies' way to a client
	NameMTU             = "mtu"              // what an interface, or the replies' way, can carry
	NameIPv6Disabled    = "ipv6-disabled"    // the interface takes IPv6
	NameAcceptDAD       = "accept-dad"       // whether a duplicate address turns IPv6 off
	NameListener        = "listener"         // the service listens where the VIP's packets come
	NameFirewall        = "firewall"         // nftables lets them in
	NameFirewallReply   = "firewall-reply"   // and the replies out
	NameFirewallARP     = "firewall-arp"     // and ARP for the server's own address
	NameLegacyTables    = "iptables-legacy"  // there are rules that nftables cannot read
	NamePersist         = "persist"          // a boot applies the VIP again
)

// Verdict says in a word how the condition is: "ok"; "note", when it is met or not
// known, and there is something to say about it; or "wrong".
func (f Finding) Verdict() string {
	switch {
	case !f.OK:
		return "wrong"
	case f.Why != "":
		return "note"
	}
	return "ok"
}

// Healthy says whether every finding is met.
func Healthy(findings []Finding) bool {
	for _, f := range findings {
		if !f.OK {
			return false
		}
	}
	return true
}
