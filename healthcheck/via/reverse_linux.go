package via

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// reversePath looks whether the kernel takes the replies to probes.
func (w *Ways) reversePath() []Problem {
	r, err := w.readReverse()
	if err != nil {
		return []Problem{{
			What: fmt.Sprintf("rp_filter could not be looked at: %v", err),
			Why:  "whether the replies to probes are taken is unknown",
		}}
	}
	return r.problems()
}

func (w *Ways) readReverse() (reverse, error) {
	r := reverse{egress: w.config.Egress}
	for _, name := range []string{"all", w.config.Egress} {
		mode, err := readMode(name)
		if err != nil {
			return r, err
		}
		r.mode = max(r.mode, mode)
	}
	if r.mode == 0 || w.index == 0 {
		return reverse{}, nil
	}
	for _, vip := range w.plan.vips4() {
		back, err := w.kernel.lookUp(vip, 0)
		switch {
		case errors.Is(err, errNoRoute):
			r.none = append(r.none, vip)
		case err != nil:
			return r, err
		case back.index != w.index:
			r.other = append(r.other, vip)
		}
	}
	return r, nil
}

// vips4 are the IPv4 addresses that are asked: IPv6 has no rp_filter.
func (p *plan) vips4() (vips []netip.Addr) {
	for _, s := range p.servers {
		if s.Addr.Is4() {
			vips = append(vips, s.VIPs...)
		}
	}
	slices.SortFunc(vips, netip.Addr.Compare)
	return slices.Compact(vips)
}

// readMode reads an interface's rp_filter; none: the interface is gone.
func readMode(name string) (int, error) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + name + "/rp_filter")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
