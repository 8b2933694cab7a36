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
	Timeout time.Duration // of one probe, at most Every
	Rise    int           // successes in a row until up
	Fall    int           // failures in a row until down

	Path   string // http: request target, default "/"
	Host   string // http: Host header, default the address that is asked
	Status string // http: accepted codes, "200-399" or "200,301-302"; default "200-399"
	Body   string // http: regexp (RE2) that the body's first 64 KiB must match; "" for any
}

// The defaults that Defaults fills in.
const (
	DefaultKind    = "tcp"
	DefaultVia     = ViaVIP
	DefaultEvery   = 2 * time.Second
	DefaultTimeout = time.Second
	DefaultRise    = 2
	DefaultFall    = 3
	DefaultPath    = "/"
	DefaultStatus  = "200-399"
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
	if s.Kind != "http" {
		return s
	}
	if s.Path == "" {
		s.Path = DefaultPath
	}
	if s.Status == "" {
		s.Status = DefaultStatus
	}
	return s
}
