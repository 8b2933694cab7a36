package finding

import "strings"

// plain are the characters that mean nothing to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_"

// ShellWord returns the text as one word of a command (POSIX, Shell Command
// Language, 2.2.2). The kernel allows names of interfaces such as "$(reboot)".
func ShellWord(text string) string {
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return ShellQuote(text)
}

// ShellQuote returns it in quotes.
func ShellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
