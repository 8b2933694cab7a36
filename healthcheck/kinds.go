package healthcheck

import (
	"maps"
	"slices"
)

// kind is one way of probing.
type kind struct {
	needsPort bool
	noPort    bool // has no use for one
	// keys are the fields of Spec that only some kinds know and this one does, by
	// their names in a configuration.
	keys []string
	// validate checks those fields; nil if there is nothing to check.
	validate func(s *Spec) []FieldError
	// build makes the question of a validated, normal spec.
	build func(s Spec, t Target, way Way) (question, error)
}

func (k kind) knows(key string) bool { return slices.Contains(k.keys, key) }

// Keys that several kinds know.
var (
	httpKeys = []string{
		"method", "path", "host", "headers", "status", "body", "redirects", "version", "reuse",
	}
	tlsKeys = []string{"server_name", "ca", "insecure", "expiry"}
)

// kinds has one line for each probe; each lives in its own file.
var kinds = map[string]kind{
	"arp":   {noPort: true, build: newARP},
	"dns":   {needsPort: true, keys: []string{"name", "type", "rcode", "answer"}, validate: validateDNS, build: newDNS},
	"exec":  {keys: []string{"command", "user", "directory", "environment", "dynamic"}, validate: validateExec, build: newExec},
	"file":  {noPort: true, keys: []string{"file"}, validate: validateFile, build: newFile},
	"grpc":  {needsPort: true, keys: slices.Concat([]string{"service", "host", "tls"}, tlsKeys), validate: validateGRPC, build: newGRPC},
	"http":  {needsPort: true, keys: httpKeys, validate: validateHTTP, build: newHTTP},
	"https": {needsPort: true, keys: slices.Concat(httpKeys, tlsKeys), validate: validateHTTPS, build: newHTTP},
	"icmp":  {noPort: true, build: newICMP},
	"none":  {build: newNone},
	"smtp":  {needsPort: true, keys: slices.Concat([]string{"helo", "starttls"}, tlsKeys), validate: validateSMTP, build: newSMTP},
	"tcp":   {needsPort: true, keys: []string{"send", "expect"}, validate: validateTalk, build: newTCP},
	"tls":   {needsPort: true, keys: tlsKeys, validate: validateTLS, build: newTLS},
	"udp":   {needsPort: true, keys: []string{"send", "expect"}, validate: validateTalk, build: newUDP},
}

// Kinds returns the names that Spec.Kind may have, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Keys returns the keys of a configuration that belong to single kinds and that
// this kind knows: "path", "host", …; nil for an unknown kind. The common ones
// (every, timeout, …) are not among them.
func Keys(kind string) []string { return slices.Clone(kinds[kind].keys) }

// KindsWith returns the kinds that know a key of Keys, sorted.
func KindsWith(key string) (names []string) {
	for _, name := range Kinds() {
		if kinds[name].knows(key) {
			names = append(names, name)
		}
	}
	return names
}

// foreign lists the keys of single kinds, and whether a spec sets them.
var foreign = []struct {
	key string
	set func(s *Spec) bool
}{
	{"method", func(s *Spec) bool { return s.Method != "" }},
	{"path", func(s *Spec) bool { return s.Path != "" }},
	{"host", func(s *Spec) bool { return s.Host != "" }},
	{"headers", func(s *Spec) bool { return s.Headers != "" }},
	{"status", func(s *Spec) bool { return s.Status != "" }},
	{"body", func(s *Spec) bool { return s.Body != "" }},
	{"redirects", func(s *Spec) bool { return s.Redirects != 0 }},
	{"version", func(s *Spec) bool { return s.Version != "" }},
	{"reuse", func(s *Spec) bool { return s.Reuse }},
	{"tls", func(s *Spec) bool { return s.TLS }},
	{"starttls", func(s *Spec) bool { return s.StartTLS }},
	{"server_name", func(s *Spec) bool { return s.ServerName != "" }},
	{"ca", func(s *Spec) bool { return s.CA != "" }},
	{"insecure", func(s *Spec) bool { return s.Insecure }},
	{"expiry", func(s *Spec) bool { return s.Expiry != 0 }},
	{"send", func(s *Spec) bool { return s.Send != "" }},
	{"expect", func(s *Spec) bool { return s.Expect != "" }},
	{"name", func(s *Spec) bool { return s.Name != "" }},
	{"type", func(s *Spec) bool { return s.Type != "" }},
	{"rcode", func(s *Spec) bool { return s.Rcode != "" }},
	{"answer", func(s *Spec) bool { return s.Answer != "" }},
	{"helo", func(s *Spec) bool { return s.Helo != "" }},
	{"service", func(s *Spec) bool { return s.Service != "" }},
	{"command", func(s *Spec) bool { return s.Command != "" }},
	{"user", func(s *Spec) bool { return s.User != "" }},
	{"directory", func(s *Spec) bool { return s.Directory != "" }},
	{"environment", func(s *Spec) bool { return s.Environment != "" }},
	{"dynamic", func(s *Spec) bool { return s.Dynamic }},
	{"file", func(s *Spec) bool { return s.File != "" }},
}
