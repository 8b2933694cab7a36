package director

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/arpresponder"
	"lvsdr/condition"
	"lvsdr/finding"
	"lvsdr/frame"
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
	out = append(out, claimAlarms(now, claims)...)
	return append(out, neighborAlarms(neighbors)...)
}

// ownAlarms are those about the director itself. It is called every second, so
// that it is known since when each lasts.
func (d *Director) ownAlarms(now time.Time) []api.Alarm {
	out := d.interfaceAlarms()
	for _, f := range d.findings {
		if f.Severity != guard.OK {
			out = append(out, alarm(now, f.Result()))
		}
	}
	out = append(out, d.sharedMACs(now)...)
	for _, p := range d.astray {
		out = append(out, api.Alarm{What: p.What + ": " + p.Why, Remedy: p.Remedy})
	}
	for _, s := range d.table.Services() {
		if what := d.serviceAlarm(s); what != "" {
			out = append(out, api.Alarm{
				What:   what,
				Remedy: "see the checks and the MAC addresses of its servers: one without a MAC address does not answer ARP",
			})
		}
	}
	if len(d.pending) > 0 {
		out = append(out, api.Alarm{
			What:   fmt.Sprintf("the configuration file changes %s, which a reload cannot", strings.Join(d.pending, ", ")),
			Remedy: "restart the director",
		})
	}
	since := make(onsets)
	for i := range out {
		a := &out[i]
		a.Since = now
		if before, known := d.since[a.What]; known {
			a.Since = before
		}
		since[a.What] = a.Since
	}
	d.since = since
	return out
}

// alarm is a finding as an alarm.
func alarm(since time.Time, r finding.Result) api.Alarm {
	return api.Alarm{Since: since, Kind: string(r.Kind), What: r.Sentence(), Remedy: r.Remedy()}
}

func (d *Director) interfaceAlarms() (out []api.Alarm) {
	if d.attached == nil {
		return []api.Alarm{{What: "nothing is forwarded: " + d.unattached.what, Remedy: d.unattached.remedy}}
	}
	for _, i := range d.interfaceStatus() {
		if i.State != "up" {
			out = append(out, api.Alarm{
				What:   fmt.Sprintf("interface %s: %s", i.Name, i.State),
				Remedy: fmt.Sprintf("ip link set %s up, and look at the cable", i.Name),
			})
		}
	}
	return out
}

// serviceAlarm says what is wrong with a service that its servers do not serve as
// they should; "" if nothing is.
func (d *Director) serviceAlarm(s *service.Service) string {
	state := d.conditions.services[s.Name]
	switch {
	case len(s.Servers) == 0 || state == nil:
		return ""
	case state.plan == condition.Sorry:
		return fmt.Sprintf("service %s has too few usable real servers: the sorry server %s serves", s.Name, address(s.Sorry))
	case state.plan == condition.Open:
		return fmt.Sprintf("service %s has no real server that passes its checks: those that fail serve", s.Name)
	case state.plan == condition.Few:
		return fmt.Sprintf("service %s has too few usable real servers, which serve all the same", s.Name)
	case state.plan == condition.Refuse && state.usable > 0:
		return fmt.Sprintf("service %s has too few usable real servers, and refuses its clients", s.Name)
	case !usable(s):
		return fmt.Sprintf("service %s has no usable real server", s.Name)
	}
	return ""
}

func claimAlarms(now time.Time, claims []arpresponder.Status) (out []api.Alarm) {
	for _, c := range claims {
		if c.State == arpresponder.NotClaimed {
			out = append(out, api.Alarm{
				Since:  c.Since,
				What:   fmt.Sprintf("VIP %v is not answered for: %v has it", c.VIP, c.RefusedBy),
				Remedy: "take the address off that host, or set `conflict: takeover`",
			})
		}
		for _, o := range c.Claimants {
			if now.Sub(o.Last) <= remembered {
				out = append(out, alarm(o.First, claimed(c.VIP, o)))
			}
		}
	}
	return out
}

// claimed says what another host's claim to a VIP means.
func claimed(vip netip.Addr, o arpresponder.Claimant) finding.Result {
	how := map[arpresponder.ClaimKind]finding.Claim{
		arpresponder.ByReply: finding.Answers, arpresponder.ByAnnouncement: finding.Announces,
		arpresponder.ByRequest: finding.Asks, arpresponder.ByProbe: finding.Probes,
	}[o.Kind]
	if server, err := netip.ParseAddr(o.RealServer); err == nil {
		return finding.ServerClaims(vip, server, finding.Known(finding.Server(server), o.MAC), o.MAC, how)
	}
	return finding.StrangerClaims(vip, finding.Stranger(o.MAC), o.MAC, how)
}

func neighborAlarms(neighbors []neighbor.Entry) (out []api.Alarm) {
	for _, n := range neighbors {
		if n.State == neighbor.Stale {
			out = append(out, api.Alarm{
				Since: n.Since, Kind: string(finding.ServerAbsent),
				What:   fmt.Sprintf("real server %v does not answer ARP any more; frames go to the last MAC known, %v", n.Addr, n.MAC),
				Remedy: "is the host up, and in this segment?",
			})
		}
		if !n.Conflict.IsZero() {
			out = append(out, alarm(n.ConflictSince, finding.AddressTwice(n.Addr, []frame.MAC{n.MAC, n.Conflict})))
		}
	}
	return out
}

// sharedMACs are the alarms about real servers that have one MAC address.
func (d *Director) sharedMACs(now time.Time) (out []api.Alarm) {
	at := make(map[frame.MAC][]netip.Addr)
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		mac, known, _ := rs.Route()
		if known && !slices.Contains(at[mac], rs.Addr) {
			at[mac] = append(at[mac], rs.Addr)
		}
	})
	for mac, addrs := range at {
		if len(addrs) > 1 {
			slices.SortFunc(addrs, netip.Addr.Compare)
			out = append(out, alarm(now, finding.SharedMAC(mac, "", addrs...)))
		}
	}
	slices.SortFunc(out, func(a, b api.Alarm) int { return strings.Compare(a.What, b.What) })
	return out
}

func usable(s *service.Service) bool {
	for _, rs := range s.Servers {
		if rs.Weight() > 0 {
			return true
		}
	}
	return false
}
