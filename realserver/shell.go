package realserver

import "strings"

// plain are the characters that mean nothing to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_"

// shellWord returns the text as one word of a shell's line (POSIX, Shell Command
// Language, 2.2.2). The kernel allows names of interfaces such as "$(reboot)".
func shellWord(text string) string {
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return shellQuote(text)
}

// shellQuote returns it in quotes.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// setSysctl is the line for a shell that sets a sysctl.
func setSysctl(path, value string) string {
	return "sysctl -w " + shellWord(sysctlName(path)+"="+value)
}
