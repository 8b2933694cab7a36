package config

import (
	"errors"
	"maps"
	"net/netip"
	"slices"

	"lvsdr/frame"
)

// The answers of an Editor on which its caller decides. All others are [Errors].
var (
	ErrServiceExists = errors.New("there is such a service already")
	ErrNoService     = errors.New("there is no such service")
	ErrServerExists  = errors.New("the service has this real server already")
	ErrNoServer      = errors.New("the service has no such real server")
)

// ServiceID names a service that exists: by its Name, by its Mark, or by its
// Protocol and one of its addresses. A service that has a mark is not found by
// its addresses, as in ipvsadm.
type ServiceID struct {
	Name     string
	Mark     uint32
	Protocol Protocol
	Address  string // as the file has it: "192.0.2.10:80"; port 0: any
}

// ServiceSettings are what ipvsadm -A and -E say of a service.
type ServiceSettings struct {
	Scheduler   string // "": wlc
	Flags       []string
	Persistence Persistence // Prefix 0: all of the address
	OnePacket   bool
}

// ServerSettings are what ipvsadm -a and -e say of a real server.
type ServerSettings struct {
	Address      string // "192.0.2.21:80"; the port may be left out
	Weight       int
	Upper, Lower int // thresholds; 0: none
}

// Editor changes a configuration while it runs: the changes that ipvsadm makes,
// each a method. What the file would be refused for, a change is refused for,
// with the same message; a change that is refused changes nothing. Many changes
// cost little more than one. An Editor is used from one goroutine.
type Editor struct {
	c        *Config
	services []*Service // in their order; copies, and nil where one was deleted
	vips     []netip.Addr
	held     map[netip.Addr]bool // vips
	timeouts Timeouts
	index    index // of services and vips
	file     index // of the file's services
	pinned   map[netip.Addr]frame.MAC
}

// NewEditor returns an Editor of a copy of c; c itself stays as it is. file is
// what the file said last, nil if there is none: it knows which addresses a mark
// stands for, names, and MAC addresses.
func NewEditor(c, file *Config) *Editor {
	e := &Editor{
		c: c, held: make(map[netip.Addr]bool), timeouts: c.Timeouts,
		index: newIndex(), file: newIndex(), pinned: c.pinned(),
	}
	for _, vip := range c.VIPs {
		e.hold(vip)
	}
	for _, s := range c.Services {
		s.RealServers = slices.Clone(s.RealServers)
		e.services = append(e.services, &s)
		e.index.add(&s)
	}
	if file != nil {
		for i := range file.Services {
			e.file.add(&file.Services[i])
		}
		maps.Copy(e.pinned, file.pinned())
	}
	return e
}

// pinned are the MAC addresses that the real servers have wherever they are.
func (c *Config) pinned() map[netip.Addr]frame.MAC {
	macs := make(map[netip.Addr]frame.MAC)
	for i := range c.Services {
		for _, r := range c.Services[i].RealServers {
			if !r.MAC.IsZero() {
				macs[r.Addr] = r.MAC
			}
		}
	}
	return macs
}

// Config returns the configuration with all changes made so far.
func (e *Editor) Config() *Config {
	next := *e.c
	next.VIPs, next.Timeouts = slices.Clone(e.vips), e.timeouts
	next.Services = nil
	for _, s := range e.services {
		if s != nil {
			clone := *s
			clone.RealServers = slices.Clone(s.RealServers)
			next.Services = append(next.Services, clone)
		}
	}
	next.settle()
	return &next
}

// Clear deletes all services, as ipvsadm -C does. Their VIPs stay the
// director's.
func (e *Editor) Clear() {
	for i, s := range e.services {
		if s != nil {
			e.remove(i)
		}
	}
	e.services = nil
}

// SetTimeouts sets the timeouts of all services that have none of their own, as
// ipvsadm --set does; 0 leaves one as it is.
func (e *Editor) SetTimeouts(t Timeouts) error {
	d := newDecoder("")
	v := d.said("timeouts", mapping(
		"tcp", duration(t.TCP), "tcpfin", duration(t.TCPFin), "udp", duration(t.UDP),
	))
	set := v.timeouts(e.timeouts)
	if err := d.errs.orNil(); err != nil {
		return err
	}
	e.timeouts = set
	return nil
}

// hold keeps a VIP although a service leaves it, as an address stays on an
// interface when ipvsadm -D takes the service on it.
func (e *Editor) hold(vip netip.Addr) {
	if !e.held[vip] {
		e.held[vip] = true
		e.vips = append(e.vips, vip)
		e.index.vips[vip]++
	}
}

// remove deletes the service at place i.
func (e *Editor) remove(i int) {
	s := e.services[i]
	for _, a := range s.Addresses {
		e.hold(a.Addr)
	}
	e.index.remove(s)
	e.services[i] = nil
}

// Find returns the name of the service that id names.
// Errors: ErrNoService, or Errors if id names nothing.
func (e *Editor) Find(id ServiceID) (name string, err error) {
	i, err := e.find(id)
	if err != nil {
		return "", err
	}
	return e.services[i].Name, nil
}
