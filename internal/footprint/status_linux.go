package footprint

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// status is what the kernel says of the process (proc_pid_status(5)), in bytes.
type status struct {
	resident  int // VmRSS: the sum of all kinds
	anonymous int // RssAnon
	file      int // RssFile and RssShmem: files, and rings that are shared with the kernel
}

func readStatus() (s status, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return status{}, fmt.Errorf("read resident memory: %w", err)
	}
	kinds := map[string]*int{"VmRSS": &s.resident, "RssAnon": &s.anonymous, "RssFile": &s.file, "RssShmem": new(int)}
	found := 0
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		to, wanted := kinds[string(name)]
		if !wanted {
			continue
		}
		number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
		n, err := strconv.Atoi(string(number))
		if err != nil {
			return status{}, fmt.Errorf("read resident memory: %q", line)
		}
		*to = n << 10
		found++
	}
	if found != len(kinds) {
		return status{}, fmt.Errorf("read resident memory: /proc/self/status has %d of %d lines about it", found, len(kinds))
	}
	s.file += *kinds["RssShmem"]
	return s, nil
}
