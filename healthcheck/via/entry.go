package via

import (
	"fmt"
	"net"
	"net/netip"
)

// entry is something in the kernel's tables. Entries are comparable; those that
// are equal are one.
type entry interface {
	// order is in which order entries are added: what a rule leads to comes
	// before it.
	order() int
	String() string
}

// rule is one of the routing policy database, of this package.
type rule struct {
	v6       bool
	priority uint32
	action   action
	mark     uint32
	mask     uint32 // 0: for all packets
	to       uint32 // the table, or the priority that a jump leads to
}

// action is what a rule does.
type action uint8

// As in the kernel's linux/fib_rules.h, FR_ACT_*.
const (
	lookup action = 1
	jump   action = 2
	nop    action = 3
)

// route leads to a VIP through a real server.
type route struct {
	table uint32
	vip   netip.Addr
	rip   netip.Addr
	index int // of the interface
}

// neighbor is where a real server with a pinned MAC address is.
type neighbor struct {
	addr  netip.Addr
	mac   MAC
	index int
}

// MAC is a hardware address; zero: none.
type MAC [6]byte

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

func (neighbor) order() int { return 0 }
func (route) order() int    { return 1 }

// order: the rule that spares others the rest comes first, and leads somewhere.
func (r rule) order() int {
	switch {
	case r.action == nop:
		return 2
	case r.action == jump && r.mark == 0:
		return 3
	case r.action == lookup:
		return 4
	}
	return 5 // to a block
}

func (r rule) String() string {
	text := fmt.Sprintf("ip rule priority %d", r.priority)
	if r.mask != 0 {
		text += fmt.Sprintf(" fwmark %#x/%#x", r.mark, r.mask)
	}
	switch r.action {
	case lookup:
		return fmt.Sprintf("%s lookup %d", text, r.to)
	case jump:
		return fmt.Sprintf("%s goto %d", text, r.to)
	}
	return text + " nop"
}

func (r route) String() string {
	return fmt.Sprintf("ip route %v via %v onlink table %d", r.vip, r.rip, r.table)
}

func (n neighbor) String() string {
	return fmt.Sprintf("ip neigh %v lladdr %v nud permanent", n.addr, n.mac)
}
