package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Frame is a captured Ethernet frame.
type Frame struct {
	Time time.Time // when the kernel saw it
	// Data is the frame from the destination MAC on, with its VLAN tag, cut to
	// the capture's SnapLen.
	Data     []byte
	Length   int  // of the whole frame
	Outgoing bool // sent by this end; otherwise received
	// Partial: the transport checksum is still to be filled in by the
	// hardware, which checksum offload has postponed.
	Partial bool
}

// Dst returns the destination MAC address.
func (f Frame) Dst() net.HardwareAddr { return f.address(0) }

// Src returns the source MAC address.
func (f Frame) Src() net.HardwareAddr { return f.address(6) }

func (f Frame) address(at int) net.HardwareAddr {
	if len(f.Data) < at+6 {
		return nil
	}
	return net.HardwareAddr(f.Data[at : at+6])
}

// EtherType returns the type after all VLAN tags, or 0.
func (f Frame) EtherType() uint16 {
	for at := 12; len(f.Data) >= at+2; at += 4 {
		switch t := binary.BigEndian.Uint16(f.Data[at:]); layers.EthernetType(t) {
		case layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ:
		default:
			return t
		}
	}
	return 0
}

// VLAN returns the identifier in the outer VLAN tag, and whether there is one.
func (f Frame) VLAN() (id uint16, tagged bool) {
	if len(f.Data) < 16 {
		return 0, false
	}
	switch layers.EthernetType(binary.BigEndian.Uint16(f.Data[12:])) {
	case layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ:
		return binary.BigEndian.Uint16(f.Data[14:]) & 0xfff, true
	}
	return 0, false
}

// Packet decodes the frame.
func (f Frame) Packet() gopacket.Packet {
	return gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.NoCopy)
}

// String is one line, for messages.
func (f Frame) String() string {
	way := "<"
	if f.Outgoing {
		way = ">"
	}
	what := "Ethernet"
	if decoded := f.Packet().Layers(); len(decoded) > 0 {
		what = decoded[len(decoded)-1].LayerType().String()
		if what == "Payload" && len(decoded) > 1 {
			what = decoded[len(decoded)-2].LayerType().String()
		}
	}
	return fmt.Sprintf("%s %v > %v %s, %d bytes", way, f.Src(), f.Dst(), what, f.Length)
}

// WritePCAP writes the frames so far to a file that tcpdump and Wireshark read.
func (c *Capture) WritePCAP(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	err = writePCAP(pcapgo.NewWriterNanos(file), c.Frames())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

func writePCAP(w *pcapgo.Writer, frames []Frame) error {
	if err := w.WriteFileHeader(captureFrame, layers.LinkTypeEthernet); err != nil {
		return err
	}
	for _, f := range frames {
		info := gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: f.Length}
		if err := w.WritePacket(info, f.Data); err != nil {
			return err
		}
	}
	return nil
}
