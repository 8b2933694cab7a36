package ruleset

import "net/netip"

// Packet is one that is tried on the nftables rules of a host. Nothing is sent. It is
// the first of a connection, or the reply to that one.
type Packet struct {
	Protocol  string     // tcp, udp, sctp or arp
	From, To  netip.Addr // of ARP: the sender's and the target's address; zero: any
	Port      uint16     // the service's, on whichever side that is; 0: any
	Out       bool       // it leaves the host, as the reply of a service does; else it arrives
	Interface string     // by which it arrives or leaves; "": any
	Own       netip.Addr // the address that a redirect on that interface leads to
}

// Passage is what becomes of a packet.
type Passage struct {
	Fate  Fate
	Where string     // the rule that decides, or that nobody can tell about: "inet filter input handle 7"
	Chain string     // the base chain that it belongs to, as nft(8) takes it: "inet filter input"
	To    netip.Addr // the packet's destination at that rule; redirect changes it
}

// Fate is one of the ends of a packet.
type Fate int

// The fates.
const (
	Passes  Fate = iota
	Dropped      // or rejected
	Unknown      // it depends on what nobody but the kernel knows
)

// String returns the word for it.
func (f Fate) String() string {
	switch f {
	case Passes:
		return "passes"
	case Dropped:
		return "dropped"
	}
	return "unknown"
}
