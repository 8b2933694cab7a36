package service

import (
	"slices"

	"lvsdr/scheduler"
)

// Refresh makes the candidates anew after a change of a server's MAC, health,
// share or weight, and tells which servers are gone. The server added last comes
// first, as in the kernel's list; a sorry server that is up comes before all. The
// schedulers hear of it only if it changes their list or a weight: a round of
// theirs begins anew then.
//
// One that hashes has all servers in its table, also those that take nothing now:
// when one fails or returns, no client of the others moves. So has the overflow,
// whatever the scheduler.
func (s *Service) Refresh() {
	hashes := scheduler.Hashes(s.Scheduler)
	scale := s.scale()
	var list, all []given
	undecided := false
	add := func(rs *RealServer) {
		health, usable := rs.Health(), rs.usable()
		rs.setGone(health == Gone)
		_, resolved, _ := rs.Route()
		undecided = undecided || health == Unknown || health == Up && !resolved && !rs.absent.Load()
		weight, part := s.effective(rs, usable, scale)
		rs.SetWeight(weight)
		rs.SetPart(rs.BaseWeight(), part)
		g := given{&rs.Candidate, weight, rs.BaseWeight()}
		if all = append(all, g); hashes || usable || resolved && health == Down {
			list = append(list, g)
		}
	}
	if s.Sorry != nil && s.Sorry.Health() == Up {
		add(s.Sorry)
	} else if s.Sorry != nil {
		s.Sorry.setGone(s.Sorry.Health() == Gone)
		s.Sorry.SetWeight(0)
	}
	for _, rs := range slices.Backward(s.Servers) {
		add(rs)
	}
	s.undecided.Store(undecided)
	s.update(list, all)
}

// usable reports whether the server takes new connections, if its weight is above
// 0.
func (s *RealServer) usable() bool {
	_, resolved, _ := s.Route()
	return resolved && s.Health() == Up
}

// scale is by what the weights are multiplied so that a part of a small one is a
// whole number. A scheduler for which weights are proportions picks the same then.
func (s *Service) scale() int {
	warms := func(rs *RealServer) bool { return rs.usable() && rs.Share() < whole }
	if scheduler.Proportional(s.Scheduler) && slices.ContainsFunc(s.Servers, warms) {
		return whole
	}
	return 1
}

// effective returns the weight by which the scheduler shall pick a server, and for
// hashes which part of its clients it takes, in percent. A server that an operator
// gave weight 0 withholds nothing: hashes treat it as IPVS does.
func (s *Service) effective(rs *RealServer, usable bool, scale int) (weight, part int) {
	switch {
	case rs.BaseWeight() == 0:
		return 0, whole
	case !usable:
		return 0, 0
	case scale > 1:
		return max(rs.BaseWeight()*scale*rs.Share()/whole, 1), whole
	case scheduler.Hashes(s.Scheduler):
		return rs.BaseWeight(), rs.Share()
	}
	return rs.BaseWeight(), whole
}

func (s *Service) update(list, all []given) {
	if !slices.Equal(list, s.given) {
		s.given = list
		s.scheduler.Update(candidates(list))
	}
	if !slices.Equal(all, s.spilled) {
		s.spilled = all
		s.overflow.Update(candidates(all))
	}
}

func candidates(list []given) []*scheduler.Candidate {
	out := make([]*scheduler.Candidate, len(list))
	for i, g := range list {
		out[i] = g.server
	}
	return out
}
