package via

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// Problem is something that keeps probes from their servers, or may.
type Problem struct {
	What   string // what is
	Why    string // what follows from it
	Remedy string // what to do
}

// Look compares the kernel with what was made, puts back what is gone, asks the
// kernel where each probe would go, and returns what is not as it should be.
func (w *Ways) Look() (problems []Problem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.wanted) == 0 {
		return nil
	}
	if err := w.claim(); err != nil {
		w.reconcile(w.made) // what the kernel has is another's
		w.publish()
		return w.failures()
	}
	now, err := w.kernel.read()
	if err != nil {
		return []Problem{{
			What: fmt.Sprintf("the routing of probes could not be looked at: %v", err),
			Why:  "whether they go to their servers is unknown",
		}}
	}
	w.reconcile(now.ours)
	w.findAstray()
	w.publish()
	if gone := w.gone; gone > 0 {
		w.gone = 0
		problems = append(problems, Problem{
			What:   fmt.Sprintf("%s of probes were gone, and were put back", count(gone, "rule or route", "rules and routes")),
			Why:    "without them no probe can tell its server from others",
			Remedy: fmt.Sprintf("find who removes what has protocol %d (systemd-networkd: ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no)", Protocol),
		})
	}
	problems = append(problems, w.failures()...)
	if i := slices.IndexFunc(now.rules, w.between); i >= 0 {
		problems = append(problems, Problem{
			What:   fmt.Sprintf("a rule of somebody else has priority %d, between those of probes", now.rules[i].priority),
			Why:    "most of the host's traffic does not come to it",
			Remedy: fmt.Sprintf("give it one outside of %d to %d (ip rule), or restart the director", w.plan.priority, w.plan.end()),
		})
	}
	return problems
}

// failures sums up why servers have no way.
func (w *Ways) failures() []Problem {
	broken := make(map[netip.Addr]error)
	for a, why := range w.astray {
		broken[a] = why[slices.SortedFunc(maps.Keys(why), netip.Addr.Compare)[0]]
	}
	maps.Copy(broken, w.failed)
	if len(broken) == 0 {
		return nil
	}
	first := slices.SortedFunc(maps.Keys(broken), netip.Addr.Compare)[0]
	return []Problem{{
		What:   fmt.Sprintf("%s cannot be asked by a VIP, %v among them: %v", count(len(broken), "real server", "real servers"), first, broken[first]),
		Why:    "their checks fail",
		Remedy: "mend what is named, or set via: real",
	}}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// between reports whether a rule stands where the first of ours may jump over it.
func (w *Ways) between(f foreign) bool {
	return w.plan.priority <= f.priority && f.priority < w.plan.end()
}

// findAstray asks the kernel where the probes of each server would go. Rules of
// others may lead them elsewhere.
func (w *Ways) findAstray() {
	w.astray = make(map[netip.Addr]errorOf)
	for addr, s := range w.plan.servers {
		if w.failed[addr] != nil {
			continue
		}
		why := make(errorOf)
		for _, vip := range s.VIPs {
			if err := w.follow(addr, vip); err != nil {
				why[vip] = err
			}
		}
		if len(why) > 0 {
			w.astray[addr] = why
		}
	}
}

func (w *Ways) follow(server, vip netip.Addr) error {
	right, err := w.probes.leads(lane{number: w.plan.numbers[server], index: w.index}, server, vip)
	if err != nil || right {
		return err
	}
	return fmt.Errorf("a probe of %v would not go by %v: another rule comes before priority %d (ip rule, ip route get %v mark %#x)",
		vip, server, w.plan.priority, vip, mark(w.plan.numbers[server]))
}
