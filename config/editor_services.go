package config

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// find returns the place of the service that id names.
// Errors: ErrNoService, or Errors if id names nothing.
func (e *Editor) find(id ServiceID) (int, error) {
	var s *Service
	switch {
	case id.Name != "":
		s = e.index.names[id.Name]
	case id.Mark != 0:
		s = e.index.marks[id.Mark]
	default:
		d := newDecoder("")
		p, a := d.saidAddress(id)
		if err := d.errs.orNil(); err != nil {
			return 0, err
		}
		s = e.index.exact(p, a)
		if s != nil && s.Mark != 0 {
			return 0, fmt.Errorf("service %s: %w: this address belongs to the service with mark %d, name that", id, ErrNoService, s.Mark)
		}
	}
	if s == nil {
		return 0, fmt.Errorf("service %s: %w", id, ErrNoService)
	}
	return slices.Index(e.services, s), nil
}

// saidAddress reads the address of id.
func (d *decoder) saidAddress(id ServiceID) (Protocol, Address) {
	p := choice(d.said("protocol", words(string(id.Protocol))), TCP, []Protocol{TCP, UDP, SCTP})
	a, _ := d.said("address", word(id.Address)).address()
	return p, a
}

// String is how messages name a service.
func (id ServiceID) String() string {
	switch {
	case id.Name != "":
		return id.Name
	case id.Mark != 0:
		return fmt.Sprintf("with mark %d", id.Mark)
	}
	return id.Address + "/" + string(id.Protocol)
}

// AddService makes a service, as ipvsadm -A does: on the one address of id, or
// on those of the service in the file that has the mark of id. It has no health
// checks, and else the file's defaults. If the file has a service on the same
// addresses it gets that one's name, and with it the connections of that one's
// real servers. A service that the file has for its mark alone is replaced: in
// ipvsadm there is none yet.
// Errors: ErrServiceExists, or Errors.
func (e *Editor) AddService(id ServiceID, o ServiceSettings) error {
	address, p := word(id.Address), id.Protocol
	var marked *Service
	var mark *yaml.Node
	if id.Mark != 0 {
		if marked = e.index.marks[id.Mark]; marked != nil && !e.isForMark(marked) {
			return fmt.Errorf("service %s: %w", id, ErrServiceExists)
		}
		var err error
		if address, p, err = e.marked(id.Mark); err != nil {
			return err
		}
		mark = number(int(id.Mark))
	}
	d := newDecoder("")
	s := d.service(d.said("", mapping(append([]any{
		"address", address, "protocol", words(string(p)), "mark", mark, "check", mapping("kind", word(kindNone)),
	}, o.said()...)...)), 0, e.c)
	if err := d.errs.orNil(); err != nil {
		return err
	}
	s.made = true
	if marked != nil {
		e.replace(marked, &s)
		return nil
	}
	if err := e.admit(&s); err != nil {
		return err
	}
	s.Name = e.newName(&s)
	e.services = append(e.services, &s)
	e.index.add(&s)
	return nil
}

// said are the keys that stand for o in the file.
func (o ServiceSettings) said() []any {
	var persistence, prefix *yaml.Node
	if o.Persistence.Prefix != 0 {
		prefix = number(o.Persistence.Prefix)
	}
	if o.Persistence.Timeout != 0 {
		persistence = mapping("timeout", duration(o.Persistence.Timeout), "netmask", prefix)
	}
	one := "off"
	if o.OnePacket {
		one = "on"
	}
	return []any{
		"scheduler", words(o.Scheduler), "flags", sequence(o.Flags),
		"persistence", persistence, "one_packet", word(one),
	}
}

// marked returns the addresses for which the file has a mark stand.
func (e *Editor) marked(mark uint32) (*yaml.Node, Protocol, error) {
	if s := e.file.marks[mark]; s != nil {
		addresses := make([]string, len(s.Addresses))
		for i, a := range s.Addresses {
			addresses[i] = a.String()
		}
		return sequence(addresses), s.Protocol, nil
	}
	return nil, "", Errors{{
		Key:     "mark",
		Message: fmt.Sprintf("%d is the mark of no service in the configuration file", mark),
		Remedy:  fmt.Sprintf("write there which addresses it stands for: a service with mark: %d, and reload", mark),
	}}
}

