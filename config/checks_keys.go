package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"lvsdr/healthcheck"
)

// reader takes the value behind a key of a check into a spec. The value is there.
type reader func(v value, spec *healthcheck.Spec)

// readers are those of the keys that only some kinds of checks know.
var readers = map[string]reader{
	"method":      textKey(func(s *healthcheck.Spec) *string { return &s.Method }, "write a method, such as GET"),
	"path":        textKey(func(s *healthcheck.Spec) *string { return &s.Path }, "write the path to ask for, such as /healthz"),
	"host":        textKey(func(s *healthcheck.Spec) *string { return &s.Host }, "write the Host header, such as www.example.org"),
	"headers":     pairsKey(func(s *healthcheck.Spec) *string { return &s.Headers }, ": ", "write names and values, such as {Accept: text/plain}"),
	"status":      textKey(func(s *healthcheck.Spec) *string { return &s.Status }, "write status codes, such as 200-399 or 200,301-302"),
	"body":        textKey(func(s *healthcheck.Spec) *string { return &s.Body }, "write a regular expression (RE2) that the answer must match"),
	"redirects":   func(v value, s *healthcheck.Spec) { s.Redirects = v.integer(0, 0, healthcheck.MaxRedirects) },
	"version":     textKey(func(s *healthcheck.Spec) *string { return &s.Version }, "write auto, 1.1 or 2"),
	"reuse":       switchKey(func(s *healthcheck.Spec) *bool { return &s.Reuse }),
	"tls":         switchKey(func(s *healthcheck.Spec) *bool { return &s.TLS }),
	"starttls":    switchKey(func(s *healthcheck.Spec) *bool { return &s.StartTLS }),
	"server_name": textKey(func(s *healthcheck.Spec) *string { return &s.ServerName }, "write the name in the certificate, such as www.example.org"),
	"ca":          textKey(func(s *healthcheck.Spec) *string { return &s.CA }, "write the path of a file with certificates in PEM"),
	"insecure":    switchKey(func(s *healthcheck.Spec) *bool { return &s.Insecure }),
	"expiry":      func(v value, s *healthcheck.Spec) { s.Expiry = v.duration(s.Expiry, 0, maxExpiry) },
	"send":        rawKey(func(s *healthcheck.Spec) *string { return &s.Send }, `write what to send, such as 'PING\r\n'`),
	"expect":      rawKey(func(s *healthcheck.Spec) *string { return &s.Expect }, `write what the answer must contain, such as '+PONG'`),
	"name":        textKey(func(s *healthcheck.Spec) *string { return &s.Name }, "write the name to ask for, such as example.org"),
	"type":        textKey(func(s *healthcheck.Spec) *string { return &s.Type }, "write the type of a record, such as A"),
	"rcode":       textKey(func(s *healthcheck.Spec) *string { return &s.Rcode }, "write a response code, such as NOERROR"),
	"answer":      textKey(func(s *healthcheck.Spec) *string { return &s.Answer }, "write the data of a record, such as 192.0.2.1"),
	"helo":        textKey(func(s *healthcheck.Spec) *string { return &s.Helo }, "write the director's name, such as director.example.org"),
	"service":     textKey(func(s *healthcheck.Spec) *string { return &s.Service }, "write the name of a service, such as example.Greeter"),
	"command":     command,
	"user":        textKey(func(s *healthcheck.Spec) *string { return &s.User }, "write a user, such as nobody, or USER:GROUP"),
	"directory":   textKey(func(s *healthcheck.Spec) *string { return &s.Directory }, "write an absolute path, such as /var/lib/check"),
	"environment": pairsKey(func(s *healthcheck.Spec) *string { return &s.Environment }, "=", "write names and values, such as {LANG: C}"),
	"dynamic":     switchKey(func(s *healthcheck.Spec) *bool { return &s.Dynamic }),
	"file":        textKey(func(s *healthcheck.Spec) *string { return &s.File }, "write an absolute path, such as /run/weight"),
}

// maxExpiry is longer than certificates live today.
const maxExpiry = 10 * 365 * 24 * time.Hour

// textKey reads one line of text. Without any, the field keeps its default.
func textKey(field func(*healthcheck.Spec) *string, remedy string) reader {
	return func(v value, s *healthcheck.Spec) {
		if text, ok := v.text(remedy); ok && text != "" {
			*field(s) = text
		}
	}
}

func switchKey(field func(*healthcheck.Spec) *bool) reader {
	return func(v value, s *healthcheck.Spec) { *field(s) = v.onOff(*field(s)) }
}

// rawKey reads text that may have any character in it, as YAML's own escapes
// make them.
func rawKey(field func(*healthcheck.Spec) *string, remedy string) reader {
	return func(v value, s *healthcheck.Spec) {
		if v.node.Kind != yaml.ScalarNode || v.isNull() {
			v.wrongType(remedy)
			return
		}
		*field(s) = v.node.Value
	}
}

// pairsKey reads a mapping of texts, whose names are the reader's choice, into lines.
func pairsKey(field func(*healthcheck.Spec) *string, between, remedy string) reader {
	return func(v value, s *healthcheck.Spec) {
		if v.isNull() {
			return
		}
		if v.node.Kind != yaml.MappingNode {
			v.wrongType(remedy)
			return
		}
		var lines strings.Builder
		first := make(map[string]bool)
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			key := v.d.child(join(v.key, pathName(v.node.Content[i].Value)), v.node.Content[i])
			name, ok := key.text(remedy)
			if !ok {
				continue
			}
			if first[name] {
				key.fail("is given twice", "keep one of them")
			}
			first[name] = true
			if text, ok := v.d.child(key.key, v.node.Content[i+1]).text(remedy); ok {
				lines.WriteString(name + between + text + "\n")
			}
		}
		*field(s) = lines.String()
	}
}

// command reads a program and its arguments, which are not taken apart: a
// program alone is short for a list of one.
func command(v value, s *healthcheck.Spec) {
	const remedy = "write a list of a program and its arguments, such as [/usr/local/bin/check, --fast]"
	var args []string
	for _, item := range v.itemsOrOne(remedy) {
		switch {
		case !item.present():
		case item.node.Kind != yaml.ScalarNode || item.isNull():
			item.wrongType(remedy)
		case strings.ContainsRune(item.node.Value, 0):
			item.fail("has a NUL in it", "remove it: no program can be given one")
		default:
			args = append(args, item.node.Value)
		}
	}
	s.Command = healthcheck.JoinCommand(args)
}
