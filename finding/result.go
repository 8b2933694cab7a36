package finding

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

// ThisHost is the Host of a result about the machine that found it.
const ThisHost = "this host"

// Sentence is what was seen and why it matters, in one line.
func (r *Result) Sentence() string {
	if r.Why == "" {
		return r.What
	}
	return r.What + ": " + r.Why
}

// Remedy is the command and the machine, in one line, or "".
func (r *Result) Remedy() string {
	if r.Command == "" {
		return ""
	}
	return "on " + r.Host + ": " + r.Command
}