// isForMark reports whether a service is there only so that the file says which
// addresses its mark stands for: nobody has given it real servers.
func (e *Editor) isForMark(s *Service) bool {
	f := e.file.marks[s.Mark]
	return !s.made && len(s.RealServers) == 0 && f != nil && len(f.RealServers) == 0
}

// replace puts s where old was, on the same addresses.
func (e *Editor) replace(old, s *Service) {
	s.Name, s.Line = old.Name, old.Line
	i := slices.Index(e.services, old)
	e.index.remove(old)
	e.services[i] = s
	e.index.add(s)
}

// admit refuses a service that is in the way of another.
func (e *Editor) admit(s *Service) error {
	for _, a := range s.Addresses {
		other, b := e.index.overlap(s.Protocol, a)
		switch {
		case other != nil && other.Mark == s.Mark && a == b:
			return fmt.Errorf("service %s/%s: %w", a, s.Protocol, ErrServiceExists)
		case other != nil:
			return Errors{{
				Key:     "address",
				Message: a.overlap(s.Protocol, b, other.Line) + ", service " + quote(other.Name),
				Remedy:  overlapRemedy,
			}}
		case e.index.isServer(a.Addr):
			return Errors{{
				Key:     "address",
				Message: fmt.Sprintf("%s is a real server of service %s", a.Addr, quote(serverOf(e.services, a.Addr))),
				Remedy:  "write an address that no real server has",
			}}
		}
	}
	return nil
}

// newName is the name for a new service: that of the file's which is the same,
// else the default, with a number if that is taken.
func (e *Editor) newName(s *Service) string {
	f := e.file.exact(s.Protocol, s.Addresses[0])
	if f != nil && f.Mark == s.Mark && slices.Equal(f.Addresses, s.Addresses) && e.index.names[f.Name] == nil {
		return f.Name
	}
	name := s.Name
	for n := 2; e.index.names[name] != nil || e.file.names[name] != nil; n++ {
		name = fmt.Sprintf("%s-%d", s.Name, n)
	}
	return name
}

// EditService changes how a service schedules, as ipvsadm -E does: what o leaves
// out becomes the default.
// Errors: ErrNoService, or Errors.
func (e *Editor) EditService(id ServiceID, o ServiceSettings) error {
	i, err := e.find(id)
	if err != nil {
		return err
	}
	s := e.services[i]
	d := newDecoder("")
	edited := Service{Protocol: s.Protocol}
	d.said("", mapping(o.said()...)).section(serviceKeys).scheduling(&edited, s.Addresses[0].Addr.BitLen())
	if s.Mark == 0 && edited.Persistence.Timeout == 0 && slices.ContainsFunc(s.Addresses, Address.anyPort) {
		d.said("persistence", nil).fail(anyPortAlone, anyPortRemedy)
	}
	if err := d.errs.orNil(); err != nil {
		return err
	}
	s.Scheduler, s.Flags = edited.Scheduler, edited.Flags
	s.Persistence, s.OnePacket = edited.Persistence, edited.OnePacket
	return nil
}

// DeleteService deletes a service with its real servers, as ipvsadm -D does. Of
// a service that has several addresses, and is named by one, only that one goes:
// in ipvsadm each is a service. The VIP stays the director's.
// Errors: ErrNoService, or Errors if id names nothing.
func (e *Editor) DeleteService(id ServiceID) error {
	i, err := e.find(id)
	if err != nil {
		return err
	}
	s := e.services[i]
	if id.Name != "" || id.Mark != 0 || len(s.Addresses) == 1 {
		e.remove(i)
		return nil
	}
	_, a := newDecoder("").saidAddress(id)
	s.Addresses = slices.DeleteFunc(slices.Clone(s.Addresses), func(b Address) bool { return a == b })
	e.hold(a.Addr)
	if !slices.ContainsFunc(s.Addresses, func(b Address) bool { return b.Addr == a.Addr }) {
		e.index.leave(s, a.Addr)
	}
	return nil
}
