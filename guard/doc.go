// Package guard keeps the host's own kernel away from the frames of the VIPs.
//
// The director's AF_PACKET sockets only get copies: the kernel sees each frame
// to a VIP too. Where it forwards (ip_forward=1) it sends a second copy, an
// ICMP redirect or an unreachable; where it owns the VIP it answers ARP and
// resets connections.
//
// [Install] puts a table of nftables' netdev family on the ingress interface,
// whose ingress hook drops what is addressed to a VIP. Taps come before that hook:
// a packet socket bound to ETH_P_ALL still sees the frame, one bound to ETH_P_IP
// does not. The kernel takes one VLAN tag off before the hook, so tagged frames
// are dropped too. Only IPv4 and IPv6 are matched, and only by their destination:
// never ARP, never neighbour discovery (RFC 4861, ICMPv6 133 to 137), never
// the source, which replies to health checks share with the VIP.
//
//	table netdev lvsdr_eth0 {
//		set vips { type ipv4_addr; elements = { 192.0.2.10 } }
//		set vips6 { type ipv6_addr; elements = { 2001:db8::10 } }
//		chain ingress {
//			type filter hook ingress device "eth0" priority -300; policy accept;
//			icmpv6 type 133-137 accept
//			ip daddr @vips counter drop
//			ip6 daddr @vips6 counter drop
//		}
//	}
//
// The table is always written whole, in one transaction that also removes the
// one before: there is no moment without it, and what a killed process left
// is taken over. It outlives the process only then.
//
// [Inspect] judges what is known of a host ([Facts]): the above, and what else of it
// harms the VIPs' traffic (proxy_arp, redirects, rp_filter, offloads, a bridge's
// packet filter, MTUs). A [Watcher] reads that again and again, and puts the table back
// when somebody took it away.
//
// The package does not answer for the VIPs, and sets no sysctl.
package guard
