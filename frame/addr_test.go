package frame

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestAddr(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 1000 {
		v := r.Uint32()
		four := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		if a := AddrFrom(four); a != AddrFrom4(v) || !a.Is4() || a.As4() != v || a.Netip() != four || a.String() != four.String() {
			t.Fatalf("%v became %v", four, a)
		}
		b := [16]byte(randomBytes(r, 16))
		six := netip.AddrFrom16(b)
		if a := AddrFrom(six); a != AddrFrom16(&b) || a.As16() != b || a.Netip() != six.Unmap() || a.Is4() != six.Is4In6() {
			t.Fatalf("%v became %v", six, a)
		}
	}
}

func TestMAC(t *testing.T) {
	m, err := ParseMAC("02-00-00-AB-cd-ef")
	if err != nil || m.String() != "02:00:00:ab:cd:ef" || MACFromUint64(m.Uint64()) != m {
		t.Errorf("MAC %v, %v", m, err)
	}
	if m.Uint64() != 0x020000abcdef || MACFromUint64(0xffff<<48) != (MAC{}) {
		t.Errorf("as a word: %#x", m.Uint64())
	}
	for _, s := range []string{"", "02:00:00:00:00", "02:00:00:00:00:00:00:01", "x"} {
		if _, err := ParseMAC(s); err == nil {
			t.Errorf("ParseMAC(%q): no error", s)
		}
	}
	if !m.IsUnicast() || Broadcast.IsUnicast() || !Broadcast.IsMulticast() || (MAC{}).IsUnicast() || !(MAC{}).IsZero() {
		t.Error("unicast, multicast or zero is confused")
	}
}
