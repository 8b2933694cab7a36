package scheduler

// The protocols whose port a hash takes in (IANA protocol numbers).
const (
	protocolTCP  = 6
	protocolUDP  = 17
	protocolSCTP = 132
)

// hashedPort is the client's port as sh-port and mh-port hash it: 0 for a
// protocol in which the kernel looks for none.
func (f *Flow) hashedPort() uint16 {
	switch f.Protocol {
	case protocolTCP, protocolUDP, protocolSCTP:
		return f.SrcPort
	}
	return 0
}
