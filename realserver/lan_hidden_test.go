package realserver_test

import (
	"os"
	"strings"
	"testing"

	"lvsdr/realserver"
)

// TestLANHidden: a kernel without the patch is left as it was, and the error
// names what to use.
func TestLANHidden(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodHidden
	before := n.state(t)
	n.do(t, func() error {
		if _, err := os.Stat("/proc/sys/net/ipv4/conf/all/hidden"); err == nil {
			t.Fatal("this kernel has the patch: this test is about those that have not")
		}
		_, err := realserver.Apply(n.options, realserver.LinuxHost{})
		if err == nil || !strings.Contains(err.Error(), "use --method sysctl") {
			t.Errorf("Apply: %v", err)
		}
		return nil
	})
	wantSame(t, "refused", n.state(t), before)
}
