package realserver

import (
	"fmt"
	"net/netip"
)

// ProxyNeighbor is an address that the host answers for on behalf of another
// (ip neigh show proxy).
type ProxyNeighbor struct {
	Address   netip.Addr
	Interface string
}

// RouteQuery asks for the route of one packet, as `ip route get` does.
type RouteQuery struct {
	From netip.Addr // zero: the kernel chooses
	To   netip.Addr
	In   string // the interface that the packet arrives on; "": it is the host's own
}

// Route is the answer.
type Route struct {
	Type      RouteType
	Interface string       // it leaves by
	Gateway   netip.Addr   // zero: the destination is on the link
	MTU       int          // of the route itself, bytes; 0: that of the interface
	Prefix    netip.Prefix // of a route that drops, where it was found
	Table     int          // of that one
}

// RouteType says what kind of route it is, in the words of ip-route(8).
type RouteType string

// The types that matter here.
const (
	RouteUnicast     RouteType = "unicast"
	RouteLocal       RouteType = "local" // to the host itself
	RouteNone        RouteType = "none"  // there is no route
	RouteBlackhole   RouteType = "blackhole"
	RouteUnreachable RouteType = "unreachable"
	RouteProhibit    RouteType = "prohibit"
	RouteRefused     RouteType = "refused" // the source address is not one that the kernel accepts here
)

// leads says whether packets get anywhere by it.
func (r Route) leads() bool { return r.Type == RouteUnicast || r.Type == RouteLocal }

// String says where it leads.
func (r Route) String() string {
	switch {
	case r.Type == RouteLocal:
		return "to this host itself"
	case r.Type != RouteUnicast:
		return string(r.Type)
	case r.Gateway.IsValid():
		return fmt.Sprintf("by %s through %v", r.Interface, r.Gateway)
	}
	return "by " + r.Interface
}

// SourceRule is a policy routing rule that looks at the source address
// (ip rule).
type SourceRule struct {
	Priority int
	From     netip.Prefix
	Table    int
}
