package realserver

import "lvsdr/finding"

// setSysctl is the line for a shell that sets a sysctl.
func setSysctl(path, value string) string {
	return "sysctl -w " + finding.ShellWord(sysctlName(path)+"="+value)
}
