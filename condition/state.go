package condition

import "fmt"

// State is what a real server is for its service.
type State uint8

// The states. Unknown is the zero value.
const (
	Unknown     State = iota // no result yet: neither used nor counted as dead
	Up                       // takes new connections
	Down                     // fails its checks, or has failed too often
	Warming                  // is back, and takes a growing part of its share
	Draining                 // takes no new connections, until it has none left
	Maintenance              // an operator took it out of service, or it is drained
)

var stateNames = [...]string{
	Unknown: "unknown", Up: "up", Down: "down", Warming: "warming", Draining: "draining", Maintenance: "maintenance",
}

// States are the names of all states, as String returns them.
func States() []string { return append([]string(nil), stateNames[:]...) }

// String returns the name: "unknown", "up", "down", "warming", "draining" or
// "maintenance".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// InUse reports whether a server in this state takes new connections.
func (s State) InUse() bool { return s == Up || s == Warming }

// MarshalText returns String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a state of a real server", text)
}
