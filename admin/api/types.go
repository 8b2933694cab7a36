package api

import "time"

// Status is the state of a director at one moment. Counters count since its
// start.
type Status struct {
	Version     string      `json:"version"`
	Started     time.Time   `json:"started"`
	Now         time.Time   `json:"now"`
	ConfigFile  string      `json:"config_file"`
	ConfigSince time.Time   `json:"config_since"` // when the present configuration was loaded
	Timeouts    Timeouts    `json:"timeouts"`     // of services that name none
	Guard       string      `json:"guard"`        // "on", "off" or "missing": on, but somebody removed it
	Interfaces  []Interface `json:"interfaces"`
	VIPs        []VIP       `json:"vips"`
	Services    []Service   `json:"services"`
	Connections Connections `json:"connections"`
	Frames      Frames      `json:"frames"`
	Fragments   Fragments   `json:"fragments"`
	Memory      Memory      `json:"memory"`
	Alarms      []Alarm     `json:"alarms"`
	// Notifications say what became of events that others are told of.
	Notifications []Notifications `json:"notifications,omitempty"`
}

// Interface is one of the director's interfaces.
type Interface struct {
	Name  string `json:"name"`
	Role  string `json:"role"` // "ingress", "egress" or "both"
	MAC   string `json:"mac"`
	MTU   int    `json:"mtu"`
	State string `json:"state"` // "up", "down", "no carrier" or "gone"
}

// VIP is a virtual IP address on the ingress segment.
type VIP struct {
	Address   string     `json:"address"`
	State     string     `json:"state"` // "probing", "announcing", "owned" or "refused"
	Since     time.Time  `json:"since"`
	MAC       string     `json:"mac"`                  // that answers for it
	RefusedBy string     `json:"refused_by,omitempty"` // who has a refused VIP
	Claimants []Claimant `json:"claimants,omitempty"`
}

// Claimant is another host that was seen claiming a VIP.
type Claimant struct {
	MAC        string    `json:"mac"`
	RealServer string    `json:"real_server,omitempty"` // its name, if it is one of ours
	How        string    `json:"how"`                   // "reply", "announcement", "request" or "probe"
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Count      uint64    `json:"count"`
}

// Service is a virtual service.
type Service struct {
	Name      string   `json:"name"`
	Protocol  string   `json:"protocol"` // "tcp", "udp" or "sctp"
	Addresses []string `json:"addresses"`
	Scheduler string   `json:"scheduler"`
	Flags     []string `json:"flags,omitempty"`
	Reject    string   `json:"reject"`
	Mark      uint32   `json:"mark,omitempty"`
	// Persistence is how many seconds a client stays with its server; 0: it
	// does not. Prefix is how many bits of its address make a client.
	Persistence int          `json:"persistence,omitempty"`
	Prefix      int          `json:"prefix,omitempty"`
	OnePacket   bool         `json:"one_packet,omitempty"`
	Timeouts    Timeouts     `json:"timeouts"`
	Servers     []RealServer `json:"servers"`
	// Quorum says who serves, and SorryServer who does while Servers are too few;
	// nil: nobody.
	Quorum      Quorum      `json:"quorum"`
	SorryServer *RealServer `json:"sorry_server,omitempty"`
	// Total is what went to its servers, those that it has no more included,
	// since it was made, or its counters were set to zero (ipvsadm -Z).
	Total Counts `json:"total"`
}

// Quorum is how many servers a service needs, in sums of their weights.
type Quorum struct {
	Up   int `json:"up"`   // served from here on
	Down int `json:"down"` // not served below
	// Weight is the sum now, of servers that are up or warming and can be reached.
	Weight int `json:"weight"`
	// Plan is who serves: "normal": the servers that are up; "waiting": nobody yet;
	// and without a quorum "sorry": the sorry server; "few": those that are up all the
	// same; "open": those that fail their checks; "refused": nobody.
	Plan string `json:"plan"`
}

