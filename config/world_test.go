package config

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// world makes random files and changes of a few addresses, so that they are
// often in each other's way.
type world struct {
	*rand.Rand
	services []string // of the file, as lines of YAML
	vips     map[string]bool
	timeout  int // of tcp, in minutes
	compat   CompatMode
}

// worlds is how many of them a test makes.
const worlds = 200

func one[T any](w *world, of ...T) T { return of[w.IntN(len(of))] }

func (w *world) vip() string { return fmt.Sprintf("192.0.2.%d", 10+w.IntN(4)) }

// rip is sometimes a VIP.
func (w *world) rip() string { return fmt.Sprintf("192.0.2.%d", one(w, 10, 13, 21, 22, 23, 24, 25)) }

func (w *world) address() string {
	return w.vip() + ":" + one(w, "0", "80", "80", "443", "80-90", "85-95")
}

func (w *world) protocol() Protocol { return one(w, TCP, TCP, UDP, SCTP) }

// service is a line of YAML, which may be refused.
func (w *world) service() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{address: [%s], protocol: %s, scheduler: %s, persistence: %dm",
		strings.Join(slices.Compact([]string{w.address(), w.address()}), ", "), w.protocol(), one(w, "wlc", "rr"), 1+w.IntN(2))
	if w.IntN(2) == 0 {
		b.WriteString(", name: " + one(w, "a", "b", "c"))
	}
	if w.IntN(4) == 0 {
		fmt.Fprintf(&b, ", mark: %d", one(w, 7, 8))
	}
	if w.IntN(4) == 0 {
		fmt.Fprintf(&b, ", timeouts: {tcp: %dm}", 1+w.IntN(3))
	}
	if w.IntN(2) == 0 {
		b.WriteString(", check: {kind: none}")
	}
	if w.IntN(4) == 0 {
		fmt.Fprintf(&b, ", sorry_server: %s", one(w, "192.0.2.11", "192.0.2.25", "192.0.2.26"))
	}
	b.WriteString(", real_servers: [")
	for range w.IntN(4) {
		fmt.Fprintf(&b, "{address: %q, weight: %d%s}, ", w.rip()+one(w, "", ":80"), w.IntN(3), one(w, "", "", `, mac: "02:00:00:00:00:99"`))
	}
	b.WriteString("]}")
	return b.String()
}

func (w *world) text() string {
	return fmt.Sprintf("ingress: eth0\ncompat: %s\ntimeouts: {tcp: %dm}\nvips: [%s]\nservices: [%s]\n", w.compat, w.timeout,
		strings.Join(slices.Sorted(maps.Keys(w.vips)), ", "), strings.Join(w.services, ", "))
}

// file is the present file.
func (w *world) file(t *testing.T) *Config { return parse(t, w.text()) }

// change changes the file, so that it stays valid.
func (w *world) change() {
	before := *w
	before.services, before.vips = slices.Clone(w.services), maps.Clone(w.vips)
	switch w.IntN(6) {
	case 0, 1:
		w.services = slices.Insert(w.services, w.IntN(len(w.services)+1), w.service())
	case 2:
		if len(w.services) > 0 {
			i := w.IntN(len(w.services))
			w.services = slices.Delete(w.services, i, i+1)
		}
	case 3:
		if len(w.services) > 0 {
			i := w.IntN(len(w.services))
			w.services[i] = strings.Replace(w.services[i], one(w, "weight: 1", "wlc", "192.0.2.21"), one(w, "weight: 2", "rr", "192.0.2.24"), 1)
		}
	case 4:
		if vip := w.vip(); w.vips[vip] {
			delete(w.vips, vip)
		} else {
			w.vips[vip] = true
		}
	case 5:
		w.timeout = 1 + w.IntN(3)
		w.compat = one(w, w.compat, w.compat, CompatNone, CompatIPVS)
	}
	if _, err := Parse("", []byte(w.text())); err != nil {
		w.services, w.vips, w.timeout, w.compat = before.services, before.vips, before.timeout, before.compat
	}
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), vips: make(map[string]bool), timeout: 15, compat: CompatNone}
	for range 15 {
		w.change()
	}
	return w
}

// id names a service that may be there.
func (w *world) id(c *Config) ServiceID {
	if len(c.Services) > 0 && w.IntN(4) > 0 {
		s := c.Services[w.IntN(len(c.Services))]
		switch {
		case w.IntN(3) == 0:
			return ServiceID{Name: s.Name}
		case s.Mark != 0:
			return ServiceID{Mark: s.Mark}
		}
		return ServiceID{Protocol: s.Protocol, Address: one(w, s.Addresses...).String()}
	}
	return w.newID()
}

func (w *world) newID() ServiceID {
	if w.IntN(4) == 0 {
		return ServiceID{Mark: one[uint32](w, 7, 8)}
	}
	return ServiceID{Protocol: w.protocol(), Address: w.address()}
}

// operate makes a change as an operator may ask for it.
func (w *world) operate(e *Editor) error {
	c := e.Config()
	settings := ServiceSettings{Scheduler: one(w, "", "rr", "sh", "none"), OnePacket: w.IntN(6) == 0}
	if w.IntN(3) > 0 {
		settings.Persistence = Persistence{Timeout: time.Minute, Prefix: w.IntN(34)}
	}
	of := ServerSettings{Address: w.rip() + one(w, "", ":0", ":80", ":85", ":x"), Weight: w.IntN(6) - 1, Upper: w.IntN(3)}
	switch w.IntN(14) {
	case 0:
		if w.IntN(4) == 0 {
			e.Clear()
		}
		return nil
	case 1:
		return e.SetTimeouts(Timeouts{TCP: time.Duration(w.IntN(4)) * time.Minute})
	case 2, 3, 4:
		return e.AddService(w.newID(), settings)
	case 5:
		return e.EditService(w.id(c), settings)
	case 6, 7:
		return e.DeleteService(w.id(c))
	case 8, 9:
		return e.DeleteServer(w.id(c), of.Address)
	case 10, 11:
		return e.EditServer(w.id(c), of)
	}
	return e.AddServer(w.id(c), of)
}
