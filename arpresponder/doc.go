// Package arpresponder is the director's presence in ARP: it claims the
// virtual IPs (VIPs) on the ingress segment and answers for them, although the
// host's kernel knows none of them.
//
// It follows RFC 826 and RFC 5227 (IPv4 Address Conflict Detection). A VIP is
// probed before it is claimed, announced when it is claimed, refreshed while it
// is owned and defended when another host claims it. Every other MAC address
// that claims a VIP is named, since the usual mistake in direct routing is a
// real server that answers for the VIP itself.
//
// [Machine] is pure: packets, settings and the time go in, packets to send and
// events come out. [Responder] runs it on an interface, as an [arp.Station].
//
// What the machine decides where the RFC leaves a choice:
//
//   - A conflict while probing refuses the VIP ([Refuse]) or is only reported
//     ([Takeover]). A real server of our own never makes us refuse: its answer
//     is a misconfiguration that would otherwise keep the service down. A
//     refused VIP is probed again every 30 to 40 s and claimed once nobody
//     defends it.
//   - An owned VIP is never given up. It is defended by an announcement, at most
//     once per 10 s (RFC 5227, 2.4 (c)); a claim within the 10 s is answered at
//     their end, so that the last word on the segment is ours.
//   - An announcement is two broadcast frames: a request with a zero target MAC
//     and a reply whose target MAC equals the sender's. Linux overrides an entry
//     younger than its locktime (1 s) for those two forms only. They are sent at
//     0, 0.1, 1.1 and 5 s after the claim, then every 45 to 55 s, because
//     switches forget a MAC address before hosts forget an ARP entry.
//   - A reply goes to the ARP sender MAC, as RFC 826 has it, also where the
//     Ethernet source differs (VRRP routers ask that way). It says nothing but
//     the truth, so whoever receives it on a spoofer's behalf is not misled.
//   - Nothing is said when a VIP is removed: caches keep their entry, and the
//     next owner announces itself.
//
// Frames of other VLANs never reach the machine: the kernel strips the tag, and
// the socket's filter drops what the kernel then calls someone else's.
//
// Forwarding does not depend on the state of a VIP here; frames that arrive for
// it are forwarded while it is probed. IPv6 neighbour discovery is not here.
package arpresponder
