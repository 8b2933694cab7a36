package healthcheck

import (
	"fmt"
	"net/netip"
	"slices"
)

// The values of Spec.Via: which address a probe asks.
const (
	// ViaVIP asks the VIP on that real server: a server that lacks it on its
	// loopback fails, as it fails its clients.
	ViaVIP = "vip"
	// ViaReal asks the real server's own address.
	ViaReal = "real"
)

var vias = []string{ViaVIP, ViaReal}

// notByVIP are the kinds that ask no VIP whatever Via says: ARP is asked for the
// server's own address, and the others ask no server.
var notByVIP = []string{"arp", "file", "none"}

// ByVIP reports whether the probe is addressed to the VIP, so that it needs a Way
// that leads to the real server.
func (s *Spec) ByVIP() bool {
	n := s.normal()
	return n.Via == ViaVIP
}

// asked returns the target as a checker sees it: Addr is the address that is
// asked.
func (t Target) asked(spec Spec) (Target, error) {
	t.RIP = t.Addr
	if !spec.ByVIP() {
		return t, nil
	}
	if !t.VIP.IsValid() {
		return t, fmt.Errorf("check of %s: the service has no VIP to be asked: set via: %s", t.Addr, ViaReal)
	}
	t.Addr = t.VIP
	return t, nil
}

// byVIP names the server that a VIP is asked on.
type byVIP struct {
	Checker
	rip netip.Addr
}

// String returns what is asked, and of whom: "tcp://192.0.2.10:80 on 192.0.2.21".
func (c byVIP) String() string { return c.Checker.String() + " on " + c.rip.String() }

func (s *Spec) validateVia() []FieldError {
	if s.Via == "" || slices.Contains(vias, s.Via) {
		return nil
	}
	return []FieldError{{"via", fmt.Sprintf("unknown way %q", s.Via), ViaVIP + " or " + ViaReal}}
}
