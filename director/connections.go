package director

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"lvsdr/admin/api"
	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/service"
)

// Connections yields the connections that the filter takes, in no order, until
// yield returns false. Those that come or go meanwhile may be missed. Any
// goroutine; neither the loop nor a worker waits for it, however long yield
// takes.
// Errors: *api.Error for a filter that cannot be understood, before any yield;
// ErrStopped; that of the context.
func (d *Director) Connections(ctx context.Context, f api.ConnectionFilter, yield func(api.Connection) bool) error {
	filter, err := parseFilter(&f)
	if err != nil {
		return err
	}
	names, err := call(ctx, d, func() names { return names{d.table, d.vipNames} })
	if err != nil {
		return fmt.Errorf("connections: %w", err)
	}
	if !names.hasService(filter.service) {
		return invalid("service: there is no service %q", filter.service)
	}
	d.reading.RLock()
	defer d.reading.RUnlock()
	if d.freed {
		return fmt.Errorf("connections: %w", ErrStopped)
	}
	return d.list(ctx, newListing(names, filter, d.plane.Now()), yield)
}

// lookEvery is after how many entries a list looks whether it is to end.
const lookEvery = 1024

func (d *Director) list(ctx context.Context, l *listing, yield func(api.Connection) bool) (err error) {
	seen := 0
	d.plane.EachConnection(func(c conntable.Connection) bool {
		if seen++; seen%lookEvery == 0 {
			select {
			case <-ctx.Done():
				err = ctx.Err()
				return false
			case <-d.done:
				err = ErrStopped
				return false
			default:
			}
		}
		out, ok := l.connection(&c)
		return !ok || yield(out)
	})
	if err != nil {
		return fmt.Errorf("connections: %w", err)
	}
	return nil
}

// free lets those go who read the connection table, and frees it.
func (d *Director) free() {
	close(d.done)
	d.reading.Lock()
	defer d.reading.Unlock()
	d.freed = true
	_ = d.plane.Close()
}

// names are what the numbers in a connection stand for. They do not change.
type names struct {
	table *service.Table
	vips  []netip.Addr // by index
}

// hasService reports whether there is a service of that name, or a server of
// one that is gone; "" is any.
func (n names) hasService(name string) bool {
	found := name == ""
	n.table.Servers(func(rs *service.RealServer) { found = found || rs.Service() == name })
	for _, s := range n.table.Services() {
		found = found || s.Name == name
	}
	return found
}

// nameVIPs remembers the VIPs of a table, for connections that outlive their
// service. Who reads the old list is not disturbed.
func nameVIPs(known []netip.Addr, t *service.Table) []netip.Addr {
	vips := t.VIPs()
	next := make([]netip.Addr, len(known), len(known)+len(vips))
	copy(next, known)
	for _, v := range vips {
		for int(v.Index) >= len(next) {
			next = append(next, netip.Addr{})
		}
		next[v.Index] = v.Addr.Netip()
	}
	return next
}

// listing turns entries of the connection table into what the API says.
type listing struct {
	names
	filter  *filter
	now     conntable.Time
	virtual texts
	servers texts
}

func newListing(n names, f *filter, now conntable.Time) *listing {
	return &listing{names: n, filter: f, now: now, virtual: make(texts), servers: make(texts)}
}

// connection describes an entry; false if the filter does not take it, or
// nothing is known any more of its server or VIP.
func (l *listing) connection(c *conntable.Connection) (out api.Connection, ok bool) {
	rs := l.table.Server(c.Server)
	if rs == nil || !l.filter.takesServer(rs) || !l.filter.takesState(c) || !l.filter.takesClient(&c.Key) {
		return out, false
	}
	out = api.Connection{
		Service: rs.Service(), Protocol: protocolNames[rs.Owner().Protocol], State: c.State.String(),
		Expires: int(c.Remaining(l.now) / time.Second), Template: c.Key.IsTemplate(),
	}
	port := c.Key.Port()
	if c.Key.IsTemplate() {
		port = service.TemplatePort(c.Key.Protocol(), port)
	}
	switch {
	case c.Key.IsTemplate() && c.Key.Protocol() == 0: // of a service with a number
		if !l.filter.takesRanges(rs.Owner().Ranges) {
			return out, false
		}
		port = 0
		if out.Mark = rs.Owner().Mark; out.Mark == 0 {
			out.VIP = netip.AddrPortFrom(rs.Owner().Ranges[0].VIP.Netip(), 0).String()
		}
	case int(c.Key.VIP()) >= len(l.vips) || !l.filter.takesVIP(l.vips[c.Key.VIP()], port):
		return out, false
	default:
		out.VIP = l.virtual.of(uint32(c.Key.VIP()), l.vips[c.Key.VIP()], port)
	}
	out.Client = netip.AddrPortFrom(c.Key.Client().Netip(), c.Key.ClientPort()).String()
	out.Server = l.servers.of(rs.ID, rs.Addr, port)
	return out, true
}

var protocolNames = map[uint8]string{
	frame.ProtocolTCP: "tcp", frame.ProtocolUDP: "udp", frame.ProtocolSCTP: "sctp",
}

// texts are addresses with ports that were written already, by the number of
// the address and the port: there are few, and many connections.
type texts map[uint64]string

// maxTexts bounds what a list of a service with many ports remembers.
const maxTexts = 1 << 16

func (t texts) of(number uint32, a netip.Addr, port uint16) string {
	key := uint64(number)<<16 | uint64(port)
	text, known := t[key]
	if !known {
		if len(t) == maxTexts {
			clear(t)
		}
		text = netip.AddrPortFrom(a, port).String()
		t[key] = text
	}
	return text
}
