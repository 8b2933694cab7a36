package config

import (
	"fmt"
	"net/netip"
	"time"

	"lvsdr/scheduler"
)

const (
	maxSlowStart = time.Hour
	maxQuorum    = 1_000_000_000 // more than all servers can weigh
)

// standby reads what becomes of service i when servers return, and when too few
// are left. Its real servers have been read.
func (d *decoder) standby(s section, svc *Service, i, family int) {
	svc.SlowStart = s.slowStart(svc.Scheduler)
	svc.Quorum = s.get("quorum").quorum(svc)
	svc.SorryServer = d.sorryServer(s.get("sorry_server"), i, family)
	open := s.get("fail_open")
	svc.FailOpen = open.onOff(false)
	if svc.FailOpen && svc.Check.Kind == kindNone && !s.d.failedIn(join(s.key, "check")) {
		open.warn("has no effect: without a check no server ever fails", "remove it, or add a check")
	}
}

// slowStart reads the time over which a server that returns takes up its share.
func (s section) slowStart(algorithm string) time.Duration {
	v := s.get("slow_start")
	t := v.duration(0, 0, maxSlowStart)
	if t > 0 && !scheduler.Proportional(algorithm) && !scheduler.Hashes(algorithm) && !s.get("scheduler").failed() {
		v.warn("has no effect: "+algorithm+" gives no shares by weight", "remove it, or write another scheduler, such as wlc")
	}
	return t
}

// quorum reads the thresholds of a service.
func (v value) quorum(svc *Service) Quorum {
	s := v.section(quorumKeys)
	up, down := s.get("up"), s.get("down")
	q := Quorum{Up: up.integer(1, 1, maxQuorum)}
	q.Down = down.integer(q.Up, 1, maxQuorum)
	if q.Down > q.Up && !up.failed() {
		down.fail(fmt.Sprintf("%d is above up (%d)", q.Down, q.Up), "write a down that is at most up")
		q.Down = q.Up
	}
	sum := 0
	for _, r := range svc.RealServers {
		sum += r.Weight
	}
	if q.Up > 1 && q.Up > sum && !up.failed() {
		up.warn(fmt.Sprintf("%d is more than the real servers weigh, %d in all: the service is never served", q.Up, sum),
			"write at most the sum of the weights, unless servers are added at run time")
	}
	return q
}

// sorryServer reads the address of the server that serves while the others are too
// few.
func (d *decoder) sorryServer(v value, service, family int) netip.Addr {
	addr, port, ok := v.realHost(family)
	switch {
	case !ok:
		return netip.Addr{}
	case port != nil:
		v.fail("names a port, and direct routing cannot translate ports", "write the address alone")
		return netip.Addr{}
	}
	d.sorry = append(d.sorry, rip{value: v, addr: addr, service: service})
	return addr
}

// Sorry returns the sorry server as one of the real servers. There must be one.
func (s *Service) Sorry() RealServer {
	return RealServer{Addr: s.SorryServer, Port: s.firstPort(), Weight: defaultWeight}
}

// checkSorry: a frame sent to a VIP as if it were a server would come back, and a
// server is not its own substitute.
func (d *decoder) checkSorry(c *Config) {
	vips := d.vipsByAddr()
	for _, r := range d.sorry {
		svc := &c.Services[r.service]
		if v, isVIP := vips[r.addr]; isVIP {
			r.fail(fmt.Sprintf("%s is a VIP, see line %d", r.addr, v.at.line), ownAddress)
		} else if at := svc.find(r.addr); at >= 0 {
			r.fail(fmt.Sprintf("%s is a real server of this service, see line %d", r.addr, svc.RealServers[at].Line),
				"write the address of another server")
		}
	}
}
