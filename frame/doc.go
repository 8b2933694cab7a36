// Package frame reads and writes the bytes of Ethernet frames.
//
// [Parse] turns a frame into a [Packet]: offsets, the flow's [Key] and the
// values that decide where the frame goes. It allocates nothing, keeps no
// pointer into the frame, and reads neither beyond the frame nor beyond the
// length that the IP header gives, so Ethernet padding is never mistaken for
// payload. What a host's stack would drop on arrival is refused with a named
// kind of [Malformed], the label of a metric.
//
// Views ([Ethernet], [ARP], [IPv4], [IPv6], [TCP], [UDP], [SCTP], [ICMP],
// [ICMPv6], [NDP]) are byte slices that start at a header and name its fields.
// They check nothing: a getter panics when the slice is shorter than the
// view's Len constant. The offsets of a Packet that Parse found OK are safe:
//
//	if frame.Parse(b, &p) == frame.OK && p.Has(frame.IsIPv4) {
//		header := frame.IPv4(b[p.Network:p.End])
//	}
//
// All values are in host byte order; the views convert. Nothing here is shared:
// any goroutine may use any function on memory that it owns.
//
// The package owns no socket, no policy (whose frame it is, what becomes of
// it) and no offload metadata; tags that the kernel strips come as metadata of
// dataplane/link. It does not verify the checksums of TCP, UDP, SCTP and ICMP:
// on receive with offloads they may be partial, and the real server checks
// them.
//
// It follows RFC 791 (IPv4), RFC 792 (ICMP), RFC 826 (ARP), RFC 768 (UDP),
// RFC 1071 and 1624 (checksums), RFC 1858 and 3128 (fragment attacks), RFC 4443
// (ICMPv6), RFC 4861 (neighbour discovery), RFC 5722, 6946, 7112 and 8200
// (IPv6), RFC 9260 (SCTP), RFC 9293 (TCP), IEEE 802.1Q and 802.1ad.
package frame
