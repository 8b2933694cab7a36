package dataplane

// Settings are what IPVS lets an operator choose about connections
// (Documentation/networking/ipvs-sysctl.rst), and the shares of the connection
// table. They can be changed while workers run.
type Settings struct {
	DecrementTTL bool // forwarding costs a hop

	SloppyTCP               bool // any TCP segment but RST opens a connection
	SloppySCTP              bool // any SCTP packet does
	ConnReuseMode           int  // bits ReuseClosed, ReuseFinWait
	ExpireNodestConn        bool // connections of a removed server expire at once
	ExpireQuiescentTemplate bool // a server of weight 0 loses its persistent clients
	ScheduleICMP            bool // an ICMP error about an unknown connection is scheduled
	SecureTCP               Defence
	DropEntry               Defence
	DropPacket              Defence
	DropRate                int // DropPacket: one of so many new connections

	// HalfOpenQuota and UDPQuota are how much of the table, in percent, those
	// connections may take; 0: all of it.
	HalfOpenQuota, UDPQuota int
}

// The bits of Settings.ConnReuseMode.
const (
	ReuseClosed  = 1 // a SYN in TIME_WAIT or CLOSE is scheduled anew
	ReuseFinWait = 2 // in FIN_WAIT too
)

// Defence says when a defence against floods is up: the values of the kernel's
// drop_entry, drop_packet and secure_tcp.
type Defence uint8

// The defences. The kernel's 2 is 1 while the memory is short; here it is taken
// for 1.
const (
	Never     Defence = 0
	Automatic Defence = 1 // while the table is nearly full
	Always    Defence = 3
)
