package director

import (
	"fmt"
	"net/netip"
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

// alarms are the things that an operator should act on. They are found anew
// each time in what is known, so that none outlives its cause.
func (d *Director) alarms(now time.Time, claims []arpresponder.Status, neighbors map[netip.Addr]neighbor.Entry) []api.Alarm {
	var out []api.Alarm
	add := func(since time.Time, remedy, format string, args ...any) {
		out = append(out, api.Alarm{Since: since, What: fmt.Sprintf(format, args...), Remedy: remedy})
	}
	d.interfaceAlarms(now, add)
	for _, f := range d.findings {
		if f.Severity != guard.OK {
			add(now, f.Remedy, "%s: %s", f.What, f.Why)
		}
	}
	claimAlarms(now, claims, add)
	d.serverAlarms(now, neighbors, add)
	if len(d.pending) > 0 {
		add(d.loaded, "restart the director", "the configuration file changes %s, which a reload cannot", strings.Join(d.pending, ", "))
	}
	return out
}

type addAlarm func(since time.Time, remedy, format string, args ...any)

func (d *Director) interfaceAlarms(now time.Time, add addAlarm) {
	if d.attached == nil {
		add(now, d.unattached.remedy, "nothing is forwarded: %s", d.unattached.what)
		return
	}
	for _, i := range d.interfaceStatus() {
		if i.State != "up" {
			add(now, fmt.Sprintf("ip link set %s up, and look at the cable", i.Name), "interface %s: %s", i.Name, i.State)
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

func (d *Director) serverAlarms(now time.Time, neighbors map[netip.Addr]neighbor.Entry, add addAlarm) {
	for addr, n := range neighbors {
		if n.State == neighbor.Stale {
			add(n.Since, "is the host up, and in this segment?", "real server %v does not answer ARP any more; frames go to the last MAC known, %v", addr, n.MAC)
		}
		if !n.Conflict.IsZero() {
			add(n.Since, "find the host with this MAC and change its address", "%v answers ARP for real server %v, beside %v", n.Conflict, addr, n.MAC)
		}
	}
	for _, s := range d.table.Services() {
		if !usable(s) && len(s.Servers) > 0 {
			add(now, "see the servers' checks below", "service %s has no usable real server", s.Name)
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
