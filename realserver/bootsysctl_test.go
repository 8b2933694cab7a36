package realserver

import (
	"strings"
	"testing"
)

// TestPersistRefusesPatterns: a name that sysctl.d would read as another is not
// written there, and the others are.
func TestPersistRefusesPatterns(t *testing.T) {
	for _, name := range []string{"f*", "f?", "f[0]", `i\j`, "{a,b}", "a=b"} {
		h, o := newHost(name), persistent(t, vipA)
		o.Interfaces = []string{"eth0", name}
		before := h.Snapshot()
		if _, err := Apply(o, h); err == nil || !strings.Contains(err.Error(), "ip link set dev '"+name+"' name NAME") && name != "a=b" {
			t.Errorf("%s: %v", name, err)
		}
		wantSame(t, name, h.Snapshot(), before)
		o.Interfaces = []string{"eth0"}
		mustApply(t, o, h)
		if text := disk(h, sysctlFile); text == "" || strings.Contains(text, name) {
			t.Errorf("%s: the file is\n%s", name, text)
		}
	}
}
