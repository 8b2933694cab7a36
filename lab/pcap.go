package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// The file format of libpcap, with nanoseconds (draft-ietf-opsawg-pcap).
const (
	pcapNanoseconds = 0xa1b23c4d
	pcapMajor       = 2
	pcapMinor       = 4
	pcapEthernet    = 1 // LINKTYPE_ETHERNET
)

// WritePCAP writes the frames so far to a file that tcpdump and Wireshark read.
func (c *Capture) WritePCAP(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	err = writePCAP(file, c.Frames())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

func writePCAP(file io.Writer, frames []Frame) error {
	w, order := bufio.NewWriter(file), binary.LittleEndian
	header := order.AppendUint32(nil, pcapNanoseconds)
	header = order.AppendUint16(header, pcapMajor)
	header = order.AppendUint16(header, pcapMinor)
	header = append(header, make([]byte, 8)...) // time zone and accuracy, which nobody uses
	header = order.AppendUint32(header, captureFrame)
	_, _ = w.Write(order.AppendUint32(header, pcapEthernet)) // Flush returns the first error
	for _, f := range frames {
		record := order.AppendUint32(nil, uint32(f.Time.Unix()))
		record = order.AppendUint32(record, uint32(f.Time.Nanosecond()))
		record = order.AppendUint32(record, uint32(len(f.Data)))
		_, _ = w.Write(order.AppendUint32(record, uint32(f.Length)))
		_, _ = w.Write(f.Data)
	}
	return w.Flush()
}
