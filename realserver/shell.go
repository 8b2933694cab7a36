package realserver

import "lvsdr/finding"

// shellQuote returns the text as one word of a command, in quotes.
func shellQuote(text string) string { return finding.ShellQuote(text) }

// setSysctl is the line for a shell that sets a sysctl.
func setSysctl(path, value string) string {
	return "sysctl -w " + finding.ShellWord(sysctlName(path)+"="+value)
}
