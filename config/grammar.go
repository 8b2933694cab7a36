package config

// notYet is what is said of all that docs/configuration.md lists as refused.
const notYet = "is not supported by this version"

// grammar names the keys of one mapping.
type grammar struct {
	name  string   // of the mapping, in messages
	keys  []string // in the order of the documentation
	later []string // keys that this version refuses
}

// The mappings of a director.yaml.
var (
	rootKeys = grammar{
		name: "director.yaml",
		keys: []string{
			"ingress", "egress", "mac", "router_id", "guard", "conflict", "ttl", "poll", "workers",
			"connections", "state_dir", "restart_grace", "admin", "timeouts", "compat", "services",
		},
		later: []string{"ipvs", "rules"},
	}
	adminKeys    = grammar{name: "admin", keys: []string{"socket", "listen"}}
	timeoutsKeys = grammar{name: "timeouts", keys: []string{"tcp", "tcpfin", "udp"}}
	serviceKeys  = grammar{
		name: "a service",
		keys: []string{
			"name", "address", "protocol", "mark", "scheduler", "flags", "one_packet", "timeouts",
			"reject", "check", "on_failure", "assume", "real_servers",
		},
		later: []string{"persistence", "quorum", "sorry_server", "slow_start"},
	}
	checkKeys = grammar{
		name: "a check",
		keys: []string{
			"kind", "via", "port", "every", "timeout", "rise", "fall", "path", "host", "status", "body",
		},
	}
	realServerKeys = grammar{
		name: "a real server",
		keys: []string{"address", "weight", "upper", "lower", "mac"},
	}
)

// httpKeys are the keys of a check that only http understands.
var httpKeys = []string{"path", "host", "status", "body"}

// What users of IPVS and of other health checkers may ask for before this
// version has it: worth another answer than a slip of the finger.
var laterKinds = []string{
	"tcp", "tls", "http", "https", "udp", "dns", "icmp", "arp", "smtp", "grpc", "exec", "file",
}
