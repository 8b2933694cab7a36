package frame

// maxExtensions bounds the chain of IPv6 extension headers. RFC 8200 names
// seven that a full chain has, each once and destination options twice.
const maxExtensions = 8

// extensionChain is where a chain of IPv6 extension headers leads.
type extensionChain struct {
	protocol  uint8 // of what follows the chain
	transport int   // offset of what follows the chain
	fragment  int   // offset of the fragment header; 0 when there is none
}

// isExtension reports whether protocol is an extension header that a director
// can look behind. ESP is not: nothing behind it can be read.
func isExtension(protocol uint8) bool {
	switch protocol {
	case protocolHopByHop, protocolRouting, protocolFragment, protocolAH, protocolDestOpts:
		return true
	}
	return false
}

// walkExtensions follows the chain whose first header, of type next, is at n,
// until a transport protocol or a later fragment's piece. b ends where the
// packet does. What it found is returned even when something is wrong.
func walkExtensions(b []byte, n int, next uint8) (extensionChain, Malformed) {
	c := extensionChain{protocol: next, transport: n}
	for count := 0; isExtension(c.protocol); count++ {
		if count == maxExtensions {
			return c, TooManyExtensions
		}
		if c.protocol == protocolHopByHop && count > 0 || c.protocol == protocolFragment && c.fragment > 0 {
			return c, BadExtensionOrder
		}
		header := b[c.transport:]
		if len(header) < 8 {
			return c, TruncatedExtension
		}
		size := extensionLen(c.protocol, header)
		if size > len(header) {
			return c, TruncatedExtension
		}
		isFragment := c.protocol == protocolFragment
		if isFragment {
			c.fragment = c.transport
		}
		c.protocol = header[0]
		c.transport += size
		if _, offset, _ := fragmentHeader(header); isFragment && offset > 0 {
			return c, OK
		}
	}
	return c, OK
}

// extensionLen returns the length of the extension header in bytes. Its unit
// depends on the header: 8 bytes but the first, for AH 4 bytes but the first two.
func extensionLen(protocol uint8, header []byte) int {
	switch protocol {
	case protocolFragment:
		return fragmentHeaderLen
	case protocolAH:
		return (int(header[1]) + 2) * 4
	}
	return (int(header[1]) + 1) * 8
}
