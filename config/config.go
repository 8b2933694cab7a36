package config

import (
	"cmp"
	"net/netip"
	"time"

	"lvsdr/frame"
	"lvsdr/healthcheck"
)

// Config is a validated director.yaml with every default filled in. It is
// immutable once Load has returned it; two loads of the same text are equal.
// An [Editor] and [Merge] make others of it.
type Config struct {
	Ingress      string       // interface on which frames to the VIPs arrive
	Egress       string       // interface on which real servers are reached
	MAC          MACMode      // which MAC the VIPs have
	RouterID     uint8        // 1..255, of the virtual MAC; 0 with MACInterface
	Guard        bool         // keep the host's kernel away from the VIPs' frames
	Conflict     ConflictMode // what to do about a VIP that another host defends
	TTL          TTLMode
	Poll         PollMode
	Send         SendMode
	Workers      int           // threads that forward
	Connections  int           // places in the connection table; an IPv6 connection takes two
	StateDir     string        // "" keeps nothing over a restart
	RestartGrace time.Duration // see docs/architecture.md, "After a restart"
	Admin        Admin
	Timeouts     Timeouts
	Compat       CompatMode
	IPVS         IPVS
	Quotas       Quotas
	VIPs         []netip.Addr // owned also while no service is on them
	Rules        string       // file of `ipvsadm -S` lines for the start; "": none
	Notify       Notify
	Services     []Service // in the file's order, then in that of their adding
	Warnings     []Error   // keys that mean nothing here, and why

	quotas Quotas           // what the file names; 0: the default
	file   string           // for the messages of CheckHost
	places map[subject]spot // of what CheckHost names
}

// MACMode says which MAC address answers for the VIPs.
type MACMode string

// The values of `mac:`.
const (
	MACInterface MACMode = "interface" // the ingress interface's own
	MACVirtual   MACMode = "virtual"   // 00-00-5E-00-01-{router_id} (RFC 9568, 7.3)
)

// ConflictMode says what happens when another host defends a VIP.
type ConflictMode string

// The values of `conflict:`.
const (
	ConflictRefuse   ConflictMode = "refuse"
	ConflictTakeover ConflictMode = "takeover"
)

// TTLMode says whether forwarding costs a hop.
type TTLMode string

// The values of `ttl:`.
const (
	TTLKeep      TTLMode = "keep"
	TTLDecrement TTLMode = "decrement"
)

// PollMode says how a worker waits for frames.
type PollMode string

// The values of `poll:`.
const (
	PollBlock    PollMode = "block"
	PollAdaptive PollMode = "adaptive"
	PollSpin     PollMode = "spin"
)

// SendMode says how a worker hands frames to the kernel.
type SendMode string

// The values of `send:`.
const (
	SendAuto   SendMode = "auto"   // AF_XDP where it can be had, else AF_PACKET
	SendPacket SendMode = "packet" // AF_PACKET, by sendmmsg
	SendXDP    SendMode = "xdp"    // AF_XDP, or not at all
)

// Admin says where the running director can be asked.
type Admin struct {
	Socket string // path of the unix socket
	Listen string // host:port of metrics and status over HTTP; "" for none
}

// Timeouts of idle connections; names and meaning of `ipvsadm --set`.
type Timeouts struct {
	TCP    time.Duration // ESTABLISHED
	TCPFin time.Duration // FIN_WAIT
	UDP    time.Duration
}

// or returns t with those of def where t has none.
func (t Timeouts) or(def Timeouts) Timeouts {
	return Timeouts{cmp.Or(t.TCP, def.TCP), cmp.Or(t.TCPFin, def.TCPFin), cmp.Or(t.UDP, def.UDP)}
}

// CompatMode says whose defaults hold where the file names no value.
type CompatMode string

// The values of `compat:`.
const (
	CompatNone CompatMode = "none"
	CompatIPVS CompatMode = "ipvs" // the kernel's
)

