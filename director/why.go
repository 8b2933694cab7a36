package director

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/condition"
	"lvsdr/conntable"
	"lvsdr/dataplane"
	"lvsdr/frame"
	"lvsdr/service"
)

// Why tells what would become of a packet that the client sends to the VIP to
// open a connection, and what would change it. Client and VIP are addresses
// with a port; the protocol is "tcp", "udp" or "sctp". Any goroutine.
// Errors: what is not an address or a protocol.
func (d *Director) Why(ctx context.Context, protocol, client, vip string) (*api.Why, error) {
	k, err := flowKey(protocol, client, vip)
	if err != nil {
		return nil, err
	}
	states, err := call(ctx, d, d.states)
	if err != nil {
		return nil, fmt.Errorf("why: %w", err)
	}
	d.reading.RLock()
	defer d.reading.RUnlock()
	if d.freed {
		return nil, fmt.Errorf("why: %w", ErrStopped)
	}
	w := &whyWriter{states: states, e: d.plane.Explain(k), now: d.plane.Now(), out: &api.Why{Protocol: protocol, Client: client, VIP: vip}}
	w.write()
	return w.out, nil
}

// flowKey reads the flow that is asked about.
func flowKey(protocol, client, vip string) (k frame.Key, err error) {
	number, ok := map[string]uint8{"tcp": frame.ProtocolTCP, "udp": frame.ProtocolUDP, "sctp": frame.ProtocolSCTP}[protocol]
	if !ok {
		return k, fmt.Errorf("%q is no protocol; ask for tcp, udp or sctp", protocol)
	}
	from, err := netip.ParseAddrPort(client)
	if err != nil {
		return k, fmt.Errorf("client %q is not an address with a port; write one such as 198.51.100.7:40000", client)
	}
	to, err := netip.ParseAddrPort(vip)
	if err != nil {
		return k, fmt.Errorf("VIP %q is not an address with a port; write one such as 192.0.2.10:80", vip)
	}
	return frame.Key{
		Src: frame.AddrFrom(from.Addr()), SrcPort: from.Port(),
		Dst: frame.AddrFrom(to.Addr()), DstPort: to.Port(), Protocol: number,
	}, nil
}

// whyWriter puts an explanation into words.
type whyWriter struct {
	e      dataplane.Explanation
	now    conntable.Time
	out    *api.Why
	states map[*service.RealServer]standing
}

// standing is what a real server is for its service, and whether it asks for no new
// connections.
type standing struct {
	state    condition.State
	declines bool
}

// states are what the real servers are for their services.
func (d *Director) states() map[*service.RealServer]standing {
	states := make(map[*service.RealServer]standing)
	for _, s := range d.table.Services() {
		for i, rs := range s.Servers {
			sc := d.conditions.services[s.Name].servers[i]
			states[rs] = standing{sc.decision.State, sc.declines()}
		}
	}
	return states
}

func (w *whyWriter) step(name, format string, args ...any) {
	w.out.Steps = append(w.out.Steps, api.WhyStep{Step: name, Result: fmt.Sprintf(format, args...)})
}

func (w *whyWriter) change(format string, args ...any) {
	w.out.Changes = append(w.out.Changes, fmt.Sprintf(format, args...))
}

func (w *whyWriter) write() {
	e := &w.e
	w.out.Verdict = e.Verdict.String()
	if e.VIP == nil {
		w.step("vip", "the address is no VIP of this director: its frames are ignored")
		w.change("add a service on the address")
		return
	}
	w.step("vip", "%v is a VIP of this director", e.VIP.Addr)
	w.service()
	w.entry()
	w.template()
	w.schedule()
	w.server()
}

func (w *whyWriter) service() {
	s := w.e.Service
	if s == nil {
		w.step("service", "no service is on this port: the client is refused")
		w.change("add a service on the port")
		return
	}
	w.step("service", "%s, scheduler %s", s.Name, strings.Join(append([]string{s.Scheduler}, s.Flags...), " "))
}

