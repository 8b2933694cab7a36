package via

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// linkHeader is the size of struct ifinfomsg: family, padding, type, index, flags,
// which flags change.
const linkHeader = 16

// egress returns the index of an interface, if it can have routes now.
func (k *kernel) egress(name string) (int, error) {
	m := newMessage(unix.RTM_GETLINK, make([]byte, linkHeader))
	m.attrs.String(unix.IFLA_IFNAME, name)
	messages, err := k.execute(m, 0)
	switch {
	case errors.Is(err, unix.ENODEV):
		return 0, fmt.Errorf("interface %s does not exist", name)
	case err != nil || len(messages) == 0 || len(messages[0].Data) < linkHeader:
		return 0, fmt.Errorf("interface %s: %w", name, errors.Join(err, errNoAnswer))
	}
	data := messages[0].Data
	if native.Uint32(data[8:])&unix.IFF_UP == 0 {
		return 0, fmt.Errorf("interface %s is down", name)
	}
	return int(native.Uint32(data[4:])), nil
}

var errNoAnswer = errors.New("the kernel did not answer as expected")

// read returns all that is of this package, and the rules of others.
func (k *kernel) read() (s snapshot, err error) {
	rules, others, err := k.rules()
	if err != nil {
		return s, fmt.Errorf("list rules: %w", err)
	}
	routes, err := k.routes(Protocol, 0)
	if err != nil {
		return s, fmt.Errorf("list routes: %w", err)
	}
	neighbors, _, err := k.neighbors()
	if err != nil {
		return s, fmt.Errorf("list neighbours: %w", err)
	}
	s = snapshot{ours: make(entries), rules: others}
	for _, r := range rules {
		s.ours.put(r)
	}
	for _, r := range routes {
		s.ours.put(r.route)
	}
	for _, n := range neighbors {
		s.ours.put(n)
	}
	return s, nil
}
