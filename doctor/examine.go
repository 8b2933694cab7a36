package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lvsdr/finding"
	"lvsdr/guard"
)

// Examine looks at the segment of an interface and reports what it found; ctx ends
// it early. It takes two windows, or three if packets of the full size do not reach
// a real server. It must run on a thread that stays in its network namespace, and
// needs CAP_NET_RAW, and CAP_NET_ADMIN where the kernel forwards, to look for
// the guard.
func Examine(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ifi, seg, err := findSegment(o.Interface)
	if err != nil {
		return nil, err
	}
	if seg.has(o.Director.Addr) {
		o.Director = Director{}
	}
	conn, err := listen(ifi, seg.alias)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", o.Interface, err)
	}
	r := &Report{Interface: o.Interface, Healthy: true}
	r.add(examineHost(o, seg)...)
	m := newMachine(time.Now(), o, seg)
	err = run(ctx, m, conn)
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, fmt.Errorf("look at %s: %w", o.Interface, err)
	}
	r.add(m.diagnose()...)
	return r, nil
}

// examineHost looks at this host as what it is: the director's, one of the real
// servers, or neither. A real server has the VIP, and checks itself.
func examineHost(o Options, seg segment) []finding.Result {
	for _, s := range o.servers() {
		if seg.has(s.Addr) && !o.Director.Here() {
			return nil
		}
	}
	if o.behind() {
		return nil // the VIPs' frames arrive elsewhere
	}
	f, err := readHost(guard.Config{Interface: o.Interface, Egress: o.Egress, VIPs: o.vips()})
	switch {
	case err != nil:
		return []finding.Result{{
			Verdict: finding.Unknown, Kind: finding.HostUnreadable,
			What: fmt.Sprintf("this host's kernel could not be looked at: %v", err),
			Why:  "whether it takes part in the VIPs' traffic is unknown",
		}}
	case o.Director.Here():
		return hostResults(guard.Inspect(f))
	}
	return hostResults(guard.InspectBystander(f))
}

// readHost reads the running kernel. Whether there is a guard makes a difference only
// where it forwards.
func readHost(c guard.Config) (f guard.Facts, err error) {
	if f, err = (guard.LinuxHost{}).Read(c); err != nil {
		return f, err
	}
	if len(f.Forwarding4) > 0 || f.Forwarding6 {
		f.Guarded, err = guard.Covers(c.Interface, c.VIPs)
	}
	return f, err
}

func hostResults(findings []guard.Finding) []finding.Result {
	results := make([]finding.Result, len(findings))
	for i, f := range findings {
		results[i] = f.Result()
	}
	return results
}
