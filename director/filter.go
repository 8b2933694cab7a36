package director

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lvsdr/admin/api"
	"lvsdr/conntable"
	"lvsdr/service"
)

// filter is an api.ConnectionFilter that has been understood. What is not set
// takes everything.
type filter struct {
	client, vip endpoint
	server      netip.Addr
	service     string
	state       string
	templates   bool
}

// endpoint is an address or a network, and maybe a port.
type endpoint struct {
	net     netip.Prefix
	port    uint16
	hasPort bool
}

func parseFilter(f *api.ConnectionFilter) (*filter, error) {
	out := &filter{service: f.Service, state: strings.ToUpper(f.State), templates: f.Templates}
	var err error
	if out.client, err = parseEndpoint(f.Client); err != nil {
		return nil, invalid("client: %v; write ADDRESS, ADDRESS/BITS or ADDRESS:PORT, IPv6 addresses with a port in brackets", err)
	}
	if out.vip, err = parseEndpoint(f.VIP); err != nil || out.vip.net.IsValid() && !out.vip.net.IsSingleIP() {
		return nil, invalid("vip: %q is no address; write ADDRESS or ADDRESS:PORT, IPv6 addresses with a port in brackets", f.VIP)
	}
	if f.Server != "" {
		if out.server, err = netip.ParseAddr(f.Server); err != nil || out.server.Zone() != "" {
			return nil, invalid("server: %q is no address; write the real server's, without a port", f.Server)
		}
	}
	if known := stateNames(); out.state != "" && !slices.Contains(known, out.state) {
		return nil, invalid("state: there is no state %q; there are %s", f.State, strings.Join(known, ", "))
	}
	return out, nil
}

// invalid is the error for what cannot be understood.
func invalid(format string, args ...any) error {
	return &api.Error{Message: fmt.Sprintf(format, args...), Code: api.CodeInvalid}
}

// stateNames are the names of all states, each once.
func stateNames() (all []string) {
	for s := conntable.StateFree + 1; s < conntable.StateCount; s++ {
		if name := s.String(); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// parseEndpoint reads ADDRESS[/BITS][:PORT]; an IPv6 address with a port stands
// in brackets, [ADDRESS][/BITS]:PORT. "" is any.
func parseEndpoint(text string) (e endpoint, err error) {
	if text == "" {
		return e, nil
	}
	host, port, hasPort := cutPort(text)
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return e, fmt.Errorf("%q is no port", port)
		}
		e.port, e.hasPort = uint16(n), true
	}
	e.net, err = parseNet(host)
	return e, err
}

// cutPort takes the port off, and the brackets.
func cutPort(text string) (host, port string, hasPort bool) {
	inner, rest, closed := strings.Cut(strings.TrimPrefix(text, "["), "]")
	switch {
	case closed && strings.HasPrefix(text, "["):
		rest, port, hasPort = strings.Cut(rest, ":")
		return inner + rest, port, hasPort
	case strings.Count(text, ":") == 1:
		return strings.Cut(text, ":")
	}
	return text, "", false
}

// parseNet reads an address or ADDRESS/BITS.
func parseNet(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is no address", text)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func (e *endpoint) takes(a netip.Addr, port uint16) bool {
	return (!e.net.IsValid() || e.net.Contains(a)) && (!e.hasPort || e.port == port)
}

func (f *filter) takesClient(k *conntable.Key) bool {
	return !f.client.net.IsValid() || f.client.takes(k.Client().Netip(), k.ClientPort())
}

func (f *filter) takesVIP(a netip.Addr, port uint16) bool { return f.vip.takes(a, port) }

// takesRanges is takesVIP for what belongs to all addresses of a service.
func (f *filter) takesRanges(ranges []service.Range) bool {
	return !f.vip.net.IsValid() || slices.ContainsFunc(ranges, func(r service.Range) bool {
		return f.vip.takes(r.VIP.Netip(), f.vip.port) && (!f.vip.hasPort || r.Last == 0 || r.First <= f.vip.port && f.vip.port <= r.Last)
	})
}

func (f *filter) takesServer(rs *service.RealServer) bool {
	return (!f.server.IsValid() || f.server == rs.Addr) && (f.service == "" || f.service == rs.Service())
}

func (f *filter) takesState(c *conntable.Connection) bool {
	return (f.state == "" || f.state == c.State.String()) && (!f.templates || c.Key.IsTemplate())
}
