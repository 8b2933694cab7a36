package via

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// routeHeader is the size of struct rtmsg: family, lengths of destination and
// source, TOS, table, protocol, scope, type, flags.
const routeHeader = 12

func (r route) message(add bool) message {
	header := make([]byte, routeHeader)
	header[0] = family(r.vip)
	header[1] = byte(r.vip.BitLen())
	header[4] = unix.RT_TABLE_UNSPEC // above 255: RTA_TABLE
	header[5] = Protocol
	header[6] = unix.RT_SCOPE_UNIVERSE
	header[7] = unix.RTN_UNICAST
	kind := uint16(unix.RTM_DELROUTE)
	if add {
		kind = unix.RTM_NEWROUTE
		native.PutUint32(header[8:], unix.RTNH_F_ONLINK)
	}
	m := newMessage(kind, header)
	m.attrs.Uint32(unix.RTA_TABLE, r.table)
	m.addr(unix.RTA_DST, r.vip)
	m.addr(unix.RTA_GATEWAY, r.rip)
	m.attrs.Uint32(unix.RTA_OIF, uint32(r.index))
	return m
}

// found is a route of the kernel's.
type found struct {
	route
	protocol uint8
}

// inUse reports whether a table has routes of others. Without strict checks it is
// not known: the kernel would list all routes of all tables.
func (k *kernel) inUse(table uint32) (bool, error) {
	if !k.strict {
		return false, nil
	}
	routes, err := k.routes(0, table)
	return slices.ContainsFunc(routes, func(r found) bool { return r.protocol != Protocol }), err
}

// routes returns those of a protocol, 0: of any, in a table, 0: in any.
func (k *kernel) routes(protocol uint8, table uint32) (all []found, err error) {
	for _, family := range families {
		header := make([]byte, routeHeader)
		header[0], header[5] = family, protocol
		m := newMessage(unix.RTM_GETROUTE, header)
		if k.strict && table != 0 {
			m.attrs.Uint32(unix.RTA_TABLE, table)
		}
		err := k.dump(m, routeHeader, func(header []byte, attrs *netlink.AttributeDecoder) error {
			f := decodeRoute(header, attrs)
			// Without strict checks all routes come, and cached ones too.
			cached := native.Uint32(header[8:])&unix.RTM_F_CLONED != 0
			if !cached && (protocol == 0 || f.protocol == protocol) && (table == 0 || f.table == table) {
				all = append(all, f)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func decodeRoute(header []byte, attrs *netlink.AttributeDecoder) found {
	f := found{route: route{table: uint32(header[4])}, protocol: header[5]}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.RTA_TABLE:
			f.table = attrs.Uint32()
		case unix.RTA_DST:
			f.vip, _ = netip.AddrFromSlice(attrs.Bytes())
		case unix.RTA_GATEWAY:
			f.rip, _ = netip.AddrFromSlice(attrs.Bytes())
		case unix.RTA_OIF:
			f.index = int(attrs.Uint32())
		}
	}
	return f
}

// leads reports whether a route that was looked up leads to the server, by the
// interface; it returns err, unless that is errNoRoute.
func (r route) leads(server netip.Addr, index int, err error) (bool, error) {
	if errors.Is(err, errNoRoute) {
		return false, nil
	}
	return err == nil && r.rip == server.WithZone("") && r.index == index, err
}
