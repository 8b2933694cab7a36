package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const procSys = "/proc/sys"

func errUnprivileged() error {
	return fmt.Errorf("change addresses and sysctls: %w: run it as root (sudo) or with CAP_NET_ADMIN", fs.ErrPermission)
}

// explainSysctl adds the remedy to an error of a file below /proc/sys.
func explainSysctl(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w (a container?): run it on the host, or create the container with a writable /proc/sys or with "+
			"the settings themselves, as in docker run --sysctl net.ipv4.conf.all.arp_ignore=3 --sysctl net.ipv4.conf.all.arp_announce=2", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run it as root (sudo)", err)
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(procSys); statErr != nil {
			return fmt.Errorf("%w: /proc is not mounted: mount -t proc proc /proc", err)
		}
	}
	return err
}
