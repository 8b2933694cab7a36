// Package doctor says what is wrong on the segment of a direct-routing cluster,
// as seen from outside: from the director's host or from any other one there.
// Nothing is changed, neither on this host nor on others.
//
// [Examine] looks at, in this order:
//
//   - This host's kernel, if the director is to run here: whether it takes part
//     in the VIPs' traffic (package guard judges most of that).
//   - Who answers ARP for each VIP, each real server and the director. All
//     answers within a window count, not only the first. The questions are
//     requests in this host's own name (RFC 826). Probes (RFC 5227, 2.1.1), whose
//     sender is 0.0.0.0, would do harm: a director that is itself probing for a VIP
//     takes one for another claim (2.1.1) and refuses the VIP. And they find
//     less: Linux answers none with arp_ignore=2, and none by proxy_arp.
//   - Whether each real server takes packets for the VIP: an echo request, and
//     a SYN or an empty datagram to each service, sent to that server's MAC
//     address as the director would. They come from this host's own address, so
//     that the answer finds the way back. A connection that opens is reset.
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
// The package does not mend anything: each [Result] that is wrong names the
// command, and the machine to run it on. It looks at IPv4 only.
package doctor
