package finding

import (
	"os/exec"
	"testing"
)

// TestShellWord: a shell makes the same of it again.
func TestShellWord(t *testing.T) {
	for _, text := range []string{
		"", "eth0", "net.ipv4.conf.eth0.arp_ignore=3", "a b", "'", "''", "a\nb",
		"$(id)", "a;id", "b'c", `d"e`, "`id`", "f*", "-n", "#g", "~", "h&", `i\j`, "k|l", "<m>", "!n", "eth0.10",
	} {
		got, err := exec.Command("sh", "-c", "printf %s "+ShellWord(text)).Output()
		if err != nil || string(got) != text {
			t.Errorf("%q as %s: a shell makes %q of it, %v", text, ShellWord(text), got, err)
		}
	}
	if got := ShellWord("eth0.10"); got != "eth0.10" {
		t.Errorf("a plain name becomes %s", got)
	}
}
