package config

import (
	"time"

	"lvsdr/healthcheck"
)

// What stands in for a key of a service that is left out. docs/director.yaml
// documents each one, and a test compares.
const (
	defaultScheduler   = "wlc"
	defaultWeight      = 1
	defaultPersistence = 5 * time.Minute // of ipvsadm -p (IPVS_SVC_PERSISTENT_TIMEOUT)
	kindNone           = "none"
	kindARP            = "arp"
)

// defaults is the Config of a file without a key but compat, except that
// Egress follows Ingress, which has no default, and that settle has not been
// called.
func defaults(compat CompatMode) *Config {
	c := &Config{
		MAC:          MACInterface,
		Guard:        true,
		Conflict:     ConflictRefuse,
		TTL:          TTLKeep,
		Poll:         PollAdaptive,
		Send:         SendAuto,
		Workers:      1,
		Connections:  1_000_000,
		StateDir:     "/var/lib/director",
		RestartGrace: time.Minute,
		Admin:        Admin{Socket: "/run/director/director.sock"},
		Timeouts:     Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute},
		Compat:       compat,
		IPVS: IPVS{
			ConnReuseMode:    1,
			ExpireNodestConn: true,
			AmDropRate:       10,
			LBLCExpiration:   24 * time.Hour,
			LBLCRExpiration:  24 * time.Hour,
		},
	}
	if compat == CompatIPVS {
		c.TTL, c.RestartGrace, c.IPVS.ExpireNodestConn = TTLDecrement, 0, false
	}
	return c
}

// settle fills in what depends on other keys, or on which services there are:
// the quotas, and the timeouts of services that name none.
func (c *Config) settle() {
	c.Quotas = c.quotas.or(c.defaultQuotas())
	for i := range c.Services {
		s := &c.Services[i]
		s.Timeouts = s.own.or(c.Timeouts)
	}
}

// defaultQuotas leave a director of UDP services alone all of its table, and
// everybody who asks for the kernel's ways, since it knows no quotas.
func (c *Config) defaultQuotas() Quotas {
	if c.Compat == CompatIPVS {
		return Quotas{HalfOpen: 100, UDP: 100}
	}
	for i := range c.Services {
		if c.Services[i].Protocol != UDP {
			return Quotas{HalfOpen: 25, UDP: 50}
		}
	}
	return Quotas{HalfOpen: 25, UDP: 100}
}

// defaultCheck is the check of a service that names none: a TCP service can
// be connected to, of another nothing can be asked that every server answers.
// The kernel checks nothing.
func (c *Config) defaultCheck(p Protocol) healthcheck.Spec {
	spec := healthcheck.Defaults()
	if p != TCP || c.Compat == CompatIPVS {
		spec.Kind = kindNone
	}
	return spec
}

// defaultReject is the refusal that a client of the protocol understands. The
// kernel sends ICMP port unreachable, for TCP too.
func (c *Config) defaultReject(p Protocol) RejectMode {
	if p == TCP && c.Compat != CompatIPVS {
		return RejectRST
	}
	return RejectICMP
}
