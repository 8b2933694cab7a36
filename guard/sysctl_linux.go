package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// sysctlOn says whether a switch is there and not 0.
func sysctlOn(key string) (bool, error) {
	n, err := sysctl(key)
	return n != 0, err
}

// sysctlMax reads an IPv4 sysctl of which the kernel uses the larger of "all" and
// the interface (ip-sysctl.rst; IN_DEV_MAXCONF and IN_DEV_ORCONF).
func sysctlMax(name, leaf string) (int, error) {
	most := 0
	for _, of := range []string{"all", name} {
		n, err := sysctl("net/ipv4/conf/" + of + "/" + leaf)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// sysctl reads a number; one that is not there is 0.
func sysctl(key string) (int, error) {
	b, err := os.ReadFile("/proc/sys/" + key)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sysctl: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("sysctl %s: %w", key, err)
	}
	return n, nil
}
