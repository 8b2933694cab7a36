package lan

import (
	"net"

	"lvsdr/lab"
)

// AddSource plugs in a host without an address, for frames that a generator makes.
func (l *LAN) AddSource(name string) (*lab.Host, *lab.Link, error) {
	h := l.lab.Host(name)
	link := l.lab.Connect(h, l.lan)
	return h, link, l.lab.Err()
}

// MAC is what frames to the way are sent to.
func (w *Way) MAC() net.HardwareAddr {
	if w.machine == nil {
		return w.lan.Servers[0].Link.MAC()
	}
	return w.machine.Link.MAC()
}
