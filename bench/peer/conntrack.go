package peer

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"lvsdr/lab"
)

// enoughTracking finds out whether the kernel can track so many connections. The
// limit is the machine's: a host of the lab cannot change it.
func enoughTracking(h *lab.Host, flows int) error {
	const setting = "/proc/sys/net/netfilter/nf_conntrack_max"
	var text []byte
	err := h.Do(func() (err error) {
		text, err = os.ReadFile(setting)
		return err
	})
	if err != nil {
		return skip("this kernel tracks no connections (CONFIG_NF_CONNTRACK): %w", err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	if limit > 0 && limit < flows {
		return skip("the kernel tracks %d connections, %d are needed: sysctl net.netfilter.nf_conntrack_max=%d",
			limit, flows, flows)
	}
	return nil
}
