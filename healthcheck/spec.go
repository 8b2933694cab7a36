package healthcheck

import "time"

// Spec says what to probe and how often. It is plain data: two specs that are
// equal may share one probe.
type Spec struct {
	Kind    string        // a name of Kinds: "tcp", "http", "none"
	Via     string        // "real": the probe is addressed to the real server itself
	Port    uint16        // 0: the real server's port
	Every   time.Duration // start to start
	Timeout time.Duration // of one probe, at most Every
	Rise    int           // successes in a row until up
	Fall    int           // failures in a row until down

	Path   string // http: request target, default "/"
	Host   string // http: Host header, default the real server's address
	Status string // http: accepted codes, "200-399" or "200,301-302"; default "200-399"
	Body   string // http: regexp (RE2) that the body's first 64 KiB must match; "" for any
}
