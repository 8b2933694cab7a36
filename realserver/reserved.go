package realserver

import (
	"errors"
	"fmt"
	"net/netip"
)

// reserved refuses VIPs that are taken on the host's networks: with one of them as
// its own address the host loses its way to its neighbours, or out.
func (s *state) reserved(vips []netip.Addr) error {
	var errs []error
	for _, vip := range vips {
		what := s.ofSubnet(vip)
		if what == "" {
			var err error
			if what, err = s.ofGateway(vip); err != nil {
				return err
			}
		}
		if what != "" {
			errs = append(errs, fmt.Errorf("VIP %v: %s; an address that no host of the LAN has is needed", vip, what))
		}
	}
	return errors.Join(errs...)
}

// ofSubnet says which address of a subnet the VIP is that no host may have, or "".
func (s *state) ofSubnet(vip netip.Addr) string {
	for _, a := range s.addrs {
		subnet := a.Prefix.Masked()
		spare := vip.BitLen() - a.Prefix.Bits()
		// Of two addresses each is a host's (RFC 3021, RFC 6164).
		if a.Interface == loopback || spare < 2 || !subnet.Contains(vip) || a.Prefix.Addr() == vip {
			continue
		}
		switch {
		case vip == subnet.Addr() && vip.Is6():
			return fmt.Sprintf("the anycast address of the routers of %v on %s", subnet, a.Interface) // RFC 4291, 2.6.1
		case vip == subnet.Addr():
			return fmt.Sprintf("the network address of %v on %s", subnet, a.Interface)
		case vip.Is4() && !subnet.Contains(vip.Next()):
			return fmt.Sprintf("the broadcast address of %v on %s", subnet, a.Interface)
		}
	}
	return ""
}

// ofGateway says that the VIP is the default gateway, or "".
func (s *state) ofGateway(vip netip.Addr) (string, error) {
	r, err := s.host.FindRoute(RouteQuery{To: elsewhere(s.addrs, vip)})
	if err != nil || r.Gateway != vip {
		return "", err
	}
	return "the default gateway, by " + r.Interface, nil
}
