package lab_test

import (
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
