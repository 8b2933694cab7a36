package realserver

import "slices"

// glance is a host at one moment, for reading: what was read once is not read
// again. It remembers which sysctls somebody wanted to know.
type glance struct {
	Host
	sysctls map[string]reading
	links   memo[[]Link]
	addrs   memo[[]Address]
}

// reading is what a sysctl was.
type reading struct {
	value string
	err   error
}

// memo is an answer once there is one.
type memo[T any] struct {
	value T
	err   error
	there bool
}

func (m *memo[T]) get(read func() (T, error)) (T, error) {
	if !m.there {
		m.value, m.err = read()
		m.there = true
	}
	return m.value, m.err
}

func newGlance(h Host) *glance { return &glance{Host: h, sysctls: map[string]reading{}} }

// ReadSysctl implements Host.
func (g *glance) ReadSysctl(key string) (string, error) {
	r, ok := g.sysctls[key]
	if !ok {
		r.value, r.err = g.Host.ReadSysctl(key)
		g.sysctls[key] = r
	}
	return r.value, r.err
}

// Links implements Host.
func (g *glance) Links() ([]Link, error) {
	links, err := g.links.get(g.Host.Links)
	return slices.Clone(links), err
}

// Addresses implements Host.
func (g *glance) Addresses() ([]Address, error) {
	addrs, err := g.addrs.get(g.Host.Addresses)
	return slices.Clone(addrs), err
}

// outdated says whether one of the sysctls is not what it was. This is cheap: the
// kernel does not tell of most of them, so they are compared again and again.
func (g *glance) outdated() bool {
	for key, was := range g.sysctls {
		value, err := g.Host.ReadSysctl(key)
		if value != was.value || (err == nil) != (was.err == nil) {
			return true
		}
	}
	return false
}
