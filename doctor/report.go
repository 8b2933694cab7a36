package doctor

// Report is what was found, in the order in which it was looked at: this host, the
// VIPs, the real servers.
type Report struct {
	Interface string   `json:"interface"`
	Healthy   bool     `json:"healthy"` // nothing is wrong
	Results   []Result `json:"results"`
}

// Verdict says what a result means.
type Verdict string

// The verdicts.
const (
	OK    Verdict = "ok"
	Wrong Verdict = "wrong" // a finding
	// Unknown: could not be found out, for a reason that need not be wrong.
	Unknown Verdict = "unknown"
)

// Result is one thing that was looked at.
type Result struct {
	Verdict Verdict `json:"verdict"`
	Kind    Kind    `json:"kind"`
	VIP     string  `json:"vip,omitempty"`         // address, if it is about one
	Server  string  `json:"real_server,omitempty"` // address, if it is about one
	MAC     string  `json:"mac,omitempty"`         // address that it is about
	What    string  `json:"what"`                  // was seen
	Why     string  `json:"why,omitempty"`         // it matters
	Host    string  `json:"host,omitempty"`        // on which to run Command
	Command string  `json:"command,omitempty"`     // for a shell: mends it, or shows more
}

// Kind names what a result is about. Programs may rely on the words.
type Kind string

// The kinds. Of each, docs/doctor.md says what it means.
const (
	HostKernel      Kind = "host-kernel"
	HostRedirects   Kind = "host-redirects"
	HostReversePath Kind = "host-reverse-path"
	HostOffload     Kind = "host-offload"
	HostBridge      Kind = "host-bridge"
	HostUnreadable  Kind = "host-unreadable"
	VIPOwner        Kind = "vip-owner"
	VIPAtServer     Kind = "vip-answered-by-real-server"
	VIPElsewhere    Kind = "vip-answered-by-another-host"
	VIPUnanswered   Kind = "vip-unanswered"
	ServerAbsent    Kind = "server-absent"
	ServerHere      Kind = "server-is-this-host"
	ServerAddress   Kind = "server-address-twice"
	ServerPinned    Kind = "server-pinned-mac"
	ServerMAC       Kind = "servers-share-mac"
	ServerAccepts   Kind = "server-takes-vip"
	ServerLacksVIP  Kind = "server-lacks-vip"
	ServerForwards  Kind = "server-forwards-vip"
	ServerPassesOn  Kind = "server-passes-vip-on"
	ServerRejects   Kind = "server-rejects-vip"
	ServiceRefused  Kind = "service-refused"
	ServiceSilent   Kind = "service-silent"
	PathMTU         Kind = "path-mtu"
	PathMTUUntested Kind = "path-mtu-untested"
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{
		HostKernel, HostRedirects, HostReversePath, HostOffload, HostBridge, HostUnreadable,
		VIPOwner, VIPAtServer, VIPElsewhere, VIPUnanswered,
		ServerAbsent, ServerHere, ServerAddress, ServerPinned, ServerMAC,
		ServerAccepts, ServerLacksVIP, ServerForwards, ServerPassesOn, ServerRejects,
		ServiceRefused, ServiceSilent, PathMTU, PathMTUUntested,
	}
}

// Findings returns the results that are wrong.
func (r *Report) Findings() []Result {
	var wrong []Result
	for _, result := range r.Results {
		if result.Verdict == Wrong {
			wrong = append(wrong, result)
		}
	}
	return wrong
}

// add appends results and judges the whole anew.
func (r *Report) add(results ...Result) {
	r.Results = append(r.Results, results...)
	r.Healthy = len(r.Findings()) == 0
}
