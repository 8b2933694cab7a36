package frame

// Malformed says why a frame is refused by [Parse]; [OK] means that it is not.
type Malformed uint8

// The kinds of malformed frames.
const (
	OK Malformed = iota

	TruncatedEthernet  // shorter than an Ethernet header
	TruncatedVLAN      // ends inside an 802.1Q or 802.1ad tag
	TruncatedARP       // shorter than the addresses that its ARP header announces
	TruncatedIPv4      // shorter than the 20 bytes of an IPv4 header
	TruncatedIPv6      // shorter than the 40 bytes of an IPv6 header
	TruncatedExtension // an IPv6 extension header ends behind the packet
	TruncatedTCP       // an unfragmented packet shorter than a TCP header; as below
	TruncatedUDP       //
	TruncatedSCTP      //
	TruncatedICMP      // ICMP or ICMPv6
	TruncatedQuote     // an ICMP error that quotes less than IP header and 8 bytes

	BadVersion        // the IP version contradicts the EtherType
	BadHeaderLength   // IPv4 IHL below 5, or behind the end of the frame
	LengthBelowHeader // IPv4 total length smaller than the header
	LengthBeyondFrame // IPv4 total length or IPv6 payload length beyond the frame
	Jumbogram         // RFC 2675, or a BIG TCP frame: longer than its length field can say
	BadChecksum       // of the IPv4 header
	BadDataOffset     // TCP header shorter than 20 bytes or longer than the packet
	BadUDPLength      // UDP length below 8 or beyond the packet
	BadExtensionOrder // hop-by-hop options not first, or two fragment headers
	TooManyExtensions // a longer chain of IPv6 extension headers than any sender builds
	BadQuote          // an ICMP error that quotes what is no packet of its own family

	TinyFragment      // a first fragment without the whole transport header (RFC 1858, 7112)
	FragmentInHeader  // a later fragment that would overwrite the TCP header (RFC 3128)
	FragmentTooBig    // a fragment that ends behind the largest datagram
	BadFragmentLength // an empty fragment, or an IPv6 one cut at no multiple of 8

	MartianSource       // a source address that no packet on a wire may have (RFC 1122, 4291)
	MappedAddress       // an IPv4-mapped address in an IPv6 header
	SourceIsDestination // the "land" attack

	malformedEnd
)

// MalformedCount is the number of values of [Malformed], [OK] included, so that
// an array of counters can be indexed by kind.
const MalformedCount = int(malformedEnd)

var malformedNames = [MalformedCount]string{
	OK: "ok",

	TruncatedEthernet:  "truncated_ethernet",
	TruncatedVLAN:      "truncated_vlan",
	TruncatedARP:       "truncated_arp",
	TruncatedIPv4:      "truncated_ipv4",
	TruncatedIPv6:      "truncated_ipv6",
	TruncatedExtension: "truncated_extension",
	TruncatedTCP:       "truncated_tcp",
	TruncatedUDP:       "truncated_udp",
	TruncatedSCTP:      "truncated_sctp",
	TruncatedICMP:      "truncated_icmp",
	TruncatedQuote:     "truncated_quote",

	BadVersion:        "bad_version",
	BadHeaderLength:   "bad_header_length",
	LengthBelowHeader: "length_below_header",
	LengthBeyondFrame: "length_beyond_frame",
	Jumbogram:         "jumbogram",
	BadChecksum:       "bad_checksum",
	BadDataOffset:     "bad_data_offset",
	BadUDPLength:      "bad_udp_length",
	BadExtensionOrder: "bad_extension_order",
	TooManyExtensions: "too_many_extensions",
	BadQuote:          "bad_quote",

	TinyFragment:      "tiny_fragment",
	FragmentInHeader:  "fragment_in_header",
	FragmentTooBig:    "fragment_too_big",
	BadFragmentLength: "bad_fragment_length",

	MartianSource:       "martian_source",
	MappedAddress:       "mapped_address",
	SourceIsDestination: "source_is_destination",
}

// String returns the kind in snake_case, fit for the label of a metric.
func (m Malformed) String() string {
	if int(m) < MalformedCount {
		return malformedNames[m]
	}
	return "unknown"
}
