package config

import (
	"net/netip"
	"reflect"
	"slices"
)

// Equal reports whether both mean the same: comments, order of keys and of
// vips, values that are the default, warnings, and places in the file make no
// difference.
func (c *Config) Equal(o *Config) bool {
	if c == nil || o == nil {
		return c == o
	}
	return reflect.DeepEqual(c.meaning(), o.meaning())
}

// Equal reports whether both services mean the same, wherever they stand.
func (s Service) Equal(o Service) bool {
	return reflect.DeepEqual(s.meaning(), o.meaning())
}

// Equal reports whether both real servers mean the same, wherever they stand.
func (r RealServer) Equal(o RealServer) bool {
	r.Line, o.Line = 0, 0
	return r == o
}

// meaning is c without what only messages, and later changes, need.
func (c *Config) meaning() Config {
	m := *c
	m.file, m.places, m.Warnings, m.quotas = "", nil, nil, Quotas{}
	m.VIPs = slices.SortedFunc(slices.Values(c.VIPs), netip.Addr.Compare)
	m.Services = make([]Service, len(c.Services))
	for i, s := range c.Services {
		m.Services[i] = s.meaning()
	}
	return m
}

func (s Service) meaning() Service {
	s.Line, s.own, s.made = 0, Timeouts{}, false
	s.Flags = slices.Concat(s.Flags) // nil if empty
	servers := make([]RealServer, len(s.RealServers))
	for i, r := range s.RealServers {
		r.Line = 0
		servers[i] = r
	}
	s.RealServers = servers
	return s
}

// NeedRestart returns the keys in which next differs from the running c and
// which a reload cannot change, in the order of the documentation.
func (c *Config) NeedRestart(next *Config) []string {
	var keys []string
	for _, k := range []struct {
		key     string
		differs bool
	}{
		{"ingress", c.Ingress != next.Ingress},
		{"egress", c.Egress != next.Egress},
		{"mac", c.MAC != next.MAC},
		{"router_id", c.RouterID != next.RouterID},
		{"workers", c.Workers != next.Workers},
		{"connections", c.Connections != next.Connections},
		{"conflict", c.Conflict != next.Conflict},
		{"poll", c.Poll != next.Poll},
		{"send", c.Send != next.Send},
		{"state_dir", c.StateDir != next.StateDir},
		{"restart_grace", c.RestartGrace != next.RestartGrace},
		{"rules", c.Rules != next.Rules},
	} {
		if k.differs {
			keys = append(keys, k.key)
		}
	}
	return keys
}
