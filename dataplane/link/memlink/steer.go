package memlink

// Where an Ethernet frame without tags keeps what identifies its flow, for
// IPv4 without options and IPv6 without extension headers.
const (
	offEtherType = 12
	offAddress4  = 26
	offAddress6  = 22
	addresses4   = 2*4 + 2*2 // both addresses and both ports
	addresses6   = 2*16 + 2*2
)

// steerByFlow spreads frames over n receivers by a hash of addresses and
// ports; what is not IP goes to the first.
func steerByFlow(data []byte, n int) int {
	flow := flowBytes(data)
	if len(flow) == 0 {
		return 0
	}
	h := uint32(2166136261) // FNV-1a
	for _, b := range flow {
		h = (h ^ uint32(b)) * 16777619
	}
	// FNV's low bits mix worst; take the choice from the high ones.
	return int(uint64(h) * uint64(n) >> 32)
}

func flowBytes(data []byte) []byte {
	if len(data) < offEtherType+2 {
		return nil
	}
	from, length := 0, 0
	switch {
	case data[offEtherType] == 0x08 && data[offEtherType+1] == 0x00:
		from, length = offAddress4, addresses4
	case data[offEtherType] == 0x86 && data[offEtherType+1] == 0xdd:
		from, length = offAddress6, addresses6
	default:
		return nil
	}
	return data[min(from, len(data)):min(from+length, len(data))]
}
