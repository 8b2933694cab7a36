package director

import (
	"time"

	"lvsdr/admin/api"
	"lvsdr/condition"
	"lvsdr/config"
	"lvsdr/healthcheck"
	"lvsdr/service"
)

// conditions are what is decided about services and real servers, and what it is
// decided by. They belong to the loop.
type conditions struct {
	servers  map[string]*serverCondition  // by server key
	services map[string]*serviceCondition // by name
	due      *time.Timer                  // when to decide again though nothing has changed
}

// serverCondition is a real server of a service.
type serverCondition struct {
	key      string
	machine  condition.Machine
	decision condition.Decision
	held     bool       // it was told that the server is, since it was in use
	duty     *api.Order // Drain or Disable; nil: none
	weight   *api.Order // SetWeight; nil: none
	load     condition.Load
	lacks    int // percent of its weight, by what it says of its load; all: no new connections
	said     int // weight, by its check, if says
	says     bool
}

// serviceCondition is a service.
type serviceCondition struct {
	servers []*serverCondition // in the order of the service's
	quorum  condition.Quorum
	plan    condition.Plan
	usable  int  // weight
	empty   bool // it had no servers
}

func newConditions() conditions {
	c := conditions{
		servers: make(map[string]*serverCondition), services: make(map[string]*serviceCondition),
		due: time.NewTimer(0),
	}
	c.due.Stop()
	return c
}

// enroll begins to follow the services and servers of the present table that nobody
// follows yet, and forgets those that it does not have. A server that joins others
// has a slow start. before is nil at the start of the director: servers and quorums
// are what they were before then.
func (d *Director) enroll(before *service.Table) {
	manned := make(map[string]bool)
	if before != nil {
		for _, s := range before.Services() {
			manned[s.Name] = len(s.Servers) > 0
		}
	}
	servers, services := d.conditions.servers, d.conditions.services
	d.conditions.servers = make(map[string]*serverCondition, len(servers))
	d.conditions.services = make(map[string]*serviceCondition, len(services))
	for _, s := range d.table.Services() {
		c := services[s.Name]
		if c == nil {
			c = &serviceCondition{plan: condition.Wait}
			if before == nil && d.saved != nil {
				c.quorum = d.saved.quorum(s.Name)
			}
		}
		d.conditions.services[s.Name] = c
		c.servers = make([]*serverCondition, len(s.Servers))
		for i, rs := range s.Servers {
			key := keyOf(rs)
			sc := servers[key]
			switch {
			case sc != nil:
			case manned[s.Name]:
				sc = &serverCondition{machine: condition.Joined()}
			case before == nil && d.saved != nil:
				sc = d.saved.condition(key)
			default:
				sc = &serverCondition{}
			}
			sc.key = key
			c.servers[i], d.conditions.servers[key] = sc, sc
		}
	}
	d.endWeights()
}

// judge decides about all services, and returns whether a state or who serves has
// changed. Call refresh after it.
func (d *Director) judge(now time.Time) (changed bool) {
	var next time.Time
	for i, s := range d.table.Services() {
		changed = d.judgeService(now, s, &d.config.Services[i], &next) || changed
	}
	d.conditions.due.Stop()
	if !next.IsZero() {
		d.conditions.due.Reset(max(next.Sub(now), 0))
	}
	return changed
}

// judgeService decides about a service; next is when to ask again.
func (d *Director) judgeService(now time.Time, s *service.Service, c *config.Service, next *time.Time) (changed bool) {
	settings := condition.Settings{
		AssumeUp: c.AssumeUp, SlowStart: c.SlowStart, Remove: c.OnFailure == config.FailureRemove,
	}
	state := d.conditions.services[s.Name]
	var sum census
	for i, rs := range s.Servers {
		sc := state.servers[i]
		changed = d.judgeServer(now, sc, rs, settings, &c.Dynamic) || changed
		for _, at := range []time.Time{sc.decision.Next, d.weigh(now, sc, &c.Dynamic)} {
			if !at.IsZero() && (next.IsZero() || at.Before(*next)) {
				*next = at
			}
		}
		rs.SetBaseWeight(sc.baseWeight(&c.RealServers[i]))
		sum.add(sc.decision.State, sc.declines(), rs)
	}
	state.usable = sum.usable
	state.quorum.Step(condition.Thresholds(c.Quorum), sum.usable, sum.pending)
	plan := state.quorum.Plan(condition.Standby{
		Sorry: s.Sorry != nil && !s.Sorry.Absent(), FailOpen: c.FailOpen, AnyUsable: sum.usable > 0, AnyFailing: sum.failing,
	})
	if plan != state.plan {
		d.planned(now, s, c, state, plan)
		state.plan, changed = plan, true
	}
	state.empty = len(s.Servers) == 0
	state.carryOut(s, settings.Remove)
	return changed
}

