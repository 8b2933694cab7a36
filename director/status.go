package director

import (
	"net"
	"net/netip"
	"time"

	"lvsdr/admin/api"
	"lvsdr/arpresponder"
	"lvsdr/condition"
	"lvsdr/config"
	"lvsdr/dataplane"
	"lvsdr/guard"
	"lvsdr/healthcheck"
	"lvsdr/neighbor"
	"lvsdr/service"
)

// status is what the API tells of the director.
func (d *Director) status() *api.Status {
	now := time.Now()
	var neighbors []neighbor.Entry
	if d.resolver != nil {
		neighbors = d.resolver.Snapshot()
	}
	claims := d.claims()
	s := &api.Status{
		Version: d.options.Version, Started: d.started, Now: now,
		ConfigFile: d.options.ConfigFile, ConfigSince: d.loaded,
		Timeouts:    timeouts(d.config.Timeouts),
		Guard:       d.guardState(),
		Interfaces:  d.interfaceStatus(),
		Connections: connectionStatus(d.plane),
		Frames:      d.frameStatus(),
		Fragments:   fragmentStatus(d.plane),
		Memory:      api.Memory{Parts: d.Memory()},
	}
	for _, c := range claims {
		s.VIPs = append(s.VIPs, vipStatus(c))
	}
	states := make(map[netip.Addr]neighbor.State, len(neighbors))
	for _, n := range neighbors {
		states[n.Addr] = n.State
	}
	for i, svc := range d.table.Services() { // in the order of the configuration
		s.Services = append(s.Services, d.serviceStatus(svc, &d.config.Services[i], states))
	}
	s.Alarms = d.alarms(now, claims, neighbors)
	return s
}

func (d *Director) claims() []arpresponder.Status {
	if d.responder == nil {
		return nil
	}
	return d.responder.Status()
}

func (d *Director) guardState() string {
	if !d.config.Guard {
		return "off"
	}
	if guard.Err(d.findings) != nil {
		return "missing"
	}
	return "on"
}

func (d *Director) interfaceStatus() []api.Interface {
	if d.attached == nil {
		out := []api.Interface{{Name: d.config.Ingress, Role: "ingress", State: "gone"}}
		if d.config.Egress == d.config.Ingress {
			out[0].Role = "both"
			return out
		}
		return append(out, api.Interface{Name: d.config.Egress, Role: "egress", State: "gone"})
	}
	a := d.attached
	if a.ingress.Index == a.egress.Index {
		return []api.Interface{interfaceStatus(&a.ingress, "both")}
	}
	return []api.Interface{interfaceStatus(&a.ingress, "ingress"), interfaceStatus(&a.egress, "egress")}
}

func interfaceStatus(i *Interface, role string) api.Interface {
	return api.Interface{Name: i.Name, Role: role, MAC: i.MACAddr().String(), MTU: i.MTU, State: i.State()}
}

func connectionStatus(p *dataplane.Plane) api.Connections {
	c := p.Connections()
	return api.Connections{
		Capacity: c.Capacity, Used: c.Used, Connections: c.Connections, IPv6: c.IPv6,
		HalfOpen: c.HalfOpen, HalfOpenUse: c.HalfOpenUse, UDP: c.UDP, UDPUse: c.UDPUse, Templates: c.Templates,
		Bytes: c.Bytes, Inserted: c.Inserted, Refused: c.Refused,
	}
}

func fragmentStatus(p *dataplane.Plane) api.Fragments {
	f := p.Fragments()
	return api.Fragments{
		Datagrams: f.Datagrams, Waiting: f.Waiting, Bytes: f.Bytes,
		Released: f.Released, Lost: f.Lost, Completed: f.Completed, Expired: f.Expired,
	}
}

func (d *Director) frameStatus() api.Frames {
	counters := d.plane.Counters()
	f := api.Frames{Received: counters.Received(), Lost: d.lost}
	if d.attached != nil {
		for _, rx := range d.attached.receivers {
			f.Lost += rx.Stats().Dropped
		}
	}
	for v, n := range counters {
		if n > 0 {
			v := dataplane.Verdict(v)
			f.Verdicts = append(f.Verdicts, api.Verdict{Kind: v.Kind().String(), Reason: v.Reason(), Frames: n})
		}
	}
	return f
}

