package lab_test

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/google/gopacket/pcapgo"
)

// readPCAP returns the frames in a file.
func readPCAP(t *testing.T, path string) [][]byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := pcapgo.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for {
		data, info, err := reader.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if info.Timestamp.IsZero() {
			t.Error("a frame without a time")
		}
		frames = append(frames, data)
	}
}
