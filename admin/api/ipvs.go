package api

// Op says what a [Change] does.
type Op string

// The changes, each what an option of ipvsadm does.
const (
	AddService    Op = "add-service"    // -A
	EditService   Op = "edit-service"   // -E: scheduler, flags, persistence
	DeleteService Op = "delete-service" // -D
	Clear         Op = "clear"          // -C
	AddServer     Op = "add-server"     // -a
	EditServer    Op = "edit-server"    // -e
	DeleteServer  Op = "delete-server"  // -d
	ZeroCounters  Op = "zero"           // -Z
	SetTimeouts   Op = "set-timeouts"   // --set
)

// Change is one change of the virtual services of a running director. It lasts
// until the director is started again; a reload keeps it where the file says
// what it said before.
type Change struct {
	Op Op `json:"op"`
	// Service is the service that is changed; nil with Clear and SetTimeouts,
	// and with ZeroCounters for all services.
	Service *VirtualService `json:"service,omitempty"`
	// Server is the server that is changed, with AddServer, EditServer and
	// DeleteServer.
	Server *Destination `json:"server,omitempty"`
	// Timeouts are what SetTimeouts sets; 0 leaves one as it is.
	Timeouts *Timeouts `json:"timeouts,omitempty"`
}

// VirtualService is a service as ipvsadm names it: by protocol and address, or
// by a mark. What is not its name matters to AddService and EditService only.
type VirtualService struct {
	Protocol string `json:"protocol,omitempty"` // "tcp", "udp" or "sctp"; "" with a mark
	Address  string `json:"address,omitempty"`  // "192.0.2.10:80", "[2001:db8::10]:80"; port 0: any
	Mark     uint32 `json:"mark,omitempty"`

	Scheduler   string   `json:"scheduler,omitempty"`
	Flags       []string `json:"flags,omitempty"`       // of the scheduler: "sh-port", ...
	Persistence int      `json:"persistence,omitempty"` // seconds; 0: none
	Prefix      int      `json:"prefix,omitempty"`      // of the clients that persistence takes for one, in bits; 0: whole addresses
	OnePacket   bool     `json:"one_packet,omitempty"`
}

// Destination is a real server of a [VirtualService].
type Destination struct {
	Address string `json:"address"` // "192.0.2.21:80", "[2001:db8::21]:80"
	Weight  int    `json:"weight"`
	Upper   int    `json:"upper,omitempty"` // thresholds; 0: none
	Lower   int    `json:"lower,omitempty"`
}

// Timeouts of idle connections in seconds, as `ipvsadm --set` has them.
type Timeouts struct {
	TCP    int `json:"tcp"`
	TCPFin int `json:"tcpfin"`
	UDP    int `json:"udp"`
}

// Changes are made in their order, up to the first that is refused.
type Changes []Change

// The codes by which an [Error] says why a change was refused.
const (
	CodeServiceExists = "service-exists"
	CodeNoService     = "no-service"
	CodeServerExists  = "server-exists"
	CodeNoServer      = "no-server"
	CodeInvalid       = "invalid" // the message says what is wrong
)

// Changed says how many of the [Changes] were made.
type Changed struct {
	Applied int `json:"applied"`
}

// Connection is an entry of the connection table.
type Connection struct {
	Service  string `json:"service"` // name
	Protocol string `json:"protocol"`
	Client   string `json:"client"` // address and port; port 0 in a template
	VIP      string `json:"vip"`    // address and port
	Server   string `json:"server"` // address and port
	State    string `json:"state"`  // as ipvsadm prints it
	Expires  int    `json:"expires"`
	// Template is set for the memory of a persistent service: its state is
	// NONE or ASSURED.
	Template bool `json:"template,omitempty"`
	// Mark is set, instead of an address in VIP, in the template of a service
	// that has a mark.
	Mark uint32 `json:"mark,omitempty"`
}

// ConnectionFilter chooses connections; the zero value takes all.
type ConnectionFilter struct {
	Client    string // address or ADDRESS/BITS, and maybe a port
	VIP       string // address, and maybe a port
	Server    string // address
	Service   string // name
	State     string // as ipvsadm prints it
	Templates bool   // only the memory of persistent services
}

// Why explains what the director would do with a packet that opens, or
// belongs to, a connection.
type Why struct {
	Protocol string `json:"protocol"`
	Client   string `json:"client"`
	VIP      string `json:"vip"`
	// Verdict is what would become of the packet: the words of [Verdict].
	Verdict string `json:"verdict"`
	// Steps are the decisions on the packet's way, in their order.
	Steps []WhyStep `json:"steps"`
	// Server and MAC are where it would go; "" if nowhere.
	Server string `json:"server,omitempty"`
	MAC    string `json:"mac,omitempty"`
	// Changes are what an operator could do to change it.
	Changes []string `json:"changes,omitempty"`
}

// WhyStep is one decision.
type WhyStep struct {
	Step   string `json:"step"` // "vip", "service", "entry", "template", "schedule", "mac"
	Result string `json:"result"`
}
