package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SetSysctl writes a kernel setting of the host's network, such as
// "net.ipv4.ip_forward". As for sysctl(8), dots become slashes unless the key
// has slashes already (interface names may contain dots).
func (h *Host) SetSysctl(key, value string) {
	h.lab.fail(h.name, h.ns.do(func() error { return writeSysctl(sysctlPath(key), value) }))
}

// Sysctl reads a kernel setting of the host's network, without the newline.
func (h *Host) Sysctl(key string) string {
	var value []byte
	err := h.ns.do(func() (err error) {
		value, err = os.ReadFile(filepath.Join("/proc/sys", sysctlPath(key)))
		return err
	})
	if err != nil {
		h.lab.fail(h.name, fmt.Errorf("get sysctl %s: %w", key, err))
	}
	return strings.TrimSpace(string(value))
}

func sysctlPath(key string) string {
	if strings.Contains(key, "/") {
		return key
	}
	return strings.ReplaceAll(key, ".", "/")
}

// writeSysctl writes below /proc/sys. What is under net there is that of the
// calling thread's namespace, at the moment of the open.
func writeSysctl(path, value string) error {
	f, err := os.OpenFile(filepath.Join("/proc/sys", path), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set sysctl: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set sysctl %s=%s: %w", path, value, err)
	}
	return nil
}
