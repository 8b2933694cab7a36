package path

import (
	"lvsdr/frame"
)

// Ports of the virtual services. New connections go to a service of their own, so
// that they can be taken away again and the others stay.
const (
	firstPort   = 8000
	freshPort   = 7999
	portsPerVIP = 64
)

// family is the version of IP: 4 or 6.
type family int

func (f family) String() string {
	if f == 6 {
		return "ipv6"
	}
	return "ipv4"
}

// places is how many places of the connection table a connection takes.
func (f family) places() int {
	if f == 6 {
		return 2
	}
	return 1
}

// client is the address and port of flow i: 16,384 flows a client.
func (f family) client(i int) (frame.Addr, uint16) {
	return f.addr(0x0b000000, 0x20010db8_0001_0000, i>>14), uint16(i&0x3fff) + 1024
}

func (f family) vip(i int) frame.Addr    { return f.addr(0xc6120000, 0x20010db8_0002_0000, i) }
func (f family) server(i int) frame.Addr { return f.addr(0x0a000000, 0x20010db8_0003_0000, i) }

func (f family) addr(net4 uint32, net6 uint64, i int) frame.Addr {
	if f == 6 {
		return frame.Addr{Hi: net6, Lo: uint64(i) + 1}
	}
	return frame.AddrFrom4(net4 + uint32(i) + 1)
}

// service is the VIP and port of service i.
func (f family) service(i int) (frame.Addr, uint16) {
	return f.vip(i / portsPerVIP), firstPort + uint16(i%portsPerVIP)
}

// dice is xorshift64* (Vigna, 2016): a number in a nanosecond, the same ones each
// time. It must not begin at 0.
type dice uint64

// below returns a number of 0..n-1.
func (d *dice) below(n int) int {
	x := uint64(*d)
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*d = dice(x)
	return int(x * 0x2545f4914f6cdd1d >> 32 * uint64(n) >> 32)
}
