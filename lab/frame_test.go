package lab_test

import (
	"strings"
	"testing"

	"lvsdr/lab"
)

func TestFrameFields(t *testing.T) {
	dst, src := lab.MustMAC("02:00:00:00:00:01"), lab.MustMAC("02:00:00:00:00:02")
	tests := map[string]struct {
		data      []byte
		etherType uint16
		vlan      uint16
		tagged    bool
	}{
		"empty":          {nil, 0, 0, false},
		"addresses only": {ethernet(dst, src, 0)[:12], 0, 0, false},
		"untagged":       {ethernet(dst, src, 0x0806), 0x0806, 0, false},
		"tagged":         {ethernet(dst, src, 0x8100, 0xe0, 5, 8, 0), 0x0800, 5, true},
		"two tags":       {ethernet(dst, src, 0x88a8, 0xf, 0xff, 0x81, 0, 0, 1, 0x86, 0xdd), 0x86dd, 4095, true},
		"cut tag":        {ethernet(dst, src, 0x8100, 0), 0, 0, false},
		"no type":        {ethernet(dst, src, 0x8100, 0, 9), 0, 9, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := lab.Frame{Data: test.data, Length: len(test.data)}
			id, tagged := f.VLAN()
			if f.EtherType() != test.etherType || id != test.vlan || tagged != test.tagged {
				t.Errorf("type %#x, VLAN %d %v", f.EtherType(), id, tagged)
			}
			if len(test.data) >= 12 && (f.Dst().String() != dst.String() || f.Src().String() != src.String()) {
				t.Errorf("addresses %v and %v", f.Dst(), f.Src())
			}
			if f.String() == "" {
				t.Error("no text")
			}
		})
	}
}

// TestFrameString: a line names the innermost of what is in a frame.
func TestFrameString(t *testing.T) {
	dst, src := lab.MustMAC("02:00:00:00:00:01"), lab.MustMAC("02:00:00:00:00:02")
	ip4 := func(protocol, offset byte) []byte {
		b := make([]byte, 20)
		b[0], b[7], b[9] = 0x45, offset, protocol
		return b
	}
	ip6 := func(next byte) []byte {
		b := make([]byte, 40)
		b[0], b[6] = 0x60, next
		return b
	}
	for _, test := range []struct {
		data []byte
		want string
	}{
		{ethernet(dst, src, 0x0806), "ARP"},
		{ethernet(dst, src, 0x0800, ip4(6, 0)...), "TCP"},
		{ethernet(dst, src, 0x0800, ip4(17, 0)...), "UDP"},
		{ethernet(dst, src, 0x0800, ip4(1, 0)...), "ICMPv4"},
		{ethernet(dst, src, 0x0800, ip4(132, 0)...), "SCTP"},
		{ethernet(dst, src, 0x0800, ip4(17, 9)...), "IPv4 fragment"},
		{ethernet(dst, src, 0x0800, ip4(2, 0)...), "IPv4"},
		{ethernet(dst, src, 0x86dd, ip6(58)...), "ICMPv6"},
		{ethernet(dst, src, 0x86dd, ip6(44)...), "IPv6"},
		{ethernet(dst, src, 0x8100, append([]byte{0, 5, 8, 0}, ip4(17, 0)...)...), "UDP"},
		{ethernet(dst, src, 0x0800, ip4(6, 0)[:19]...), "Ethernet"},
		{ethernet(dst, src, 0x88cc), "Ethernet"},
		{nil, "Ethernet"},
	} {
		f := lab.Frame{Data: test.data, Length: 77}
		if got := f.String(); !strings.Contains(got, " "+test.want+", 77 bytes") {
			t.Errorf("%x: %s, want %s", test.data, got, test.want)
		}
	}
}
