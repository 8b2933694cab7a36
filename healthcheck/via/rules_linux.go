package via

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ruleHeader is the size of struct fib_rule_hdr: family, lengths of the prefixes,
// TOS, table, two reserved bytes, action, flags.
const ruleHeader = 12

func (r rule) message(add bool) message {
	header := make([]byte, ruleHeader)
	header[0] = unix.AF_INET
	if r.v6 {
		header[0] = unix.AF_INET6
	}
	header[7] = byte(r.action)
	kind := uint16(unix.RTM_DELRULE)
	if add {
		kind = unix.RTM_NEWRULE
	}
	m := newMessage(kind, header)
	m.attrs.Uint32(unix.FRA_PRIORITY, r.priority)
	m.attrs.Uint8(unix.FRA_PROTOCOL, Protocol)
	if r.mask != 0 {
		m.attrs.Uint32(unix.FRA_FWMARK, r.mark)
		m.attrs.Uint32(unix.FRA_FWMASK, r.mask)
	}
	switch r.action {
	case lookup:
		m.attrs.Uint32(unix.FRA_TABLE, r.to)
	case jump:
		m.attrs.Uint32(unix.FRA_GOTO, r.to)
	}
	return m
}

// rules returns the rules of this package, and the others.
func (k *kernel) rules() (ours []rule, others []foreign, err error) {
	for _, family := range families {
		header := make([]byte, ruleHeader)
		header[0] = family
		err := k.dump(newMessage(unix.RTM_GETRULE, header), ruleHeader, func(header []byte, attrs *netlink.AttributeDecoder) error {
			r, protocol := decodeRule(header, attrs)
			if protocol == Protocol {
				ours = append(ours, r)
			} else {
				f := foreign{priority: r.priority, mark: r.mark, mask: r.mask}
				if r.action == lookup {
					f.table = r.to
				}
				others = append(others, f)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return ours, others, nil
}

func decodeRule(header []byte, attrs *netlink.AttributeDecoder) (r rule, protocol uint8) {
	r = rule{v6: header[0] == unix.AF_INET6, action: action(header[7])}
	to := map[uint16]uint32{unix.FRA_TABLE: uint32(header[4])}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.FRA_PRIORITY:
			r.priority = attrs.Uint32()
		case unix.FRA_FWMARK:
			r.mark = attrs.Uint32()
		case unix.FRA_FWMASK:
			r.mask = attrs.Uint32()
		case unix.FRA_TABLE, unix.FRA_GOTO:
			to[attrs.Type()] = attrs.Uint32()
		case unix.FRA_PROTOCOL:
			protocol = attrs.Uint8()
		}
	}
	switch r.action {
	case lookup:
		r.to = to[unix.FRA_TABLE]
	case jump:
		r.to = to[unix.FRA_GOTO]
	}
	return r, protocol
}
