package frame

// Lengths in bytes, from the ICMPv6 header on.
const (
	NDPLen           = 24         // a neighbour solicitation or advertisement without options
	NDPLinkLayerLen  = NDPLen + 8 // the same with one link-layer address option
	ndpTarget        = 8
	ndpFlags         = 4
	ndpOptionType    = 0
	ndpOptionLen     = 1 // in units of 8 bytes
	ndpOptionPayload = 2
	ndpHopLimit      = 255 // proves that no router forwarded the message
)

// Options that carry a link-layer address (RFC 4861, 4.6.1).
const (
	NDPSourceLinkLayer uint8 = 1
	NDPTargetLinkLayer uint8 = 2
)

// Flags of a neighbour advertisement (RFC 4861, 4.4).
const (
	NDPRouter    uint8 = 0x80
	NDPSolicited uint8 = 0x40
	NDPOverride  uint8 = 0x20
)

// NDP is a view of a neighbour solicitation or advertisement, from its ICMPv6
// header on, options included.
type NDP []byte

// InitSolicitation writes a solicitation for target with the source link-layer
// option, [NDPLinkLayerLen] bytes; the checksum is left to [ICMPv6.UpdateChecksum].
func (n NDP) InitSolicitation(target Addr, source MAC) {
	n.init(ICMPv6NeighborSolicitation, target)
	n.putLinkLayer(NDPSourceLinkLayer, source)
}

// InitProbe writes a solicitation for target without options, as duplicate address
// detection sends it from the unspecified address (RFC 4862, 5.4.2), [NDPLen]
// bytes; the checksum is left to [ICMPv6.UpdateChecksum].
func (n NDP) InitProbe(target Addr) { n.init(ICMPv6NeighborSolicitation, target) }

// InitAdvertisement writes an advertisement for target with the target link-layer
// option, [NDPLinkLayerLen] bytes; the checksum is left to [ICMPv6.UpdateChecksum].
func (n NDP) InitAdvertisement(flags uint8, target Addr, mac MAC) {
	n.init(ICMPv6NeighborAdvertisement, target)
	n[ndpFlags] = flags
	n.putLinkLayer(NDPTargetLinkLayer, mac)
}

func (n NDP) init(typ uint8, target Addr) {
	ICMPv6(n).Init(typ, 0)
	*(*[16]byte)(n[ndpTarget:]) = target.As16()
}

func (n NDP) putLinkLayer(option uint8, m MAC) {
	o := n[NDPLen:NDPLinkLayerLen]
	o[ndpOptionType], o[ndpOptionLen] = option, 1
	*(*MAC)(o[ndpOptionPayload:]) = m
}

// Valid reports whether the message may be believed, by the rules of RFC 4861,
// 7.1.1 and 7.1.2. src, dst and hopLimit are those of its IPv6 header; n ends
// where the packet does. The other getters need that to hold.
func (n NDP) Valid(src, dst Addr, hopLimit uint8) bool {
	if len(n) < NDPLen || hopLimit != ndpHopLimit || ICMPv6(n).Code() != 0 ||
		n.Target().IsMulticast() || !n.optionsValid() || !ICMPv6(n).ChecksumValid(src, dst) {
		return false
	}
	switch ICMPv6(n).Type() {
	case ICMPv6NeighborSolicitation:
		_, named := n.LinkLayer(NDPSourceLinkLayer)
		return src != Addr{} || dst == SolicitedNode(n.Target()) && !named
	case ICMPv6NeighborAdvertisement:
		return !dst.IsMulticast() || n.Flags()&NDPSolicited == 0
	}
	return false
}

// Target returns the address that is asked for or advertised.
func (n NDP) Target() Addr { return AddrFrom16((*[16]byte)(n[ndpTarget:])) }

// Flags returns the flags of an advertisement, [NDPRouter] and so on.
func (n NDP) Flags() uint8 { return n[ndpFlags] }

// LinkLayer returns the address in the first option of the kind
// [NDPSourceLinkLayer] or [NDPTargetLinkLayer], and whether there is one.
func (n NDP) LinkLayer(option uint8) (MAC, bool) {
	for o := n[NDPLen:]; len(o) >= 8; {
		size := int(o[ndpOptionLen]) * 8
		if size == 0 || size > len(o) {
			break
		}
		if o[ndpOptionType] == option && size == 8 { // Ethernet's is one unit
			return MAC(o[ndpOptionPayload:]), true
		}
		o = o[size:]
	}
	return MAC{}, false
}

// optionsValid reports whether the options fill n to its end, none of length 0.
func (n NDP) optionsValid() bool {
	o := n[NDPLen:]
	for len(o) >= 8 {
		size := int(o[ndpOptionLen]) * 8
		if size == 0 || size > len(o) {
			return false
		}
		o = o[size:]
	}
	return len(o) == 0
}