// IPVS are the settings that have the kernel's names (those of net.ipv4.vs.*,
// Documentation/networking/ipvs-sysctl.rst).
type IPVS struct {
	SloppyTCP               bool // any TCP segment but RST opens a connection
	SloppySCTP              bool // any SCTP packet does
	ConnReuseMode           int  // bits 1 and 2: see docs/ipvs.md
	ExpireNodestConn        bool // connections of a removed server expire at once
	ExpireQuiescentTemplate bool // a server of weight 0 loses its persistent clients
	ScheduleICMP            bool // an ICMP error about an unknown connection is scheduled
	SecureTCP               int  // 0..3
	DropEntry               int  // 0..3
	DropPacket              int  // 0..3
	AmDropRate              int  // one of so many new connections is dropped
	LBLCExpiration          time.Duration
	LBLCRExpiration         time.Duration
}

// Quotas are how much of the connection table, in percent, connections of one
// kind may take, so that a flood of them leaves room for all others. Their
// defaults depend on which services there are, so those of a Config that an
// [Editor] or [Merge] made may differ from those it was made of.
type Quotas struct {
	HalfOpen int // TCP and SCTP connections that are not established yet
	UDP      int
}

// or returns q with those of def where q has none.
func (q Quotas) or(def Quotas) Quotas {
	return Quotas{cmp.Or(q.HalfOpen, def.HalfOpen), cmp.Or(q.UDP, def.UDP)}
}

// Persistence keeps a client with its server.
type Persistence struct {
	Timeout time.Duration // 0: none
	Prefix  int           // bits of the client's address that make a client
}

// Service is one virtual service.
type Service struct {
	Name        string
	Addresses   []Address
	Protocol    Protocol
	Mark        uint32   // 0: none
	Scheduler   string   // one of scheduler.Names
	Flags       []string // of the scheduler
	Persistence Persistence
	OnePacket   bool     // no entry: each datagram is scheduled by itself (UDP)
	Timeouts    Timeouts // the global ones where the service names none
	Reject      RejectMode
	Check       healthcheck.Spec
	Dynamic     DynamicWeight `json:",omitzero"`
	OnFailure   FailureMode
	AssumeUp    bool // before the first result of a check
	SlowStart   time.Duration
	Quorum      Quorum
	SorryServer netip.Addr // invalid: none
	FailOpen    bool       // servers that fail their checks are better than none
	RealServers []RealServer
	Line        int // of the service in the file, for messages; 0: it is in none

	own  Timeouts // those that the service names; 0: the global one
	made bool     // by AddService
}

// Quorum says when a service is served, in sums of the weights of its usable
// servers: from Up on, until the sum is less than Down.
type Quorum struct{ Up, Down int }

// Address is a VIP with its ports, FirstPort..LastPort; 0..0 is any port.
type Address struct {
	Addr                netip.Addr
	FirstPort, LastPort uint16
}

// Protocol is the transport protocol of a service.
type Protocol string

// The values of `protocol:`.
const (
	TCP  Protocol = "tcp"
	UDP  Protocol = "udp"
	SCTP Protocol = "sctp"
)

// Number returns the IP protocol number.
func (p Protocol) Number() uint8 {
	switch p {
	case TCP:
		return frame.ProtocolTCP
	case UDP:
		return frame.ProtocolUDP
	case SCTP:
		return frame.ProtocolSCTP
	}
	return 0
}

// RejectMode says what a client gets that no real server can take.
type RejectMode string

// The values of `reject:`.
const (
	RejectRST  RejectMode = "rst" // TCP only; others get icmp
	RejectICMP RejectMode = "icmp"
	RejectDrop RejectMode = "drop"
)

// FailureMode says what happens to a server whose check fails.
type FailureMode string

// The values of `on_failure:`.
const (
	FailureRemove  FailureMode = "remove"  // its connections expire at once
	FailureQuiesce FailureMode = "quiesce" // weight 0, its connections go on
)

// RealServer is one real server of a service.
type RealServer struct {
	Addr         netip.Addr
	Port         uint16    // in direct routing the client's port is kept; checks go here
	MarkPort     uint16    // behind a mark, the port by which ipvsadm names the server that it added; 0: none
	Weight       int       // 0..65535
	Upper, Lower int       // thresholds of active+inactive connections; 0: none
	MAC          frame.MAC // pinned; zero: resolved
	Line         int       // in the file; 0: it is in none
}