// RealServer is a real server of a service. Rates are of the last second.
type RealServer struct {
	Address    string `json:"address"`           // of the server, with the service's port if that is one
	Weight     int    `json:"weight"`            // effective
	Configured int    `json:"configured_weight"` // or that of an order in its place
	Upper      int    `json:"upper,omitempty"`   // thresholds; 0: none
	Lower      int    `json:"lower,omitempty"`
	// State is what the server is for its service: "unknown", "up", "down",
	// "warming", "draining" or "maintenance"; a sorry server is "up" while it serves,
	// else "standby". Reason is why, for people. Until is
	// when it ends by itself; zero: it does not. Share is which part of its weight the
	// server has, in percent.
	State      string    `json:"state"`
	StateSince time.Time `json:"state_since"`
	Reason     string    `json:"reason,omitempty"`
	Until      time.Time `json:"until,omitzero"`
	Share      int       `json:"share"`
	// Load is which part of its weight the server has by what it says of its load; nil:
	// its weight is not dynamic.
	Load *ServerLoad `json:"load,omitempty"`
	// Orders are those that hold: at most one of Drain and Disable, and one of
	// SetWeight.
	Orders       []Order   `json:"orders,omitempty"`
	Health       string    `json:"health"` // what the checks say: "unknown", "up" or "down"
	Since        time.Time `json:"since"`  // of the health
	Check        string    `json:"check"`  // last result, for people
	MAC          string    `json:"mac"`    // "" while it is not known
	MACState     string    `json:"mac_state"`
	Active       int       `json:"active"`
	Inactive     int       `json:"inactive"`
	Persistent   int       `json:"persistent"` // templates
	Connections  uint64    `json:"connections"`
	Packets      uint64    `json:"packets"`
	Bytes        uint64    `json:"bytes"`
	ConnectionsS float64   `json:"connections_per_second"`
	PacketsS     float64   `json:"packets_per_second"`
	BytesS       float64   `json:"bytes_per_second"`
	// Zero is what Connections, Packets and Bytes were when an operator last
	// set them to zero (ipvsadm -Z): nothing here goes back.
	Zero Counts `json:"zero"`
}

// ServerLoad is which part of its weight a server has by what it says of its load, in
// percent.
type ServerLoad struct {
	Part int  `json:"part"`           // that it has, 0..100
	Says *int `json:"says,omitempty"` // that it asked for last; nil: it says nothing
}

// Counts are what went to a server.
type Counts struct {
	Connections uint64 `json:"connections"`
	Packets     uint64 `json:"packets"`
	Bytes       uint64 `json:"bytes"`
}

// Connections is the fill of the connection table.
type Connections struct {
	Capacity    int    `json:"capacity"` // places; an IPv6 connection takes two
	Used        int    `json:"used"`
	Connections int    `json:"connections"`
	IPv6        int    `json:"ipv6"`
	HalfOpen    int    `json:"half_open"`      // TCP and SCTP, not established, and templates of such
	HalfOpenUse int    `json:"half_open_used"` // places that these take, of their quota
	UDP         int    `json:"udp"`
	UDPUse      int    `json:"udp_used"`
	Templates   int    `json:"templates"` // of persistent services
	Bytes       int    `json:"bytes"`     // of memory
	Inserted    uint64 `json:"inserted"`
	Refused     uint64 `json:"refused"` // found no place; forwarded all the same
}

// Frames counts what came in on the ingress interface. Received is the sum of
// Verdicts but for those of kind "extra", which count what was sent beside; what the ring lost is not among them.
type Frames struct {
	Received uint64    `json:"received"`
	Lost     uint64    `json:"lost"` // the ring was full
	Verdicts []Verdict `json:"verdicts"`
}

// Fragments are those of IP datagrams of which some have come and others have
// not.
type Fragments struct {
	Datagrams int    `json:"datagrams"` // not yet complete
	Waiting   int    `json:"waiting"`   // fragments that came before the first of their datagram
	Bytes     int64  `json:"bytes"`     // that these take
	Released  uint64 `json:"released"`  // sent after they had waited
	Lost      uint64 `json:"lost"`      // had waited in vain
	Completed uint64 `json:"completed"` // datagrams
	Expired   uint64 `json:"expired"`   // datagrams
}

// Verdict counts the frames with one verdict; those that no frame got are left
// out.
type Verdict struct {
	Kind   string `json:"kind"`   // "forward", "ignore", "reply", "hold", "extra" or "drop"
	Reason string `json:"reason"` // see docs/operations.md
	Frames uint64 `json:"frames"`
}

// Alarm is something that an operator should act on, and that lasts.
type Alarm struct {
	Since  time.Time `json:"since"`
	Kind   string    `json:"kind,omitempty"` // that of the doctor for the same; see docs/doctor.md
	What   string    `json:"what"`
	Remedy string    `json:"remedy"`
}

// Reload says what a reload did.
type Reload struct {
	// Changed is false if the file says what it said before.
	Changed bool `json:"changed"`
	// NeedRestart names the keys whose change takes effect with the next start.
	NeedRestart []string `json:"need_restart,omitempty"`
	// Problem is what could not be changed although all else was.
	Problem string `json:"problem,omitempty"`
}

// Error is what a failed request returns.
type Error struct {
	Message string `json:"error"`
	// Code and Applied are of a refused change.
	Code    string `json:"code,omitempty"`
	Applied int    `json:"applied,omitempty"` // how many changes were made before it
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
