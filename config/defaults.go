package config

import (
	"time"

	"lvsdr/healthcheck"
)

// What stands in for a key of a service that is left out. docs/director.yaml
// documents each one, and a test compares.
const (
	defaultScheduler = "wlc"
	defaultWeight    = 1
	kindNone         = "none"
	kindHTTP         = "http"
)

// defaults is the Config of a file without a key, except that Egress follows
// Ingress, which has no default.
func defaults() *Config {
	return &Config{
		MAC:          MACInterface,
		Guard:        true,
		Conflict:     ConflictRefuse,
		TTL:          TTLKeep,
		Poll:         PollAdaptive,
		Workers:      1,
		Connections:  1_000_000,
		StateDir:     "/var/lib/director",
		RestartGrace: time.Minute,
		Admin:        Admin{Socket: "/run/director/director.sock"},
		Compat:       CompatNone,
		IPVS:         IPVS{ConnReuseMode: 1, ExpireNodestConn: true, AmDropRate: 10, LBLCExpiration: 24 * time.Hour, LBLCRExpiration: 24 * time.Hour},
		Quotas:       Quotas{HalfOpen: 25, UDP: 50},
		Timeouts:     Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute},
	}
}

// defaultCheck is the check of a service that names none: a TCP service can
// be connected to, of another nothing can be asked that every server answers.
func defaultCheck(p Protocol) healthcheck.Spec {
	spec := healthcheck.Defaults()
	if p != TCP {
		spec.Kind = kindNone
	}
	return spec
}

// defaultReject is the refusal that a client of the protocol understands.
func defaultReject(p Protocol) RejectMode {
	if p == TCP {
		return RejectRST
	}
	return RejectICMP
}