func (w *whyWriter) entry() {
	e := &w.e
	switch {
	case e.Entry == nil:
		w.step("entry", "none: the connection is new")
		return
	case e.EntryServer == nil:
		w.step("entry", "%v, to a server that is gone", e.Entry.State)
		return
	}
	what := ""
	switch {
	case e.Reopens:
		what = "; a packet that opens a connection puts it aside"
	case e.Verdict == dataplane.DropServerGone:
		what = "; the server was removed, and its connections wait for it"
		w.change("add %s to the service again, or set ipvs.expire_nodest_conn to 1", address(e.EntryServer))
	default:
		w.change("the entry ends %v after the connection's last packet", left(e.Entry, w.now))
	}
	w.step("entry", "%v to %s, for another %v%s", e.Entry.State, address(e.EntryServer), left(e.Entry, w.now), what)
}

func (w *whyWriter) template() {
	e := &w.e
	if e.Service == nil || !e.Service.IsPersistent() || e.Entry != nil && !e.Reopens {
		return
	}
	switch {
	case e.Template == nil:
		w.step("template", "none: the client has been sent nowhere in the last %v", e.Service.Persistence.Timeout)
	case e.TemplateServer == nil || e.Leaves:
		w.step("template", "to a server that takes no clients any more: it is put aside")
	default:
		w.step("template", "%v to %s, for another %v, with %d connections",
			e.Template.State, address(e.TemplateServer), left(e.Template, w.now), e.Controls)
		w.change("persistence keeps the client there: it ends %v after its last new connection", e.Service.Persistence.Timeout)
	}
}

func (w *whyWriter) schedule() {
	e := &w.e
	switch {
	case e.Scheduled != nil && e.Full:
		w.step("schedule", "the connection table, or the quota of this kind, is full: a hash of the flow picks %s, without an entry", address(e.Scheduled))
		w.change("raise `connections` or `quotas`")
	case e.Scheduled != nil && e.Sure:
		w.step("schedule", "%s picks %s now", e.Service.Scheduler, address(e.Scheduled))
		w.change("a connection in between, or a change of a server's weight, load or health, can change the pick")
	case e.Scheduled != nil:
		w.step("schedule", "%s picks at random; %s has the least load", e.Service.Scheduler, address(e.Scheduled))
	case e.Service != nil && e.Server == nil && e.Verdict != dataplane.DropServerGone:
		w.noServer()
	}
}

// noServer says of each server why it is not picked.
func (w *whyWriter) noServer() {
	s := w.e.Service
	if w.e.Verdict == dataplane.DropOwnAddress {
		w.step("schedule", "the client's address is this host's own")
		return
	}
	var why []string
	for _, rs := range s.Servers {
		why = append(why, address(rs)+" "+unusable(rs, w.states[rs]))
	}
	if len(why) == 0 {
		w.step("schedule", "the service has no real server")
		w.change("add a real server to %s", s.Name)
		return
	}
	w.step("schedule", "no server is usable: %s", strings.Join(why, ", "))
	w.change("see the servers of %s in `director status`", s.Name)
}

// unusable says why a server gets no new connection.
func unusable(rs *service.RealServer, is standing) string {
	_, resolved, _ := rs.Route()
	switch {
	case !is.state.InUse():
		return "is " + strings.Replace(is.state.String(), "maintenance", "in maintenance", 1)
	case is.declines:
		return "asks for no new connections"
	case resolved && rs.Health() != service.Up:
		return "is one of too few for the quorum"
	case !resolved:
		return "has no known MAC address"
	case rs.BaseWeight() == 0:
		return "has weight 0"
	case rs.Overloaded():
		return "is at its upper threshold"
	}
	return "is not picked by this hash"
}

func (w *whyWriter) server() {
	e := &w.e
	if e.Server == nil {
		return
	}
	w.out.Server = address(e.Server)
	if e.Verdict == dataplane.DropUnresolved {
		w.step("mac", "the MAC address of %s is not known: the packet is dropped", address(e.Server))
		w.change("look whether %s is up and on the egress segment", e.Server.Addr)
		return
	}
	w.out.MAC = e.MAC.String()
	w.step("mac", "%s is at %v", address(e.Server), e.MAC)
}

// left is how long an entry has, in whole seconds.
func left(c *conntable.Connection, now conntable.Time) time.Duration {
	return c.Remaining(now).Round(time.Second)
}
