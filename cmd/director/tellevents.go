package main

import (
	"context"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/notify"
)

// tellTimeout is how long the end waits for events to be told. Nothing is forwarded any
// more by then.
const tellTimeout = 3 * time.Second

// tellEvents makes the process tell those of events whom the configuration names. That
// one of them cannot be told is no reason not to serve.
func (p *process) tellEvents(c config.Notify) {
	if err := p.events.Set(notifyOptions(c)); err != nil {
		p.log.Error("events are not told", "error", err)
	}
}

// stopTelling tells what is left, for as long as there is time.
func (p *process) stopTelling() {
	ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
	defer cancel()
	p.events.Close(ctx)
}

func notifyOptions(c config.Notify) notify.Options {
	o := notify.Options{
		Queue:   c.Queue,
		Program: notify.Program{Command: c.Program.Command, User: c.Program.User, Timeout: c.Program.Timeout},
		Webhook: notify.Webhook{URL: c.Webhook.URL, Timeout: c.Webhook.Timeout, Retries: c.Webhook.Retries, CA: c.Webhook.CA},
	}
	for _, kind := range c.Events {
		o.Kinds = append(o.Kinds, api.EventKind(kind))
	}
	return o
}
