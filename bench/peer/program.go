package peer

import "os/exec"

// FindProgram looks where programs for root are too. The error wraps
// bench.ErrSkip and names the Debian package.
func FindProgram(name, debian string) (string, error) {
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", skip("%s is not installed: apt-get install %s", name, debian)
}
