package footprint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// loadProgram makes the parts of the program's file resident that are only read.
// Linux before 5.14 cannot; then they come when they are used.
func loadProgram() error {
	name, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(maps) {
		from, to, ok := readOnly(string(line), name)
		if !ok {
			continue
		}
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_POPULATE_READ)
		if errno != 0 && !errors.Is(errno, unix.EINVAL) {
			return fmt.Errorf("%d bytes: %w", to-from, errno)
		}
	}
	return nil
}

// readOnly parses a line of /proc/self/maps (proc_pid_maps(5)), and reports
// whether it is a part of the named file that cannot be written.
func readOnly(line, name string) (from, to uintptr, ok bool) {
	var mode, offset, device string
	var inode uint64
	if n, err := fmt.Sscanf(line, "%x-%x %s %s %s %d", &from, &to, &mode, &offset, &device, &inode); n != 6 || err != nil {
		return 0, 0, false
	}
	_, path, found := strings.Cut(line, "/")
	return from, to, found && "/"+strings.TrimSuffix(path, "\n") == name && strings.HasPrefix(mode, "r-")
}
