package neighbor

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"lvsdr/frame"
)

func encode(t testing.TB, p Packet) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncode(t *testing.T) {
	got := encode(t, replyFrom(web1MAC, web1))
	want := append([]byte{
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x21, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 2,
		2, 0, 0, 0, 0, 0x21, 192, 0, 2, 21,
		2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
	}, make([]byte, 18)...)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestDecode(t *testing.T) {
	valid := encode(t, replyFrom(web1MAC, web1))
	at := func(i int, v byte) []byte {
		b := bytes.Clone(valid)
		b[i] = v
		return b
	}
	for name, b := range map[string][]byte{
		"as encoded":      valid,
		"without padding": valid[:42],
		"a zero sender":   append(append(bytes.Clone(valid[:22]), 0, 0, 0, 0, 0, 0), valid[28:]...), // reported later
	} {
		if _, err := Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"empty":                   nil,
		"one byte short":          valid[:41],
		"Ethernet header only":    valid[:14],
		"IPv4":                    at(13, 0),
		"tagged":                  append(append(bytes.Clone(valid[:12]), 0x81, 0, 0, 5), valid[12:]...),
		"hardware type":           at(15, 6),
		"protocol type":           at(16, 0x86),
		"hardware address length": at(18, 5),
		"protocol address length": at(19, 16),
		"operation 0":             at(21, 0),
		"RARP operation":          at(21, 3),
		"operation above 255":     at(20, 1),
	} {
		if p, err := Decode(b); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, replyFrom(web1MAC, web1)))
	f.Add(encode(f, gratuitous(web1MAC, web1))[:42])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		// What is decoded is what stands at the offsets of RFC 826.
		if p.SenderMAC != frame.MAC(b[22:28]) || p.TargetMAC != frame.MAC(b[32:38]) ||
			p.SenderIP != netip.AddrFrom4([4]byte(b[28:32])) || p.TargetIP != netip.AddrFrom4([4]byte(b[38:42])) {
			t.Fatalf("%x decodes to %+v", b, p)
		}
		again, err := p.Encode()
		if err != nil || !bytes.Equal(again[:42], b[:42]) {
			t.Fatalf("%x encodes to %x: %v", b, again, err)
		}
		m := NewMachine(Options{MAC: ourMAC, Source: ourIP})
		m.Set(epoch, []netip.Addr{p.SenderIP})
		m.Receive(epoch, p)
		if mac, ok := m.Lookup(p.SenderIP); ok && !mac.IsUnicast() {
			t.Fatalf("%x makes %s the MAC address of a server", b, mac)
		}
	})
}
