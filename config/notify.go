package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// Notify says who is told of events.
type Notify struct {
	Events  []string // kinds of those that are told, in the order of eventKinds
	Queue   int      // how many wait for each receiver, before the oldest are dropped
	Program NotifyProgram
	Webhook NotifyWebhook
}

// NotifyProgram is run for each event.
type NotifyProgram struct {
	Command []string // absolute path and arguments; nil: there is none
	User    string   // "": who runs the director
	Timeout time.Duration
}

// NotifyWebhook is sent each event by POST.
type NotifyWebhook struct {
	URL     string // "": there is none
	Timeout time.Duration
	Retries int
	CA      string // file of the certificates that are trusted; "": the host's
}

// eventKinds are the kinds of events that can be told (api.EventKind).
var eventKinds = []string{"server", "service", "order"}

// The mappings of notify.
var (
	notifyKeys        = grammar{name: "notify", keys: []string{"events", "queue", "program", "webhook"}}
	notifyProgramKeys = grammar{name: "program", keys: []string{"command", "user", "timeout"}}
	notifyWebhookKeys = grammar{name: "webhook", keys: []string{"url", "timeout", "retries", "ca"}}
)

const (
	defaultNotifyQueue    = 1000
	maxNotifyQueue        = 100_000
	defaultProgramTimeout = 10 * time.Second
	maxProgramTimeout     = 5 * time.Minute
	defaultWebhookTimeout = 5 * time.Second
	maxWebhookTimeout     = time.Minute
	minNotifyTimeout      = 100 * time.Millisecond
	defaultNotifyRetries  = 3
	maxNotifyRetries      = 10
)

// notify reads the mapping behind notify.
func (v value) notify() Notify {
	s := v.section(notifyKeys)
	n := Notify{
		Events: s.get("events").events(), Queue: s.get("queue").integer(defaultNotifyQueue, 1, maxNotifyQueue),
		Program: s.get("program").notifyProgram(), Webhook: s.get("webhook").notifyWebhook(),
	}
	if len(s.fields) > 0 && n.Program.Command == nil && n.Webhook.URL == "" && !v.d.failedIn(v.key) {
		v.warn("names nobody to tell", "add a program, or a webhook")
	}
	return n
}

// events reads kinds of events; all if there are none.
func (v value) events() (kinds []string) {
	for _, item := range v.itemsOrOne("write a list of " + list(eventKinds, "and")) {
		if kind := choice(item, "", eventKinds); kind != "" {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return slices.Clone(eventKinds)
	}
	slices.SortFunc(kinds, func(a, b string) int { return slices.Index(eventKinds, a) - slices.Index(eventKinds, b) })
	return slices.Compact(kinds)
}

// notifyProgram reads a command, or the mapping behind program.
func (v value) notifyProgram() NotifyProgram {
	p := NotifyProgram{Timeout: defaultProgramTimeout}
	if v.present() && (v.node.Kind == yaml.SequenceNode || v.node.Kind == yaml.ScalarNode && !v.isNull()) {
		p.Command = v.command()
		return p
	}
	s := v.section(notifyProgramKeys)
	command := s.get("command")
	p.Command = command.command()
	p.Timeout = s.get("timeout").duration(p.Timeout, minNotifyTimeout, maxProgramTimeout)
	p.User = s.get("user").user()
	s.needs(command, p.Command == nil, "write the program and its arguments, such as [/usr/local/bin/notify, --mail]")
	return p
}

// needs refuses a mapping that has other keys but not the one without which they mean
// nothing.
func (s section) needs(key value, missing bool, remedy string) {
	if missing && !key.present() && !key.failed() && len(s.fields) > 0 {
		key.fail("is missing", remedy)
	}
}

// command reads a program, which must exist, and its arguments.
func (v value) command() (command []string) {
	const remedy = "write the absolute path of a program and its arguments, such as [/usr/local/bin/notify, --mail]"
	items := v.itemsOrOne(remedy)
	for i, item := range items {
		text, ok := item.text(remedy)
		if !ok {
			return nil
		}
		if i == 0 {
			if err := runnable(text); err != nil {
				item.fail(err.Error(), remedy)
				return nil
			}
		}
		command = append(command, text)
	}
	return command
}

// runnable says why a program cannot be run. Whether its user may run it is for the
// kernel to say.
func runnable(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is not an absolute path", quote(path))
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("program %s does not exist", quote(path))
	case err != nil:
		return fmt.Errorf("program %s cannot be looked at: %w", quote(path), errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a program", quote(path))
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("program %s is not executable", quote(path))
	}
	return nil
}

// user reads the name or the number of a user of the host.
func (v value) user() string {
	const remedy = "write the name of a user of this host, such as nobody"
	name, ok := v.text(remedy)
	if !ok || name == "" {
		return ""
	}
	if _, err := user.Lookup(name); err == nil {
		return name
	}
	if _, err := user.LookupId(name); err != nil {
		v.fail("there is no user "+quote(name)+" on this host", remedy)
		return ""
	}
	return name
}

// notifyWebhook reads a URL, or the mapping behind webhook.
func (v value) notifyWebhook() NotifyWebhook {
	w := NotifyWebhook{Timeout: defaultWebhookTimeout, Retries: defaultNotifyRetries}
	if v.present() && v.node.Kind == yaml.ScalarNode && !v.isNull() {
		w.URL = v.url()
		return w
	}
	s := v.section(notifyWebhookKeys)
	address := s.get("url")
	w.URL = address.url()
	w.Timeout = s.get("timeout").duration(w.Timeout, minNotifyTimeout, maxWebhookTimeout)
	w.Retries = s.get("retries").integer(w.Retries, 0, maxNotifyRetries)
	w.CA = s.get("ca").certificates()
	s.needs(address, w.URL == "", "write where to send events, such as https://hooks.example.org/lvs")
	return w
}

// url reads the address of something on a web server.
func (v value) url() string {
	const remedy = "write one such as https://hooks.example.org/lvs"
	text, ok := v.text(remedy)
	if !ok || text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		v.fail(quote(text)+" is not a URL", remedy)
	case u.Scheme != "http" && u.Scheme != "https":
		v.fail(quote(text)+" is not a URL of http or https", remedy)
	case u.Hostname() == "":
		v.fail(quote(text)+" names no host", remedy)
	default:
		return text
	}
	return ""
}

// certificates reads the path of a file of certificates.
func (v value) certificates() string {
	file := v.path("", "/etc/director/ca.pem", true)
	if file == "" {
		return ""
	}
	const remedy = "write the path of a file with certificates in PEM"
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.fail("file "+quote(file)+" does not exist", remedy)
	case err != nil:
		v.fail(fmt.Sprintf("file %s cannot be read: %v", quote(file), errors.Unwrap(err)), remedy)
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		v.fail("file "+quote(file)+" has no certificate", remedy)
	default:
		return file
	}
	return ""
}
