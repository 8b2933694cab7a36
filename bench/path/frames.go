package path

import (
	"lvsdr/frame"
)

var (
	clientMAC = frame.MAC{2, 0, 0, 0, 0, 2}
	ownMAC    = frame.MAC{2, 0, 0, 0, 1, 0x10}
)

// serverMAC is the MAC of real server i.
func serverMAC(i int) frame.MAC {
	return frame.MAC{2, 1, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
}

const ethernetLen = 14

// transport is where the TCP header starts.
func (f family) transport() int {
	if f == 6 {
		return ethernetLen + frame.IPv6Len
	}
	return ethernetLen + frame.IPv4Len
}

// newFrame makes a TCP segment without payload, to be addressed.
func (f family) newFrame() []byte {
	data := make([]byte, max(f.transport()+frame.TCPLen, 60))
	eth := frame.Ethernet(data)
	eth.SetDst(ownMAC)
	eth.SetSrc(clientMAC)
	src, _ := f.client(0)
	if f == 6 {
		eth.SetEtherType(frame.EtherTypeIPv6)
		frame.IPv6(data[ethernetLen:]).Init(src, f.vip(0), frame.ProtocolTCP, 64, frame.TCPLen)
	} else {
		eth.SetEtherType(frame.EtherTypeIPv4)
		frame.IPv4(data[ethernetLen:]).Init(src, f.vip(0), frame.ProtocolTCP, 64, frame.TCPLen)
	}
	f.address(data, 0, f.vip(0), firstPort, frame.TCPAck)
	return data
}

// address makes the frame one of flow i to a service. TCP's checksum is left
// wrong: nobody on the way reads it.
func (f family) address(data []byte, i int, vip frame.Addr, port uint16, flags uint8) {
	src, srcPort := f.client(i)
	if f == 6 {
		h := frame.IPv6(data[ethernetLen:])
		h.SetSrc(src)
		h.SetDst(vip)
	} else {
		h := frame.IPv4(data[ethernetLen:])
		h.SetSrc(src)
		h.SetDst(vip)
		h.UpdateChecksum()
	}
	frame.TCP(data[f.transport():]).Init(srcPort, port, 1, 1, flags)
}
