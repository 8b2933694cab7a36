package director

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lvsdr/admin/api"
	"lvsdr/service"
)

// Order carries out an order of an operator about a real server, in one service or
// in all that have it, and returns what became of it. It holds over reloads and
// restarts. Any goroutine.
// Errors: *api.Error for an order that cannot be understood, or that makes no sense
// for any of the servers; nothing has changed then.
func (d *Director) Order(ctx context.Context, o api.OrderRequest) (api.Ordered, error) {
	type outcome struct {
		ordered api.Ordered
		err     error
	}
	out, err := call(ctx, d, func() (out outcome) {
		out.ordered, out.err = d.order(&o)
		return out
	})
	if err != nil {
		return api.Ordered{}, fmt.Errorf("order: %w", err)
	}
	return out.ordered, out.err
}

const (
	maxWeight   = 65535
	maxDeadline = 366 * 24 * 60 * 60 // seconds
)

func (d *Director) order(o *api.OrderRequest) (done api.Ordered, err error) {
	give, known := duties[o.Duty]
	switch {
	case !known:
		return done, invalid("%q is no order; give drain, undrain, disable, enable, weight or reset-weight", o.Duty)
	case o.Duty == api.SetWeight && (o.Weight < 0 || o.Weight > maxWeight):
		return done, invalid("weight %d is out of range; give one from 0 to %d", o.Weight, maxWeight)
	case o.Deadline < 0 || o.Deadline > maxDeadline:
		return done, invalid("deadline %d is out of range; give seconds from 0 to %d", o.Deadline, maxDeadline)
	case o.Deadline > 0 && o.Duty != api.Drain:
		return done, invalid("%s knows no deadline; leave it out", o.Duty)
	}
	servers, err := d.named(o)
	if err != nil {
		return done, err
	}
	if o.Duty == api.SetWeight {
		if err := d.sameWeights(servers); err != nil {
			return done, err
		}
	}
	now := time.Now()
	var concerned []*service.RealServer
	for _, rs := range servers {
		if refused := give(d, now, o, rs); refused == nil {
			concerned = append(concerned, rs)
		} else if err == nil {
			err = refused
		}
	}
	if len(concerned) == 0 {
		return done, err
	}
	for _, rs := range concerned {
		d.event(api.Event{
			Time: now, Kind: api.OrderEvent, Service: rs.Service(), Server: address(rs), To: orderText(o), By: o.By,
		})
	}
	d.decide(now)
	d.save()
	for _, rs := range concerned {
		done.Servers = append(done.Servers, api.OrderedServer{
			Service: rs.Service(), Server: address(rs), Left: rs.Active() + rs.Inactive(),
			State: d.conditions.servers[keyOf(rs)].decision.State.String(), Weight: rs.BaseWeight(),
			Until: d.conditions.servers[keyOf(rs)].decision.Until,
		})
	}
	return done, nil
}

// orderText is an order in a few words.
func orderText(o *api.OrderRequest) string {
	switch {
	case o.Duty == api.SetWeight:
		return fmt.Sprintf("%s %d", o.Duty, o.Weight)
	case o.Deadline > 0:
		return fmt.Sprintf("%s within %v", o.Duty, time.Duration(o.Deadline)*time.Second)
	}
	return string(o.Duty)
}

// duties give an order to one server, or say why it makes no sense.
var duties = map[api.Duty]func(*Director, time.Time, *api.OrderRequest, *service.RealServer) error{
	api.Drain: (*Director).drain, api.Undrain: (*Director).relieve,
	api.Disable: (*Director).disable, api.Enable: (*Director).relieve,
	api.SetWeight: (*Director).setWeight, api.ResetWeight: (*Director).resetWeight,
}

func (d *Director) drain(now time.Time, o *api.OrderRequest, rs *service.RealServer) error {
	sc := d.conditions.servers[keyOf(rs)]
	if sc.duty != nil && sc.duty.Duty == api.Disable {
		return invalid("%s of service %s is disabled, and has no connections to wait for; enable it first", address(rs), rs.Service())
	}
	sc.duty = &api.Order{Duty: api.Drain, At: now, By: o.By}
	if o.Deadline > 0 {
		sc.duty.Deadline = now.Add(time.Duration(o.Deadline) * time.Second)
	}
	return nil
}

