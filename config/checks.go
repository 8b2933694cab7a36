package config

import (
	"slices"

	"lvsdr/healthcheck"
)

// check reads the mapping behind a key; spec is the default.
func (svc section) check(key string, spec healthcheck.Spec) healthcheck.Spec {
	v := svc.get(key)
	s := v.section(checkKeys)
	kind := s.get("kind")
	kinds := healthcheck.Kinds()
	spec = spec.WithKind(choice(kind, spec.Kind, kinds))
	if len(s.fields) > 0 && !kind.present() && !kind.failed() && spec.Kind == kindNone {
		v.fail("names no kind", "add a kind: "+oneOf(kinds))
	}
	spec.Via = choice(s.get("via"), spec.Via, []string{healthcheck.ViaVIP, healthcheck.ViaReal})
	if via := s.get("via"); via.present() && spec.Kind == kindARP && spec.Via == healthcheck.ViaVIP {
		via.fail("vip is not for arp: no real server answers ARP for a VIP", "remove it, or write via: real")
	}
	spec.Port = uint16(s.get("port").integer(0, 1, 65535))
	s.times(&spec)
	s.ofKind(&spec)
	s.validate(spec)
	return spec
}

// ofKind reads the keys that only some kinds know.
func (s section) ofKind(spec *healthcheck.Spec) {
	known := healthcheck.Keys(spec.Kind)
	for _, key := range kindKeys {
		v := s.get(key)
		switch {
		case !v.present():
		case slices.Contains(known, key):
			readers[key](v, spec)
		case !s.failed() && !s.get("kind").failed():
			v.fail("is not a key of a check of kind "+spec.Kind,
				"remove it, or write kind: "+list(healthcheck.KindsWith(key), "or"))
		}
	}
}

// judgedWith are the other keys that decide whether one is right.
var judgedWith = map[string][]string{
	"timeout":            {"every"},
	"every_down":         {"timeout"},
	"retry":              {"fall"},
	"delay_before_retry": {"retry", "every"},
	"server_name":        {"insecure", "host"},
	"insecure":           {"ca"},
	"answer":             {"type", "rcode"},
	"body":               {"method"},
}

// validate asks the package that will run the check. A field that was found
// wrong here has its default in spec, so a second mistake would be invented.
func (s section) validate(spec healthcheck.Spec) {
	for _, e := range spec.Validate() {
		v := s.get(e.Field)
		if v.failed() || slices.ContainsFunc(judgedWith[e.Field], func(key string) bool { return s.get(key).failed() }) {
			continue
		}
		if !v.present() {
			v.at = s.at
		}
		v.fail(e.Message, e.Remedy)
	}
}
