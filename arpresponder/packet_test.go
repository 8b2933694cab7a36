package arpresponder

import (
	"bytes"
	"encoding/binary"
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
	p := claimOf(vip1, otherMAC)
	got := encode(t, p)
	want := append([]byte{
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xb, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 2,
		2, 0, 0, 0, 0, 0xb, 192, 0, 2, 10,
		2, 0, 0, 0, 0, 1, 0, 0, 0, 0,
	}, make([]byte, 18)...)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	p.SenderIP = netip.MustParseAddr("2001:db8::1")
	if _, err := p.Encode(); err == nil {
		t.Error("encoded an IPv6 address")
	}
}

func TestDecode(t *testing.T) {
	valid := encode(t, whoHas(vip1))
	tests := []struct {
		name string
		edit func(b []byte) []byte
		ok   bool
	}{
		{"as encoded", func(b []byte) []byte { return b }, true},
		{"without padding", func(b []byte) []byte { return b[:42] }, true},
		{"one byte short", func(b []byte) []byte { return b[:41] }, false},
		{"empty", func([]byte) []byte { return nil }, false},
		{"Ethernet header only", func(b []byte) []byte { return b[:14] }, false},
		{"IPv4", func(b []byte) []byte { b[13] = 0; return b }, false},
		{"tagged", func(b []byte) []byte {
			return append(append(bytes.Clone(b[:12]), 0x81, 0, 0, 5), b[12:]...)
		}, false},
		{"hardware type", func(b []byte) []byte { b[15] = 6; return b }, false},
		{"protocol type", func(b []byte) []byte { b[16] = 0x86; return b }, false},
		{"hardware address length", func(b []byte) []byte { b[18] = 5; return b }, false},
		{"protocol address length", func(b []byte) []byte { b[19] = 16; return b }, false},
		{"no lengths", func(b []byte) []byte { b[18], b[19] = 0, 0; return b }, false},
		{"operation 0", func(b []byte) []byte { b[21] = 0; return b }, false},
		{"RARP operation", func(b []byte) []byte { b[21] = 3; return b }, false},
		{"operation above 255", func(b []byte) []byte { b[20] = 1; return b }, false},
		{"group sender", func(b []byte) []byte { b[22] |= 1; return b }, false},
		{"zero sender", func(b []byte) []byte { clear(b[22:28]); return b }, false},
		{"group source", func(b []byte) []byte { b[6] |= 1; return b }, false},
		{"multicast sender IP", func(b []byte) []byte { b[28] = 224; return b }, false},
		{"loopback sender IP", func(b []byte) []byte { b[28] = 127; return b }, false},
		{"broadcast sender IP", func(b []byte) []byte { binary.BigEndian.PutUint32(b[28:], ^uint32(0)); return b }, false},
		{"probe", func(b []byte) []byte { clear(b[28:32]); return b }, true},
		{"reply without an address", func(b []byte) []byte { b[21] = 2; clear(b[28:32]); return b }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode(tt.edit(bytes.Clone(valid)))
			if (err == nil) != tt.ok {
				t.Errorf("err = %v", err)
			}
			if err != nil && !errors.Is(err, errMalformed) {
				t.Errorf("%v is not errMalformed", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, whoHas(vip1)))
	f.Add(encode(f, claimOf(vip1, otherMAC)))
	f.Add(encode(f, probeOf(vip1, otherMAC))[:42])
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
		m := NewMachine(Options{MAC: ourMAC})
		m.SetVIPs(epoch, []netip.Addr{p.TargetIP, p.SenderIP})
		m.Receive(epoch, p)
	})
}
