package frame

import "encoding/binary"

// TCPLen is the length of a TCP header without options.
const TCPLen = 20

const (
	tcpSrcPort    = 0
	tcpDstPort    = 2
	tcpSeq        = 4
	tcpAck        = 8
	tcpDataOffset = 12
	tcpFlagBits   = 13
	tcpWindow     = 14
	tcpChecksum   = 16
)

// TCP is a view of a TCP segment.
type TCP []byte

// Init writes a header without options, with window and checksum 0.
func (t TCP) Init(srcPort, dstPort uint16, seq, ack uint32, flags uint8) {
	clear(t[:TCPLen])
	binary.BigEndian.PutUint16(t[tcpSrcPort:], srcPort)
	binary.BigEndian.PutUint16(t[tcpDstPort:], dstPort)
	binary.BigEndian.PutUint32(t[tcpSeq:], seq)
	binary.BigEndian.PutUint32(t[tcpAck:], ack)
	t[tcpDataOffset] = TCPLen / 4 << 4
	t[tcpFlagBits] = flags
}

// SrcPort returns the source port.
func (t TCP) SrcPort() uint16 { return binary.BigEndian.Uint16(t[tcpSrcPort:]) }

// DstPort returns the destination port.
func (t TCP) DstPort() uint16 { return binary.BigEndian.Uint16(t[tcpDstPort:]) }

// Seq returns the sequence number.
func (t TCP) Seq() uint32 { return binary.BigEndian.Uint32(t[tcpSeq:]) }

// Ack returns the acknowledgment number, whether or not ACK is set.
func (t TCP) Ack() uint32 { return binary.BigEndian.Uint32(t[tcpAck:]) }

// HeaderLen returns the data offset: header and options in bytes.
func (t TCP) HeaderLen() int { return int(t[tcpDataOffset]>>4) * 4 }

// Flags returns the control bits, [TCPFin] and so on.
func (t TCP) Flags() uint8 { return t[tcpFlagBits] }

// Window returns the window, unscaled.
func (t TCP) Window() uint16 { return binary.BigEndian.Uint16(t[tcpWindow:]) }

// Checksum returns the checksum.
func (t TCP) Checksum() uint16 { return binary.BigEndian.Uint16(t[tcpChecksum:]) }

// SetChecksum sets the checksum.
func (t TCP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(t[tcpChecksum:], v) }

// UpdateChecksum computes the checksum of the segment, which ends where t does,
// between src and dst.
func (t TCP) UpdateChecksum(src, dst Addr) {
	t.SetChecksum(0)
	t.SetChecksum(Checksum(t, PseudoSum(src, dst, ProtocolTCP, len(t))))
}

// tcpFlagLetters are those of tcpdump's readers, from FIN to CWR.
const tcpFlagLetters = "FSRPAUEC"

// TCPFlagString returns one letter for each control bit that is set, "SA" for
// SYN and ACK, and "." for none.
func TCPFlagString(flags uint8) string {
	var b [len(tcpFlagLetters)]byte
	s := b[:0]
	for i := range len(tcpFlagLetters) {
		if flags&(1<<i) != 0 {
			s = append(s, tcpFlagLetters[i])
		}
	}
	if len(s) == 0 {
		return "."
	}
	return string(s)
}
