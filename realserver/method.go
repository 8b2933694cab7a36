package realserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// MethodSysctl is the name of the method that every kernel since 2.6.4 can do.
const MethodSysctl = "sysctl"

// method is one way to make a host accept packets for VIPs silently. It only
// reads the host: what it wants is a list of reversible steps, and Apply and
// Undo treat those of all methods alike.
type method interface {
	// name is the value of --method.
	name() string
	// steps lists, in order, the changes that s lacks for o.
	steps(o Options, s *state) ([]Step, error)
	// shared lists the keys of changes that several VIPs rest on, and the
	// VIPs of o that do. They stay until the last of these is undone.
	shared(o Options, s *state) (keys []string, vips []netip.Addr, err error)
	// check judges s.
	check(o Options, s *state) ([]Finding, error)
}

var methods = []method{sysctlMethod{}, redirectMethod{}, arptablesMethod{}, hiddenMethod{}}

// Methods returns the names of all methods.
func Methods() []string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = m.name()
	}
	return names
}

// lookupMethod finds a method by its name.
func lookupMethod(name string) (method, error) {
	i := slices.IndexFunc(methods, func(m method) bool { return m.name() == name })
	if i < 0 {
		return nil, fmt.Errorf("method %q: unknown; there is %s", name, strings.Join(Methods(), ", "))
	}
	return methods[i], nil
}
