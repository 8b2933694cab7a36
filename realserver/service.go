package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Service is a part of what arrives for a VIP. The zero value is all of it.
type Service struct {
	Protocol string `json:"protocol,omitempty"` // tcp, udp or sctp; "" is any
	First    uint16 `json:"first,omitempty"`    // the first port; 0: every port
	Last     uint16 `json:"last,omitempty"`     // the last port, First when there is one
}

// protocolNumbers are those of the protocols that have ports (IANA).
var protocolNumbers = map[string]byte{"tcp": 6, "udp": 17, "sctp": 132}

// ParseService reads PROTOCOL, PROTOCOL/PORT or PROTOCOL/PORT-PORT.
func ParseService(text string) (Service, error) {
	protocol, ports, hasPorts := strings.Cut(text, "/")
	s := Service{Protocol: protocol}
	if protocol == "" {
		return s, errors.New("a protocol is needed, as in tcp/80")
	}
	if hasPorts {
		first, last, isRange := strings.Cut(ports, "-")
		if !isRange {
			last = first
		}
		var ok [2]bool
		s.First, ok[0] = parsePort(first)
		s.Last, ok[1] = parsePort(last)
		if !ok[0] || !ok[1] {
			return Service{}, fmt.Errorf("ports are 1 to 65535, as in tcp/80 or tcp/8000-8099")
		}
	}
	return s, s.validate()
}

func parsePort(text string) (port uint16, ok bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0
}

func (s Service) validate() error {
	switch {
	case s == Service{}:
		return nil
	case protocolNumbers[s.Protocol] == 0:
		return fmt.Errorf("protocol %q: it is tcp, udp or sctp, as in tcp/80", s.Protocol)
	case s.First > s.Last:
		return fmt.Errorf("the first port, %d, is above the last, %d", s.First, s.Last)
	case s.First == 0 && s.Last != 0:
		return fmt.Errorf("port 0 to %d: ports are 1 to 65535", s.Last)
	}
	return nil
}

// String returns what ParseService reads.
func (s Service) String() string {
	switch {
	case s == Service{}:
		return "any"
	case s.First == 0 && s.Last == 0:
		return s.Protocol
	case s.First == s.Last:
		return fmt.Sprintf("%s/%d", s.Protocol, s.First)
	}
	return fmt.Sprintf("%s/%d-%d", s.Protocol, s.First, s.Last)
}

// covers says whether all of b is in a.
func (s Service) covers(b Service) bool {
	switch {
	case s == Service{}:
		return true
	case s.Protocol != b.Protocol:
		return false
	case s.First == 0:
		return true
	}
	return b.First != 0 && s.First <= b.First && b.Last <= s.Last
}

// union returns the services in order, without those that another covers. None
// at all is the whole VIP.
func union(services []Service) []Service {
	if len(services) == 0 {
		return []Service{{}}
	}
	all := slices.Compact(slices.SortedFunc(slices.Values(services), func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	}))
	return slices.DeleteFunc(slices.Clone(all), func(b Service) bool {
		return slices.ContainsFunc(all, func(a Service) bool { return a != b && a.covers(b) })
	})
}
