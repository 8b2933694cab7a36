package realserver

import (
	"net/netip"
	"testing"
)

// TestElsewhere: a client of anywhere is in no network of the host's, though it may be
// one of documentation, and check does not take it for the host itself.
func TestElsewhere(t *testing.T) {
	for _, test := range []struct{ own, like, want string }{
		{"192.0.2.21/24", "192.0.2.10", "203.0.113.1"},
		{"203.0.113.1/24", "192.0.2.10", "198.51.100.1"},
		{"203.0.113.21/8", "192.0.2.10", "198.51.100.1"},
		{"2001:db8::21/64", "2001:db8::10", "2000::1"},
		{"2000::21/64", "2001:db8::10", "2001:db8::1"},
	} {
		addrs := []Address{{Interface: "eth0", Prefix: netip.MustParsePrefix(test.own)}}
		if got := elsewhere(addrs, netip.MustParseAddr(test.like)); got.String() != test.want {
			t.Errorf("%s, like %s: %v, want %s", test.own, test.like, got, test.want)
		}
	}
	h, o := newHost(), options(t, vipA)
	h.Address = append(h.Address, Address{Interface: "eth0", Prefix: netip.MustParsePrefix("203.0.113.1/24")})
	mustApply(t, o, h)
	findings, err := Check(o, h)
	if err != nil || !Healthy(findings) {
		t.Errorf("%v, %+v", err, findings)
	}
}
