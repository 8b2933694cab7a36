package demo

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// The addresses are those set aside for documentation (RFC 5737).
var (
	vip    = netip.MustParseAddr("192.0.2.10")
	subnet = netip.MustParsePrefix("192.0.2.0/24")
)

// How the director checks the real servers. A dead one has left after
// checkFall × checkEvery + checkTimeout.
const (
	checkEvery   = 250 * time.Millisecond
	checkTimeout = 250 * time.Millisecond
	checkFall    = 2
	checkRise    = 2
	noticeLimit  = checkFall*checkEvery + checkTimeout
)

// Each host has a /run of its own, so these are files of the LAN, not of the
// machine.
const (
	stateDir   = "/run/director"
	configFile = stateDir + "/director.yaml"
	socketFile = stateDir + "/director.sock"
)

// machine is a host with one interface.
type machine struct {
	*lab.Host
	link *lab.Link
	addr netip.Addr
}

// lan is the LAN and what runs on it.
type lan struct {
	lab     *lab.Lab
	program string
	ended   context.CancelCauseFunc // called when `director run` ends by itself

	client, director *machine
	webs             []*server

	arp *lab.Capture // on the client's link, from the start
	run *lab.Process // `director run`
	api *api.Client

	spaces []uint64 // the namespaces' numbers
}

// build lays the cables. The last byte of a MAC address reads as that of the
// host's IP address.
func (l *lan) build() error {
	lanSwitch := l.lab.Switch("lan")
	connect := func(name string, number int) *machine {
		m := &machine{Host: l.lab.Host(name), addr: netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", number))}
		m.link = l.lab.Connect(m.Host, lanSwitch, lab.LinkConfig{
			MAC:   lab.MustMAC(fmt.Sprintf("02:00:00:00:00:%02d", number)),
			Addrs: []netip.Prefix{netip.PrefixFrom(m.addr, subnet.Bits())},
		})
		return m
	}
	l.client, l.director = connect("client", 1), connect("director", 2)
	for i := range 3 {
		web := &server{machine: connect(fmt.Sprintf("web%d", i+1), 21+i)}
		l.webs = append(l.webs, web)
		if err := web.listen(); err != nil {
			return err
		}
	}
	l.arp = l.client.link.Capture(lab.Only(isARPForVIP))
	if err := l.lab.Err(); err != nil {
		return err
	}
	return l.note()
}

// machines lists all hosts.
func (l *lan) machines() []*machine {
	all := []*machine{l.client, l.director}
	for _, web := range l.webs {
		all = append(all, web.machine)
	}
	return all
}

// named returns whose MAC address that is.
func (l *lan) named(mac string) string {
	for _, m := range l.machines() {
		if m.link.MAC().String() == mac {
			return m.Name()
		}
	}
	return "somebody"
}

// config is the director's whole configuration.
func (l *lan) config() string {
	var addrs []string
	for _, web := range l.webs {
		addrs = append(addrs, web.addr.String())
	}
	return fmt.Sprintf(`ingress: eth0
state_dir: %s
services:
  - address: %v:80
    scheduler: rr
    check: {kind: http, every: %v, timeout: %v, rise: %d, fall: %d}
    real_servers: [%s]
`, stateDir, vip, checkEvery, checkTimeout, checkRise, checkFall, strings.Join(addrs, ", "))
}

// health asks the director how it sees a real server.
func (l *lan) health(ctx context.Context, web *server) (string, error) {
	status, err := l.api.Status(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the director: %w", err)
	}
	for _, service := range status.Services {
		for _, rs := range service.Servers {
			if rs.Address == web.addr.String()+":80" {
				return rs.Health, nil
			}
		}
	}
	return "", fmt.Errorf("the director knows no real server %v:80", web.addr)
}
