// Package doctor says what is wrong on the segment of a direct-routing cluster,
// as seen from outside: from the director's host or from any other one there.
// Nothing is changed, neither on this host nor on others.
//
// [Examine] looks at, in this order:
//
//   - This host's kernel, if the director is to run here: package guard judges it.
//   - Who answers ARP or neighbour discovery for each VIP, each real server and the
//     director. All answers within a window count, not only the first. The questions
//     are in this host's own name (RFC 826; RFC 4861, 7.2.2). Probes, whose sender has no
//     address, would do harm: a director that is itself probing for a VIP takes
//     one for another claim and refuses the VIP (RFC 5227, 2.1.1), a host gives up an IPv6
//     address (RFC 4862, 5.4.3), and who answers one tells all hosts (RFC 4861,
//     7.2.4), so that clients would follow a wrong server. And they find less: Linux
//     answers none with arp_ignore=2, and none by proxy_arp. They are all that is left
//     where the interface has no address of the family.
//   - Whether each real server takes packets for the VIP: an echo request, and
//     a SYN or a datagram to each service, sent to that server's MAC address as the
//     director would. They come from this host's own address, so that the answer
//     finds the way back. A connection that opens is reset.
//   - Whether a packet of the interface's MTU reaches each real server, and if
//     not, which one does.
//
// The probes' TTL is 1: a server that has the VIP does not mind, and one that
// would pass them on says so (ICMP time exceeded). It is asked once more with a TTL
// of 2, since the service may be in a container behind it.
//
// A machine decides what is sent and what it means. It has no socket and no
// clock: frames and the time go in, frames to send and a [Report] come out.
// One packet socket moves the frames. The host's own kernel knows nothing of
// the SYNs, so it resets what answers them, by its own route to the VIP; that
// reset is one packet of no connection for whoever has the VIP.
//
// The package does not mend anything: each [finding.Result] that is wrong names the
// command, and the machine to run it on.
package doctor
