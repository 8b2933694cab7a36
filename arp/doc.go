// Package arp speaks ARP on one interface: packets, the socket, and the loop
// that drives a pure state machine.
//
// A [Packet] is ARP for IPv4 over Ethernet (RFC 826), probes and announcements
// included (RFC 5227). [Decode] says whether a frame is one, and
// [Packet.Implausible] whether a host could honestly have sent it; whether that
// matters is for the machine to say.
//
// A [Machine] decides what is said. It has no socket, no clock and no goroutine:
// packets and the time go in, packets to send and events come out. A [Station]
// is its edge to the segment: one AF_PACKET socket for ETH_P_ARP, one timer, one
// goroutine. The station watches the link and tells the machine, and survives a
// link that goes down and an interface that is deleted and made again.
//
// What is worth saying on a segment is not here; packages arpresponder and
// neighbor have that. Neither is IPv6 neighbour discovery.
package arp
