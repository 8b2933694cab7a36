package healthcheck

import (
	"slices"
	"time"
)

// Spec says what to probe and how often. It is plain data: two specs that are
// equal may share one probe.
type Spec struct {
	Kind    string        // a name of Kinds: "tcp", "http", "none"
	Via     string        // whom it asks: ViaVIP or ViaReal
	Port    uint16        // 0: the real server's port
	Every   time.Duration // start to start
	Timeout time.Duration // of one probe, at most Every and EveryDown
	Rise    int           // successes in a row until up
	Fall    int           // failures in a row until down

	EveryDown        time.Duration `json:",omitempty"` // Every while the server is down; 0: Every
	Jitter           int           `json:",omitempty"` // by how many percent intervals may be shorter, by chance: to MaxJitter
	Retry            int           `json:",omitempty"` // after so many failures in a row the next probe comes sooner: less than Fall
	DelayBeforeRetry time.Duration `json:",omitempty"` // how soon: from the failure to the next probe

	// The rest belongs to single kinds: kinds.go has which. What is set, and the
	// kind does not know, is a mistake.

	Path      string // http, https: request target, default "/"
	Host      string // http, https, grpc: Host header, default the address that is asked
	Status    string // http, https: accepted codes, "200-399" or "200,301-302"; default "200-399"
	Body      string // http, https: regexp (RE2) that the body's first 64 KiB must match; "" for any
	Method    string `json:",omitempty"` // http, https: default GET
	Headers   string `json:",omitempty"` // http, https: further header fields, a line "Name: value" each
	Redirects int    `json:",omitempty"` // http, https: how many are followed, on the same server
	Version   string `json:",omitempty"` // http, https: "1.1", "2" or, default, "auto": 2 if the server offers it in TLS
	Reuse     bool   `json:",omitempty"` // http, https: keep the connection for the next probe

	TLS        bool          `json:",omitempty"` // grpc: over TLS
	StartTLS   bool          `json:",omitempty"` // smtp: TLS after the greeting
	ServerName string        `json:",omitempty"` // TLS: what the certificate must be for, and is asked for (SNI)
	CA         string        `json:",omitempty"` // TLS: file of the authorities to trust (PEM); "" for the host's
	Insecure   bool          `json:",omitempty"` // TLS: any certificate will do
	Expiry     time.Duration `json:",omitempty"` // TLS: warn when the certificate has no longer to live; 0: never

	Send   string `json:",omitempty"` // tcp, udp: what is sent, with escapes (see unescape)
	Expect string `json:",omitempty"` // tcp, udp: what the answer must contain, with escapes; "" for anything

	Name   string `json:",omitempty"` // dns: the name that is asked for
	Type   string `json:",omitempty"` // dns: of the record, default "SOA"
	Rcode  string `json:",omitempty"` // dns: the response code that is expected, default "NOERROR"
	Answer string `json:",omitempty"` // dns: the data of one record that must be in the answer; "" for any

	Helo    string `json:",omitempty"` // smtp: who says EHLO, default the name of this host
	Service string `json:",omitempty"` // grpc: whose health is asked for; "" for the server's

	Command     string `json:",omitempty"` // exec: program and arguments, each ended by a NUL: see JoinCommand
	User        string `json:",omitempty"` // exec: "USER" or "USER:GROUP", names or numbers; default "nobody"
	Directory   string `json:",omitempty"` // exec: where it runs, default "/"
	Environment string `json:",omitempty"` // exec: further variables, a line "NAME=value" each
	Dynamic     bool   `json:",omitempty"` // exec: exit codes from 2 to 254 set the weight

	File string `json:",omitempty"` // file: the file that has the weight
}

// The defaults that Defaults and WithKind fill in.
const (
	DefaultKind    = "tcp"
	DefaultVia     = ViaVIP
	DefaultEvery   = 2 * time.Second
	DefaultTimeout = time.Second
	DefaultRise    = 2
	DefaultFall    = 3

	DefaultMethod    = "GET"
	DefaultPath      = "/"
	DefaultStatus    = "200-399"
	DefaultVersion   = "auto"
	DefaultExpiry    = 7 * 24 * time.Hour
	DefaultType      = "SOA"
	DefaultRcode     = "NOERROR"
	DefaultUser      = "nobody"
	DefaultDirectory = "/"
)

// Defaults returns the check of a service that names none: a TCP connection
// every two seconds. A configuration is read on top of it; the fields of single
// kinds stay empty, which means their defaults.
func Defaults() Spec {
	return Spec{
		Kind: DefaultKind, Via: DefaultVia,
		Every: DefaultEvery, Timeout: DefaultTimeout,
		Rise: DefaultRise, Fall: DefaultFall,
	}
}

// WithKind returns the spec with another kind, and with the defaults of what
// only that kind knows, also of those where empty means none: Expiry, Dynamic.
func (s Spec) WithKind(name string) Spec {
	s = Spec{
		Kind: name, Via: s.Via, Port: s.Port,
		Every: s.Every, Timeout: s.Timeout, Rise: s.Rise, Fall: s.Fall,
		EveryDown: s.EveryDown, Jitter: s.Jitter, Retry: s.Retry, DelayBeforeRetry: s.DelayBeforeRetry,
	}
	s.fill()
	if kinds[name].knows("expiry") {
		s.Expiry = DefaultExpiry
	}
	s.Dynamic = kinds[name].knows("dynamic")
	return s
}

// NeedsPort reports whether the probe is sent to a port, so that Port or the
// real server's port must be set.
func (s *Spec) NeedsPort() bool { return kinds[s.Kind].needsPort }

// normal returns the spec with empty strings replaced by what they mean, and
// without what its kind does not use: equal probes get equal specs.
func (s Spec) normal() Spec {
	if s.Kind == "" {
		s.Kind = DefaultKind
	}
	if s.Via == "" {
		s.Via = DefaultVia
	}
	if slices.Contains(notByVIP, s.Kind) {
		s.Via = ViaReal
	}
	if s.Kind == "none" {
		return Spec{Kind: s.Kind, Via: s.Via}
	}
	if s.EveryDown == 0 {
		s.EveryDown = s.Every
	}
	s.fill()
	return s
}

// fill gives the fields of the kind that are empty what that means.
func (s *Spec) fill() {
	k := kinds[s.Kind]
	for _, d := range []struct {
		key   string
		field *string
		value string
	}{
		{"method", &s.Method, DefaultMethod},
		{"path", &s.Path, DefaultPath},
		{"status", &s.Status, DefaultStatus},
		{"version", &s.Version, DefaultVersion},
		{"type", &s.Type, DefaultType},
		{"rcode", &s.Rcode, DefaultRcode},
		{"user", &s.User, DefaultUser},
		{"directory", &s.Directory, DefaultDirectory},
	} {
		if *d.field == "" && k.knows(d.key) {
			*d.field = d.value
		}
	}
}
