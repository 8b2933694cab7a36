package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Report is how a host was when a Keeper last looked, for all VIPs that it keeps
// or for one of them.
type Report struct {
	// Healthy says that every finding is met and that nothing stands in the way; what
	// a boot or a reload will do does not count.
	Healthy bool `json:"healthy"`
	// Since is when Healthy became what it is.
	Since time.Time `json:"since,omitzero"`
	// Checked is when the Keeper looked.
	Checked time.Time `json:"checked,omitzero"`
	// VIPs are what the Report is about.
	VIPs []netip.Addr `json:"vips"`
	// Problem says why what is missing could not be applied again, or why the
	// Report is not to be believed.
	Problem string `json:"problem,omitempty"`
	// Mended is how many settings were put back since the start. It and Fights are
	// of the host as a whole.
	Mended int `json:"mended"`
	// Fights names the settings that somebody changes again and again.
	Fights []string `json:"fights,omitempty"`
	// Load is how busy the host is when it is asked over HTTP; nil: it does not say.
	Load *Load `json:"load,omitempty"`
	// Findings are those of Check.
	Findings []Finding `json:"findings"`
}

// String returns the Report for people: a line that sums it up, and those of the
// findings.
func (r Report) String() string {
	var b strings.Builder
	verdict := "unhealthy"
	if r.Healthy {
		verdict = "healthy"
	}
	fmt.Fprintf(&b, "%s since %s\n", verdict, r.Since.Format(time.RFC3339))
	if r.Problem != "" {
		fmt.Fprintf(&b, "problem: %s\n", r.Problem)
	}
	if r.Load != nil {
		fmt.Fprintf(&b, "load: %.2f for each CPU, asks for %d %% of its weight\n", r.Load.PerCore, r.Load.Weight)
	}
	for _, name := range r.Fights {
		fmt.Fprintf(&b, "fight: somebody changes it again and again: %s\n", name)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-6s %s\n", f.Verdict(), f.What)
		if f.Why != "" {
			fmt.Fprintf(&b, "       %s\n", f.Why)
		}
		if f.Remedy != "" {
			fmt.Fprintf(&b, "       to mend: %s\n", f.Remedy)
		}
	}
	return b.String()
}

// Wrong says what is wrong, as one text for the problem and one for each finding.
func (r Report) Wrong() []string {
	var all []string
	if r.Problem != "" {
		all = append(all, r.Problem)
	}
	for _, f := range r.Findings {
		if !f.OK {
			all = append(all, f.What)
		}
	}
	return all
}

// judge says whether the Report is one of a healthy host.
func (r *Report) judge(problems ...error) {
	if err := errors.Join(problems...); err != nil {
		r.Problem = err.Error()
	}
	r.Healthy = r.Problem == "" && Serving(r.Findings)
}

// since takes over from the Report before since when it has been so.
func (r *Report) since(before Report) {
	r.Since = r.Checked
	if !before.Since.IsZero() && before.Healthy == r.Healthy {
		r.Since = before.Since
	}
}

// stop makes it one of a host that is not kept any more.
func (r *Report) stop(now time.Time) {
	before := *r
	r.Healthy, r.Problem, r.Checked = false, "`director realserver run` is stopping", now
	r.since(before)
}

// reports are those of one look.
type reports struct {
	all Report
	vip map[netip.Addr]Report
}

// unseen are the reports before the first look.
func unseen(vips []netip.Addr) *reports {
	blank := Report{Problem: "the host was not looked at yet"}
	r := &reports{all: blank, vip: map[netip.Addr]Report{}}
	r.all.VIPs = vips
	for _, vip := range vips {
		blank.VIPs = []netip.Addr{vip}
		r.vip[vip] = blank
	}
	return r
}

// since dates all of them.
func (r *reports) since(before *reports) {
	r.all.since(before.all)
	for vip, one := range r.vip {
		one.since(before.vip[vip])
		r.vip[vip] = one
	}
}

// Report returns how the host was at the last look. A Report that is too old to
// be believed, or of a Keeper that does not run, is not healthy. It may be called
// from any goroutine.
func (k *Keeper) Report() Report { return k.last.Load().all.believed() }

// VIPReport is Report about one VIP; ok says that it is kept.
func (k *Keeper) VIPReport(vip netip.Addr) (r Report, ok bool) {
	r, ok = k.last.Load().vip[vip]
	return r.believed(), ok
}

// Fresh says whether the last look is not too old: the Keeper lives.
func (k *Keeper) Fresh() bool { return k.last.Load().all.fresh() }

func (r Report) fresh() bool { return time.Since(r.Checked) <= maxAge }

// believed is the Report itself, or what to say in place of one that is too old.
func (r Report) believed() Report {
	if !r.fresh() && !r.Checked.IsZero() {
		r.Healthy = false
		r.Problem = fmt.Sprintf("the last look at the host was %v ago: something holds it up", time.Since(r.Checked).Round(time.Second))
	}
	return r
}
