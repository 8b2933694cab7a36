// Package neighbor keeps the MAC addresses of the real servers on the egress
// segment. In direct routing the MAC address is all that the director changes
// in a frame, so a wrong one sends a service's traffic to a stranger.
//
// It asks by ARP (RFC 826) in its own name, apart from the kernel's neighbour
// table: a real server is known before it gets traffic, is asked again while it
// does, and nobody else's word is taken for it.
//
// [Machine] is pure: packets, settings and the time go in, packets to send and
// events come out. [Resolver] runs it on an interface, as an [arp.Station].
//
// What is believed:
//
//   - Only a reply that was asked for: sent to our MAC address, from the address
//     asked for, while a request is outstanding, with the same sender in the ARP
//     packet and the Ethernet header.
//   - Never a MAC address that no real server can have: zero, a group address,
//     our own, the virtual one.
//   - A first MAC address at once; another one only after it answered a unicast
//     request, and the old one did not answer within 0.75 s. If the old one
//     does, that is a conflict: it is reported, the old address kept, and with each
//     refresh the other one is asked again, until it no longer answers.
//   - Nothing unasked. A gratuitous ARP with another MAC address starts that
//     verification and nothing else; so a server that moves and announces itself
//     is followed within a second, and a forged announcement changes nothing
//     while the server lives.
//
// When it asks: a new address at 0, 0.2 and 1 s by broadcast, then after 1, 2, 4
// and 8 s and every 10 s. A known one every 25 to 35 s by unicast; unanswered,
// three times by unicast and three times by broadcast, a second apart. One that is
// doubted is asked at once, by unicast and a second later by broadcast.
//
// A server that answers none of them has failed, yet keeps its last MAC address,
// marked stale: whether it gets traffic is for the health checks to say, and a
// host that filters ARP may well serve. Pinned addresses are never asked for.
//
// IPv6 neighbour discovery is not here; addresses other than IPv4 are skipped.
package neighbor