func vipStatus(c arpresponder.Status) api.VIP {
	v := api.VIP{Address: c.VIP.String(), State: string(c.State), Since: c.Since, MAC: c.MAC.String()}
	if !c.RefusedBy.IsZero() {
		v.RefusedBy = c.RefusedBy.String()
	}
	for _, o := range c.Claimants {
		v.Claimants = append(v.Claimants, api.Claimant{
			MAC: o.MAC.String(), RealServer: o.RealServer, How: string(o.Kind),
			First: o.First, Last: o.Last, Count: o.Count,
		})
	}
	return v
}

func (d *Director) serviceStatus(s *service.Service, c *config.Service, states map[netip.Addr]neighbor.State) api.Service {
	out := api.Service{
		Name: s.Name, Protocol: string(c.Protocol), Scheduler: s.Scheduler, Flags: s.Flags, Reject: string(c.Reject),
		Mark: c.Mark, Persistence: seconds(c.Persistence.Timeout), Prefix: c.Persistence.Prefix, OnePacket: c.OnePacket,
		Timeouts: timeouts(c.Timeouts), Total: d.ledger.total(s),
	}
	for _, r := range s.Ranges {
		out.Addresses = append(out.Addresses, net.JoinHostPort(r.VIP.String(), portName(r.First, r.Last)))
	}
	for i, rs := range s.Servers { // in the order of the configuration
		r := d.serverStatus(rs, &c.RealServers[i], states[rs.Addr])
		d.conditionStatus(&r, rs, c)
		out.Servers = append(out.Servers, r)
	}
	if s.Sorry != nil {
		r := d.serverStatus(s.Sorry, &config.RealServer{}, states[s.Sorry.Addr])
		sorryStatus(&r, s.Sorry)
		out.SorryServer = &r
	}
	state := d.conditions.services[s.Name]
	out.Quorum = api.Quorum{Up: c.Quorum.Up, Down: c.Quorum.Down, Weight: state.usable, Plan: state.plan.String()}
	return out
}

// conditionStatus fills in what the server is for its service.
func (d *Director) conditionStatus(out *api.RealServer, rs *service.RealServer, c *config.Service) {
	sc := d.conditions.servers[keyOf(rs)]
	decision := &sc.decision
	out.State, out.StateSince, out.Until = decision.State.String(), decision.Since, decision.Until
	out.Share, out.Orders, out.Reason = decision.Share, sc.orders(), d.reason(sc)
	if c.Dynamic.On() {
		out.Load = d.loadStatus(sc, &c.Dynamic)
	}
	if c.AssumeUp && out.Health == healthcheck.Unknown.String() {
		out.Health = healthcheck.Up.String()
	}
}

// sorryStatus is that of a sorry server, which nobody checks: it serves, or it does
// not.
func sorryStatus(out *api.RealServer, rs *service.RealServer) {
	out.Health, out.State = healthcheck.Up.String(), "standby"
	out.Reason = "sorry server, not needed"
	if rs.Health() == service.Up {
		out.State, out.Reason, out.Share = condition.Up.String(), "sorry server", condition.Whole
	}
}

func timeouts(t config.Timeouts) api.Timeouts {
	return api.Timeouts{TCP: seconds(t.TCP), TCPFin: seconds(t.TCPFin), UDP: seconds(t.UDP)}
}

// seconds is a duration as ipvsadm says it.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func (d *Director) serverStatus(rs *service.RealServer, c *config.RealServer, state neighbor.State) api.RealServer {
	check, _ := d.monitor.Status(keyOf(rs))
	count, rate := counts(rs), d.rates.of(rs)
	out := api.RealServer{
		Address: address(rs), Weight: rs.EffectiveWeight(), Configured: rs.BaseWeight(), Upper: c.Upper, Lower: c.Lower,
		Health: check.State.String(), Since: check.Since, Check: check.Message,
		MACState: string(state),
		Active:   rs.Active(), Inactive: rs.Inactive(), Persistent: rs.Persistent(),
		Connections: count.Connections, Packets: count.Packets, Bytes: count.Bytes, Zero: d.ledger.zeros[rs],
		ConnectionsS: rate.connectionsPerSecond, PacketsS: rate.packetsPerSecond, BytesS: rate.bytesPerSec,
	}
	if mac, resolved, _ := rs.Route(); resolved {
		out.MAC = mac.String()
	}
	return out
}
