package director

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/condition"
	"lvsdr/config"
	"lvsdr/healthcheck"
	"lvsdr/service"
)

// event tells of something that happened. What the checks find by themselves is in
// the log already.
func (d *Director) event(e api.Event) {
	level := slog.LevelInfo
	if e.Kind == api.ServerEvent && d.isNewsOfChecks(&e) {
		level = slog.LevelDebug
	}
	attrs := []any{"service", e.Service}
	for _, a := range []struct{ key, value string }{
		{"server", e.Server}, {"was", e.From}, {"reason", e.Reason}, {"by", e.By},
	} {
		if a.value != "" {
			attrs = append(attrs, a.key, a.value)
		}
	}
	d.feed.add(&e)
	d.log.Log(context.Background(), level, eventText(&e), attrs...)
	d.options.Event(e)
}

func (d *Director) isNewsOfChecks(e *api.Event) bool {
	return e.From != e.To && strings.Contains("unknown up down", e.From) && strings.Contains("unknown up down", e.To)
}

// eventText is an event as a line of the log begins.
func eventText(e *api.Event) string {
	switch e.Kind {
	case api.ServiceEvent:
		return "service is served as " + e.To
	case api.OrderEvent:
		return "order of an operator: " + e.To
	}
	return "state of real server in service: " + e.To
}

// reason says for people why a server is in its state.
func (d *Director) reason(sc *serverCondition) string {
	switch status, _ := d.monitor.Status(sc.key); sc.decision.Cause {
	case condition.Assumed:
		return "assumed before the first result of its checks"
	case condition.Returned:
		return "slow start"
	case condition.Flapping:
		return fmt.Sprintf("it failed %d times lately, and must be well for a while before it is used again", sc.machine.Memory().Falls)
	case condition.Emptied:
		return "drained: no connection is left"
	case condition.Overtaken:
		return "drained: the deadline is over"
	case condition.Ordered:
		return map[api.Duty]string{api.Drain: "is to be drained", api.Disable: "disabled"}[sc.duty.Duty]
	default:
		if status.State == healthcheck.Unknown {
			return "not checked yet"
		}
		return status.Message
	}
}

// planned tells of a change of who serves a service. That it waits for the first
// results is no news, nor that nobody serves it that has no servers.
func (d *Director) planned(now time.Time, s *service.Service, c *config.Service, state *serviceCondition, to condition.Plan) {
	from := state.plan
	if len(s.Servers) == 0 || state.empty || to == condition.Wait || from == condition.Wait && to == condition.Normal {
		return
	}
	e := api.Event{
		Time: now, Kind: api.ServiceEvent, Service: s.Name, From: from.String(), To: to.String(),
		Reason: fmt.Sprintf("its servers have weight %d, the quorum is up from %d and down below %d", state.usable, c.Quorum.Up, c.Quorum.Down),
	}
	if to == condition.Sorry {
		e.Server = address(s.Sorry)
	}
	d.event(e)
}
