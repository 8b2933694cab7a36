package director

import (
	"fmt"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/arpresponder"
	"lvsdr/guard"
	"lvsdr/neighbor"
	"lvsdr/service"
)

// remembered is how long another host's claim to a VIP stays an alarm after it
// was last seen.
const remembered = 10 * time.Minute

// onsets are when the alarms began that lie in no other thing's time, by What.
type onsets map[string]time.Time

// alarms are the things that an operator should act on. They are found anew
// each time in what is known, so that none outlives its cause.
func (d *Director) alarms(now time.Time, claims []arpresponder.Status, neighbors []neighbor.Entry) []api.Alarm {
	out := d.ownAlarms(now)
	add := func(since time.Time, remedy, format string, args ...any) {
		out = append(out, api.Alarm{Since: since, What: fmt.Sprintf(format, args...), Remedy: remedy})
	}
	claimAlarms(now, claims, add)
	neighborAlarms(neighbors, add)
	return out
}

// ownAlarms are those about the director itself. It is called every second, so
// that it is known since when each lasts.
func (d *Director) ownAlarms(now time.Time) (out []api.Alarm) {
	since := make(onsets)
	add := func(remedy, format string, args ...any) {
		what := fmt.Sprintf(format, args...)
		since[what] = now
		if before, known := d.since[what]; known {
			since[what] = before
		}
		out = append(out, api.Alarm{Since: since[what], What: what, Remedy: remedy})
	}
	d.interfaceAlarms(add)
	for _, f := range d.findings {
		if f.Severity != guard.OK {
			add(f.Remedy, "%s: %s", f.What, f.Why)
		}
	}
	for _, s := range d.table.Services() {
		if !usable(s) && len(s.Servers) > 0 {
			add("see the checks and the MAC addresses of its servers: one without a MAC address does not answer ARP",
				"service %s has no usable real server", s.Name)
		}
	}
	if len(d.pending) > 0 {
		add("restart the director", "the configuration file changes %s, which a reload cannot", strings.Join(d.pending, ", "))
	}
	d.since = since
	return out
}

type (
	addAlarm    func(since time.Time, remedy, format string, args ...any)
	addOwnAlarm func(remedy, format string, args ...any)
)

func (d *Director) interfaceAlarms(add addOwnAlarm) {
	if d.attached == nil {
		add(d.unattached.remedy, "nothing is forwarded: %s", d.unattached.what)
		return
	}
	for _, i := range d.interfaceStatus() {
		if i.State != "up" {
			add(fmt.Sprintf("ip link set %s up, and look at the cable", i.Name), "interface %s: %s", i.Name, i.State)
		}
	}
}

func claimAlarms(now time.Time, claims []arpresponder.Status, add addAlarm) {
	for _, c := range claims {
		if c.State == arpresponder.NotClaimed {
			add(c.Since, "take the address off that host, or set `conflict: takeover`",
				"VIP %v is not answered for: %v has it", c.VIP, c.RefusedBy)
		}
		for _, o := range c.Claimants {
			if now.Sub(o.Last) > remembered {
				continue
			}
			if o.RealServer != "" {
				add(o.First, fmt.Sprintf("on %s: director realserver apply --vip %v", o.RealServer, c.VIP),
					"real server %s (%v) claims VIP %v by ARP, and takes part of its traffic for itself", o.RealServer, o.MAC, c.VIP)
				continue
			}
			add(o.First, "find the host with this MAC and take the VIP off it", "%v claims VIP %v by ARP (%s)", o.MAC, c.VIP, o.Kind)
		}
	}
}

func neighborAlarms(neighbors []neighbor.Entry, add addAlarm) {
	for _, n := range neighbors {
		if n.State == neighbor.Stale {
			add(n.Since, "is the host up, and in this segment?", "real server %v does not answer ARP any more; frames go to the last MAC known, %v", n.Addr, n.MAC)
		}
		if !n.Conflict.IsZero() {
			add(n.Since, "find the host with this MAC and change its address", "%v answers ARP for real server %v, beside %v", n.Conflict, n.Addr, n.MAC)
		}
	}
}

func usable(s *service.Service) bool {
	for _, rs := range s.Servers {
		if rs.Weight() > 0 {
			return true
		}
	}
	return false
}
