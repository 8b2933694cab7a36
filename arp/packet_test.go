package arp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"lvsdr/frame"
)

var (
	ourMAC   = frame.MAC{2, 0, 0, 0, 0, 1}
	otherMAC = frame.MAC{2, 0, 0, 0, 0, 0xb}
	zeroIP   = netip.IPv4Unspecified()
	request  = Packet{
		Destination: frame.Broadcast, Source: otherMAC, Operation: Request,
		SenderMAC: otherMAC, SenderIP: netip.MustParseAddr("192.0.2.100"), TargetIP: netip.MustParseAddr("192.0.2.10"),
	}
	reply = Packet{
		Destination: ourMAC, Source: otherMAC, Operation: Reply,
		SenderMAC: otherMAC, SenderIP: netip.MustParseAddr("192.0.2.10"), TargetMAC: ourMAC, TargetIP: zeroIP,
	}
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
	p := reply
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
	const (
		malformed   = iota
		implausible // yet decoded
		plausible
	)
	valid := encode(t, request)
	tests := []struct {
		name string
		edit func(b []byte) []byte
		want int
	}{
		{"as encoded", func(b []byte) []byte { return b }, plausible},
		{"without padding", func(b []byte) []byte { return b[:42] }, plausible},
		{"one byte short", func(b []byte) []byte { return b[:41] }, malformed},
		{"empty", func([]byte) []byte { return nil }, malformed},
		{"Ethernet header only", func(b []byte) []byte { return b[:14] }, malformed},
		{"IPv4", func(b []byte) []byte { b[13] = 0; return b }, malformed},
		{"tagged", func(b []byte) []byte {
			return append(append(bytes.Clone(b[:12]), 0x81, 0, 0, 5), b[12:]...)
		}, malformed},
		{"hardware type", func(b []byte) []byte { b[15] = 6; return b }, malformed},
		{"protocol type", func(b []byte) []byte { b[16] = 0x86; return b }, malformed},
		{"hardware address length", func(b []byte) []byte { b[18] = 5; return b }, malformed},
		{"protocol address length", func(b []byte) []byte { b[19] = 16; return b }, malformed},
		{"no lengths", func(b []byte) []byte { b[18], b[19] = 0, 0; return b }, malformed},
		{"operation 0", func(b []byte) []byte { b[21] = 0; return b }, malformed},
		{"RARP operation", func(b []byte) []byte { b[21] = 3; return b }, malformed},
		{"operation above 255", func(b []byte) []byte { b[20] = 1; return b }, malformed},
		{"group sender", func(b []byte) []byte { b[22] |= 1; return b }, implausible},
		{"zero sender", func(b []byte) []byte { clear(b[22:28]); return b }, implausible},
		{"group source", func(b []byte) []byte { b[6] |= 1; return b }, implausible},
		{"multicast sender IP", func(b []byte) []byte { b[28] = 224; return b }, implausible},
		{"loopback sender IP", func(b []byte) []byte { b[28] = 127; return b }, implausible},
		{"broadcast sender IP", func(b []byte) []byte { binary.BigEndian.PutUint32(b[28:], ^uint32(0)); return b }, implausible},
		{"probe", func(b []byte) []byte { clear(b[28:32]); return b }, plausible},
		{"reply without an address", func(b []byte) []byte { b[21] = 2; clear(b[28:32]); return b }, implausible},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Decode(tt.edit(bytes.Clone(valid)))
			got := malformed
			switch {
			case err == nil && p.Implausible() == "":
				got = plausible
			case err == nil:
				got = implausible
			case !errors.Is(err, ErrMalformed):
				t.Errorf("%v is not ErrMalformed", err)
			}
			if got != tt.want {
				t.Errorf("got %d, want %d: %v", got, tt.want, err)
			}
		})
	}
}

func TestIsProbe(t *testing.T) {
	probe := request
	probe.SenderIP = zeroIP
	answer := probe
	answer.Operation = Reply
	if !probe.IsProbe() || request.IsProbe() || answer.IsProbe() {
		t.Error("a probe is a request of a sender without an address")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, request))
	f.Add(encode(f, reply))
	f.Add(encode(f, reply)[:42])
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
	})
}
