package sink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Match says which frames a sink takes on a machine that has other work too: those
// to one address and port, and nothing else. It is read once.
type Match struct {
	VIP      netip.Addr
	Port     uint16
	Protocol string // "udp" or "tcp"; default: both
	// MACs are the Ethernet addresses of real servers that are counted apart, 1 to
	// MaxMACs.
	MACs [][6]byte
}

// MaxMACs is how many addresses a sink of real frames can tell apart.
const MaxMACs = 64

func (m *Match) validate() error {
	switch {
	case !m.VIP.IsValid() || m.VIP.Is4In6() || m.VIP.Zone() != "" || m.VIP.IsUnspecified():
		return fmt.Errorf("VIP %v: want an IP address", m.VIP)
	case m.Port == 0:
		return errors.New("port 0: want 1 to 65535")
	case m.Protocol != "" && m.Protocol != "udp" && m.Protocol != "tcp":
		return fmt.Errorf("protocol %q: want udp or tcp", m.Protocol)
	case len(m.MACs) < 1 || len(m.MACs) > MaxMACs:
		return fmt.Errorf("%d Ethernet addresses: want 1 to %d", len(m.MACs), MaxMACs)
	}
	for i, mac := range m.MACs {
		if slices.Contains(m.MACs[:i], mac) {
			return fmt.Errorf("address %v: is there twice", net.HardwareAddr(mac[:]))
		}
	}
	return nil
}

// Numbers of the protocols (IANA).
const (
	numberTCP = 6
	numberUDP = 17
)

// numbers are those of the protocols that are meant.
func (m *Match) numbers() []byte {
	switch m.Protocol {
	case "udp":
		return []byte{numberUDP}
	case "tcp":
		return []byte{numberTCP}
	}
	return []byte{numberTCP, numberUDP}
}

// OpenMatch lets a sink count and drop the frames to the match's address and port
// that come to one of its Ethernet addresses, Counts.Servers by the order of these.
// What else comes to the address and port counts as Counts.Others, and goes its
// way, as do, uncounted, all other frames: fragments and IPv6 extension headers too, and
// those with VLAN tags, unless the card takes the tags out (rxvlan) and the sink counts
// by XDP, of either kind, which does not see them then.
//
// It takes the cheapest way that there is, as Open does. However the process ends,
// the sink is gone then.
func OpenMatch(name string, m Match) (s *Sink, kind Kind, why error, err error) {
	return first([]Kind{XDP, Generic, Rules}, func(k Kind) (*Sink, error) { return OpenMatchKind(k, name, m) })
}

// OpenMatchKind is OpenMatch for one way to count.
func OpenMatchKind(kind Kind, name string, m Match) (*Sink, error) {
	s := &Sink{servers: len(m.MACs)}
	err := m.validate()
	if err == nil {
		err = s.open(kind, name, countMatch(&m), rulesForMatch(&m))
	}
	if err != nil {
		return nil, fmt.Errorf("open sink on %s: %s: %w", name, kind, err)
	}
	return s, nil
}
