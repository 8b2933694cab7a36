package config

import (
	"strings"
	"time"

	"lvsdr/healthcheck"
)

// The limits of how often a check runs.
const (
	minEvery   = 10 * time.Millisecond
	maxEvery   = time.Hour
	minTimeout = time.Millisecond
	maxTries   = 1000
)

// check reads the mapping behind check; spec is the service's default.
func (svc section) check(spec healthcheck.Spec) healthcheck.Spec {
	v := svc.get("check")
	s := v.section(checkKeys)
	kind := s.get("kind")
	kinds := healthcheck.Kinds()
	spec.Kind = choice(kind, spec.Kind, kinds, without(laterKinds, kinds)...)
	if len(s.fields) > 0 && !kind.present() && !kind.failed() && spec.Kind == kindNone {
		v.fail("names no kind", "add a kind: "+oneOf(kinds))
	}
	spec.Via = choice(s.get("via"), spec.Via, []string{healthcheck.ViaVIP, healthcheck.ViaReal})
	spec.Port = uint16(s.get("port").integer(0, 1, 65535))
	spec.Every = s.get("every").duration(spec.Every, minEvery, maxEvery)
	// A shorter every alone must not need a timeout too.
	spec.Timeout = s.get("timeout").duration(min(spec.Timeout, spec.Every), minTimeout, maxEvery)
	spec.Rise = s.get("rise").integer(spec.Rise, 1, maxTries)
	spec.Fall = s.get("fall").integer(spec.Fall, 1, maxTries)
	s.http(&spec)
	s.validate(spec)
	return spec
}

// http reads the keys that only an http check has.
func (s section) http(spec *healthcheck.Spec) {
	if spec.Kind != kindHTTP {
		for _, key := range httpKeys {
			if v := s.get(key); v.present() && !s.failed() && !s.get("kind").failed() {
				v.fail("is not a key of a check of kind "+spec.Kind, "remove it, or write kind: http")
			}
		}
		return
	}
	spec.Path, spec.Status = healthcheck.DefaultPath, healthcheck.DefaultStatus
	for key, field := range map[string]*string{
		"path": &spec.Path, "host": &spec.Host, "status": &spec.Status, "body": &spec.Body,
	} {
		if text, ok := s.get(key).text(httpRemedies[key]); ok && text != "" {
			*field = text
		}
	}
}

var httpRemedies = map[string]string{
	"path":   "write the path to ask for, such as /healthz",
	"host":   "write the Host header, such as www.example.org",
	"status": "write status codes, such as 200-399 or 200,301-302",
	"body":   "write a regular expression (RE2) that the answer must match",
}

// validate asks the package that will run the check. A field that was found
// wrong here has its default in spec, so a second mistake would be invented.
func (s section) validate(spec healthcheck.Spec) {
	every, timeout := s.get("every"), s.get("timeout")
	for _, e := range spec.Validate() {
		v := s.get(strings.ToLower(e.Field))
		if v.failed() || (v.key == timeout.key && every.failed()) {
			continue
		}
		if !v.present() {
			v.at = s.at
		}
		v.fail(e.Message, e.Remedy)
	}
}