func (d *Director) disable(now time.Time, o *api.OrderRequest, rs *service.RealServer) error {
	d.conditions.servers[keyOf(rs)].duty = &api.Order{Duty: api.Disable, At: now, By: o.By}
	return nil
}

// relieve ends draining, or disabling. The server is wanted now: it need not wait
// because it failed before.
func (d *Director) relieve(_ time.Time, o *api.OrderRequest, rs *service.RealServer) error {
	ended, is := api.Drain, "to be drained"
	if o.Duty == api.Enable {
		ended, is = api.Disable, "disabled"
	}
	sc := d.conditions.servers[keyOf(rs)]
	held := o.Duty == api.Enable && sc.held
	switch {
	case sc.duty != nil && sc.duty.Duty == ended:
		sc.duty = nil
	case !held || sc.duty != nil:
		return invalid("%s of service %s is not %s", address(rs), rs.Service(), is)
	}
	sc.machine.Forgive()
	return nil
}

func (d *Director) setWeight(now time.Time, o *api.OrderRequest, rs *service.RealServer) error {
	sc := d.conditions.servers[keyOf(rs)]
	sc.weight = &api.Order{Duty: api.SetWeight, At: now, By: o.By, Weight: o.Weight, Instead: d.configuredWeight(rs)}
	return nil
}

// configuredWeight is the weight of a server in the configuration, whatever its
// check or an operator say.
func (d *Director) configuredWeight(rs *service.RealServer) int {
	for i, s := range d.table.Services() {
		if j := slices.Index(s.Servers, rs); j >= 0 {
			return d.config.Services[i].RealServers[j].Weight
		}
	}
	return rs.BaseWeight()
}

func (d *Director) resetWeight(_ time.Time, _ *api.OrderRequest, rs *service.RealServer) error {
	sc := d.conditions.servers[keyOf(rs)]
	if sc.weight == nil {
		return invalid("%s of service %s has the weight of the configuration already", address(rs), rs.Service())
	}
	sc.weight = nil
	return nil
}

// orders are those that hold for a server.
func (sc *serverCondition) orders() (list []api.Order) {
	for _, o := range []*api.Order{sc.duty, sc.weight} {
		if o != nil {
			list = append(list, *o)
		}
	}
	return list
}

// weighed puts the weights that operators set, or that checks say, into definitions.
func (d *Director) weighed(definitions []service.Definition) []service.Definition {
	for i := range definitions {
		s := &definitions[i]
		for j := range s.Servers {
			r := &s.Servers[j]
			sc := d.conditions.servers[serverKey(s.Name, r.Addr.Netip(), r.Port)]
			switch {
			case sc == nil:
			case sc.weight != nil && sc.weight.Instead == r.Weight:
				r.Weight = sc.weight.Weight
			case sc.says:
				r.Weight = sc.said
			}
		}
	}
	return definitions
}

// endWeights ends the weights that operators set in place of those of a
// configuration that names others now: who spoke last is right.
func (d *Director) endWeights() {
	for i, s := range d.table.Services() {
		for j, rs := range s.Servers {
			sc := d.conditions.services[s.Name].servers[j]
			if now := d.config.Services[i].RealServers[j].Weight; sc.weight != nil && sc.weight.Instead != now {
				d.endWeight(sc, rs, fmt.Sprintf("the configuration has weight %d now, not %d", now, sc.weight.Instead))
			}
		}
	}
}

func (d *Director) endWeight(sc *serverCondition, rs *service.RealServer, why string) {
	sc.weight = nil
	d.event(api.Event{
		Time: time.Now(), Kind: api.OrderEvent, Service: rs.Service(), Server: address(rs), To: string(api.ResetWeight), Reason: why,
	})
}

// endEdited ends the weights that operators set for servers to which somebody gave
// another one since, by ipvsadm. It returns whether there were any.
func (d *Director) endEdited(edited map[string]bool) (some bool) {
	if len(edited) == 0 {
		return false
	}
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		if sc := d.conditions.servers[keyOf(rs)]; sc != nil && sc.weight != nil && edited[rs.Service()+" "+rs.Addr.String()] {
			d.endWeight(sc, rs, "ipvsadm set the weight")
			some = true
		}
	})
	return some
}
