package config

import "slices"

// grammar names the keys of one mapping.
type grammar struct {
	name string   // of the mapping, in messages
	keys []string // in the order of the documentation
	idle []string // keys that are taken, and mean nothing
}

// The mappings of a director.yaml.
var (
	rootKeys = grammar{
		name: "director.yaml",
		keys: []string{
			"ingress", "egress", "mac", "router_id", "guard", "conflict", "ttl", "poll", "send", "workers",
			"connections", "quotas", "state_dir", "restart_grace", "admin", "timeouts", "compat", "ipvs",
			"vips", "rules", "notify", "services",
		},
	}
	adminKeys    = grammar{name: "admin", keys: []string{"socket", "listen"}}
	timeoutsKeys = grammar{name: "timeouts", keys: []string{"tcp", "tcpfin", "udp"}}
	quotasKeys   = grammar{name: "quotas", keys: []string{"half_open", "udp"}}
	ipvsKeys     = grammar{
		name: "ipvs",
		keys: []string{
			"sloppy_tcp", "sloppy_sctp", "conn_reuse_mode", "expire_nodest_conn", "expire_quiescent_template",
			"schedule_icmp", "secure_tcp", "drop_entry", "drop_packet", "am_droprate", "lblc_expiration",
			"lblcr_expiration",
		},
		idle: idleNames(),
	}
	serviceKeys = grammar{
		name: "a service",
		keys: []string{
			"name", "address", "protocol", "mark", "scheduler", "flags", "persistence", "one_packet", "timeouts",
			"reject", "check", "dynamic_weight", "on_failure", "assume", "slow_start", "quorum", "sorry_server", "fail_open", "real_servers",
		},
	}
	quorumKeys      = grammar{name: "quorum", keys: []string{"up", "down"}}
	persistenceKeys = grammar{name: "persistence", keys: []string{"timeout", "netmask"}}
	checkKeys       = grammar{
		name: "a check",
		keys: slices.Concat([]string{"kind", "via", "port"}, timeKeys, kindKeys),
	}
	realServerKeys = grammar{
		name: "a real server",
		keys: []string{"address", "weight", "upper", "lower", "mac"},
	}
)

// kindKeys are the keys of a check that only some kinds know.
var kindKeys = []string{
	"method", "path", "host", "headers", "status", "body", "redirects", "version", "reuse",
	"tls", "starttls", "server_name", "ca", "insecure", "expiry",
	"send", "expect", "name", "type", "rcode", "answer", "helo", "service",
	"command", "user", "directory", "environment", "dynamic", "file",
}
