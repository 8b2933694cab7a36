package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lvsdr/finding"
)

// Interval is how often a director looks.
const Interval = 10 * time.Second

// Watcher looks at the host's kernel again and again. Fill in the fields before
// use.
type Watcher struct {
	Interface string
	Egress    string              // see Config
	VIPs      func() []netip.Addr // asked at every look
	Guard     *Guard              // nil: `guard: off`
	Host      Host                // nil: LinuxHost
}

// Look reads the host once and returns what Inspect says. Whoever took the
// guard away is noticed, and the guard put back. What cannot be read is a
// finding too.
func (w *Watcher) Look() []Finding {
	var findings []Finding
	guarded := false
	if w.Guard != nil {
		f := w.lookAtGuard()
		f.Kind = finding.HostKernel
		guarded = f.Severity != Refuse
		findings = append(findings, f)
	}
	host := w.Host
	if host == nil {
		host = LinuxHost{}
	}
	vips, err := normal(w.VIPs())
	var facts Facts
	if err == nil {
		facts, err = host.Read(Config{Interface: w.Interface, Egress: w.Egress, VIPs: vips})
	}
	if err != nil {
		return append(findings, Finding{
			Severity: Alarm,
			Kind:     finding.HostUnreadable,
			What:     fmt.Sprintf("the host's kernel could not be looked at: %v", err),
			Why:      "whether it takes part in the VIPs' traffic is unknown",
		})
	}
	facts.Interface, facts.Egress, facts.VIPs, facts.Guarded = w.Interface, w.Egress, vips, guarded
	return append(findings, Inspect(facts)...)
}

func (w *Watcher) lookAtGuard() Finding {
	repaired, err := w.Guard.Repair()
	switch {
	case errors.Is(err, ErrGone):
		return Finding{
			Severity: Alarm,
			What:     err.Error(),
			Why:      "no frames come, and the guard is put back with the interface",
		}
	case err != nil:
		return Finding{
			Severity: Refuse,
			What:     err.Error(),
			Why:      "the host's kernel may take part in the VIPs' traffic",
		}
	case repaired:
		return Finding{
			Severity: Alarm,
			What:     fmt.Sprintf("the guard on %s was gone or changed, and was put back", w.Interface),
			Why:      "until then the host's kernel saw the VIPs' frames",
			Remedy:   fmt.Sprintf("find what flushes nftables (nft flush ruleset) and spare table netdev %s", tableName(w.Interface)),
		}
	}
	return Finding{What: fmt.Sprintf("the guard is on %s", w.Interface)}
}

// Watch looks at once and then at every interval until ctx is done. It calls
// report with all findings, from its own goroutine, whenever they differ from the
// look before.
func (w *Watcher) Watch(ctx context.Context, interval time.Duration, report func([]Finding)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var last []Finding
	for {
		if now := w.Look(); !slices.Equal(now, last) {
			report(now)
			last = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
