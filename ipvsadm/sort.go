package ipvsadm

import (
	"encoding/binary"
	"net/netip"
)

// ipvsadm sorts by differences of 32 bits that it takes for signed, so that
// 200.0.0.1 stands before 10.0.0.1. Such an order is no order among three
// addresses; which one comes out depends on the algorithm, which is the merge
// sort of the GNU C library.

// sortedByAddress returns a sorted copy of the list.
func sortedByAddress[T any](list []T, compare func(a, b *T) int32) []T {
	if len(list) < 2 {
		return list
	}
	half := len(list) / 2
	low, high := sortedByAddress(list[:half], compare), sortedByAddress(list[half:], compare)
	merged := make([]T, 0, len(list))
	for len(low) > 0 && len(high) > 0 {
		if compare(&low[0], &high[0]) <= 0 {
			merged, low = append(merged, low[0]), low[1:]
		} else {
			merged, high = append(merged, high[0]), high[1:]
		}
	}
	return append(append(merged, low...), high...)
}

// compareEntries: by mark, family, protocol, address, port.
func compareEntries(a, b *entry) int32 {
	if d := int32(a.Mark - b.Mark); d != 0 {
		return d
	}
	if d := int32(a.addr.BitLen() - b.addr.BitLen()); d != 0 {
		return d
	}
	if d := protocolNumber[a.protocol] - protocolNumber[b.protocol]; d != 0 {
		return d
	}
	if d := compareAddrs(a.addr, b.addr); d != 0 && a.Mark == 0 {
		return d
	}
	return int32(a.first) - int32(b.first)
}

// protocolNumber as in IP.
var protocolNumber = map[string]int32{"tcp": 6, "udp": 17, "sctp": 132}

// compareBackends: by address, port.
func compareBackends(a, b *backend) int32 {
	if d := compareAddrs(a.addr, b.addr); d != 0 {
		return d
	}
	return int32(a.port) - int32(b.port)
}

// compareAddrs compares addresses of one family word by word.
func compareAddrs(a, b netip.Addr) int32 {
	x, y := a.AsSlice(), b.AsSlice()
	for i := 0; i+4 <= min(len(x), len(y)); i += 4 {
		if d := int32(binary.BigEndian.Uint32(x[i:]) - binary.BigEndian.Uint32(y[i:])); d != 0 {
			return d
		}
	}
	return 0
}