// judgeServer decides about a server, and returns whether its state has changed.
// One that fails may only have another MAC address: the resolver asks.
func (d *Director) judgeServer(now time.Time, sc *serverCondition, rs *service.RealServer, settings condition.Settings, dynamic *config.DynamicWeight) bool {
	status, _ := d.monitor.Status(sc.key)
	sc.said, sc.says = status.Weight, status.Weighted && !status.Percent && !dynamic.On()
	in := condition.Input{Check: status.State}
	if o := sc.duty; o != nil {
		in.Disabled, in.Drained, in.Deadline = o.Duty == api.Disable, o.Duty == api.Drain, o.Deadline
		in.Idle = rs.Active()+rs.Inactive() == 0 && !d.mayHaveUnknown(now, o)
	}
	before := sc.decision
	sc.decision = sc.machine.Step(now, settings, in)
	held := sc.decision.Cause == condition.Flapping && !sc.held
	if sc.held = sc.held && !sc.decision.State.InUse() || held; sc.decision.State == before.State && !held {
		return false
	}
	if sc.decision.State == condition.Down && status.State == healthcheck.Down && d.resolver != nil {
		d.resolver.Doubt(rs.Addr)
	}
	d.event(api.Event{
		Time: now, Kind: api.ServerEvent, Service: rs.Service(), Server: address(rs),
		From: before.State.String(), To: sc.decision.State.String(), Reason: d.reason(sc), By: sc.orderedBy(),
	})
	return true
}

// mayHaveUnknown reports whether a server that was being drained when the director
// started may have connections that the director does not know, so that none is no
// sign that it is empty.
func (d *Director) mayHaveUnknown(now time.Time, o *api.Order) bool {
	return !o.At.After(d.started) && now.Sub(d.started) < d.config.RestartGrace
}

// baseWeight is the weight of a server that has its whole share: an operator's
// order before what its check says, and both before the configuration.
func (sc *serverCondition) baseWeight(c *config.RealServer) int {
	switch {
	case sc.weight != nil:
		return sc.weight.Weight
	case sc.says:
		return sc.said
	}
	return c.Weight
}

// orderedBy is who ordered the present state.
func (sc *serverCondition) orderedBy() string {
	if s := sc.decision.State; sc.duty != nil && (s == condition.Draining || s == condition.Maintenance) {
		return sc.duty.By
	}
	return ""
}

// census is what a quorum is made of.
type census struct {
	usable, pending int  // weights
	failing         bool // some server would be used but for its checks
}

func (t *census) add(state condition.State, declines bool, rs *service.RealServer) {
	_, resolved, _ := rs.Route()
	weight := rs.BaseWeight()
	switch {
	case state.InUse() && declines:
	case state.InUse() && resolved:
		t.usable += weight
	case state == condition.Unknown, state.InUse() && !rs.Absent():
		t.pending += weight
	case state == condition.Down && resolved && weight > 0:
		t.failing = true
	}
}

// carryOut makes the decisions about a service hold for its servers.
func (c *serviceCondition) carryOut(s *service.Service, remove bool) {
	for i, rs := range s.Servers {
		decision := &c.servers[i].decision
		share := condition.Whole
		if decision.State.InUse() {
			share = max(decision.Share*(condition.Whole-c.servers[i].lacks)/condition.Whole, 1)
		}
		rs.SetShare(share)
		health := healthOf(decision, c.plan, rs)
		if decision.State.InUse() && c.servers[i].declines() {
			health = service.Down // not weight 0, which would move clients of others
		}
		rs.SetHealth(health)
	}
	switch {
	case s.Sorry == nil:
	case c.plan == condition.Sorry:
		s.Sorry.SetHealth(service.Up)
	case remove:
		s.Sorry.SetHealth(service.Gone)
	default:
		s.Sorry.SetHealth(service.Down)
	}
}

// healthOf is what a server is good for.
func healthOf(d *condition.Decision, plan condition.Plan, rs *service.RealServer) service.Health {
	_, resolved, _ := rs.Route()
	counts := rs.BaseWeight() > 0 && (resolved || d.State == condition.Unknown)
	switch {
	case plan == condition.Open && d.State == condition.Down:
		return service.Up
	case d.Gone:
		return service.Gone
	case plan == condition.Sorry, plan == condition.Refuse && counts:
		return service.Down
	case plan == condition.Wait && counts:
		return service.Unknown
	}
	switch d.State {
	case condition.Up, condition.Warming:
		return service.Up
	case condition.Unknown:
		return service.Unknown
	}
	return service.Down
}
