package realserver

import (
	"net/netip"
	"strings"
	"testing"
)

// TestOwnAddressAsVIP: the server's own address by mistake is refused by every
// method, and nobody is told just to delete it.
func TestOwnAddressAsVIP(t *testing.T) {
	own := netip.MustParseAddr("192.0.2.21")
	for _, method := range []string{MethodSysctl, MethodRedirect, MethodARPTables} {
		h := newHost("eth1")
		h.Address = append(h.Address,
			Address{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.22/24")},
			Address{Interface: "eth1", Prefix: netip.MustParsePrefix("198.51.100.21/24")})
		before := h.Snapshot()
		o := options(t, own)
		o.Method = method
		_, err := Apply(o, h)
		if err == nil || !strings.Contains(err.Error(), "own") || !strings.Contains(err.Error(), "name another") {
			t.Errorf("%s: %v", method, err)
		}
		wantSame(t, method, h.Snapshot(), before)
		findings, err := Check(o, h)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if strings.HasPrefix(f.Remedy, "ip addr del 192.0.2.21/24") {
				t.Errorf("%s: %+v", method, f)
			}
		}
	}
}

// TestSecondAddressAsVIP: a VIP that an old recipe put on the LAN's interface with the
// prefix of the subnet is no address of the server's own.
func TestSecondAddressAsVIP(t *testing.T) {
	h := newHost()
	h.Address = append(h.Address, Address{Interface: "eth0", Prefix: netip.PrefixFrom(vipA, 24)})
	o := options(t, vipA)
	if _, err := Apply(o, h); err == nil || !strings.HasSuffix(err.Error(), ": ip addr del 192.0.2.10/24 dev eth0") {
		t.Errorf("sysctl: %v", err)
	}
	o.Method = MethodARPTables
	mustApply(t, o, h)
}
