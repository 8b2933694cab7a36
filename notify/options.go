package notify

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"lvsdr/admin/api"
)

// Options say who is told of what. The zero value tells nobody.
type Options struct {
	// Kinds are those of the events that are told, beside api.LostEvent; none: all.
	Kinds []api.EventKind
	// Queue is how many events wait for each receiver before the oldest are dropped.
	Queue   int
	Program Program
	Webhook Webhook
}

// Program is run for each event. It gets the event as JSON on its standard input, and in
// its environment.
type Program struct {
	Command []string      // its absolute path and its arguments; none: there is no program
	User    string        // who runs it, by name or number; "": who runs this process
	Timeout time.Duration // after which it is killed with all of its process group
}

// Webhook is sent each event as JSON, by POST.
type Webhook struct {
	URL     string        // "": there is none
	Timeout time.Duration // of one attempt
	Retries int           // attempts after the first one, for failures that may pass
	CA      string        // a file of PEM certificates that are trusted in place of the host's; "": none
}

func (p Program) equal(o Program) bool {
	return slices.Equal(p.Command, o.Command) && p.User == o.User && p.Timeout == o.Timeout
}

// name is the program for people.
func (p Program) name() string { return "program " + p.Command[0] }

// name is the web server for people: the rest of the URL may be a secret.
func (w Webhook) name() string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return "webhook"
	}
	return "webhook " + cmp.Or(u.Scheme, "http") + "://" + u.Host
}
