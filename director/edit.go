package director

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// edit makes changes of a configuration, as the API says them.
type edit struct {
	*config.Editor
	host   config.Host
	judged map[netip.Addr]error // by address, of what the host says of it
	added  []netip.Addr         // real servers

	edited map[string]bool // "SERVICE ADDRESS" of real servers that were given a weight

	zeroed named // services whose counters are set to zero
	begun  named // services that were deleted, and may be there again
}

// named are services by their names, or all there are.
type named struct {
	names map[string]bool
	all   bool
}

func (n *named) add(name string) {
	if n.names == nil {
		n.names = make(map[string]bool)
	}
	n.names[name] = true
}

func (n *named) has(name string) bool { return n.all || n.names[name] }

// newEdit returns an edit of c for a host; file is what the file said last.
func newEdit(c, file *config.Config, host config.Host) *edit {
	return &edit{
		Editor: config.NewEditor(c, file), host: host, judged: make(map[netip.Addr]error),
		edited: make(map[string]bool),
	}
}

// all makes the changes up to the first that is refused, and says how many it
// made.
func (e *edit) all(changes api.Changes) (made int, refused error) {
	for i := range changes {
		if err := e.change(&changes[i]); err != nil {
			return i, refusal(err, i)
		}
	}
	return len(changes), nil
}

func (e *edit) change(c *api.Change) error {
	switch c.Op {
	case api.Clear:
		e.begun.all = true
		e.Clear()
		return nil
	case api.SetTimeouts:
		return e.setTimeouts(c.Timeouts)
	case api.ZeroCounters:
		return e.zeroCounters(c.Service)
	case api.AddService, api.EditService, api.DeleteService, api.AddServer, api.EditServer, api.DeleteServer:
		if c.Service == nil {
			return fmt.Errorf("%s: no service is named", c.Op)
		}
		if c.Service.Mark == 0 && c.Service.Protocol == "" {
			return fmt.Errorf("%s: neither a protocol nor a mark is named", c.Op)
		}
		return e.changeService(c, serviceID(c.Service))
	}
	return fmt.Errorf("%q is no change", c.Op)
}

func (e *edit) changeService(c *api.Change, id config.ServiceID) error {
	switch c.Op {
	case api.AddService:
		if err := e.judgeVIP(c.Service.Address); err != nil {
			return err
		}
		return e.AddService(id, serviceSettings(c.Service))
	case api.EditService:
		return e.EditService(id, serviceSettings(c.Service))
	case api.DeleteService:
		return e.deleteService(id)
	}
	if c.Server == nil {
		return fmt.Errorf("%s: no real server is named", c.Op)
	}
	return e.changeServer(c.Op, id, c.Server)
}

func (e *edit) deleteService(id config.ServiceID) error {
	name, err := e.Find(id)
	if err != nil {
		return err
	}
	if err := e.DeleteService(id); err != nil {
		return err
	}
	if _, err := e.Find(config.ServiceID{Name: name}); err != nil { // not just one of its addresses
		e.begun.add(name)
	}
	return nil
}

func (e *edit) changeServer(op api.Op, id config.ServiceID, s *api.Destination) error {
	settings := config.ServerSettings{Address: s.Address, Weight: s.Weight, Upper: s.Upper, Lower: s.Lower}
	switch op {
	case api.EditServer:
		return e.editServer(id, settings)
	case api.DeleteServer:
		return e.DeleteServer(id, s.Address)
	}
	addr := addressOf(s.Address)
	if err := e.judge(addr, config.Service{RealServers: []config.RealServer{{Addr: addr}}}); err != nil {
		return err
	}
	if err := e.AddServer(id, settings); err != nil {
		return err
	}
	e.added = append(e.added, addr)
	return nil
}

func (e *edit) editServer(id config.ServiceID, settings config.ServerSettings) error {
	if err := e.EditServer(id, settings); err != nil {
		return err
	}
	name, err := e.Find(id)
	if err == nil {
		e.edited[name+" "+addressOf(settings.Address).String()] = true
	}
	return err
}

func (e *edit) setTimeouts(t *api.Timeouts) error {
	if t == nil {
		return errors.New("set-timeouts: no timeouts are named")
	}
	return e.SetTimeouts(config.Timeouts{TCP: duration(t.TCP), TCPFin: duration(t.TCPFin), UDP: duration(t.UDP)})
}

// zeroCounters notes which services' counters are set to zero; nil: all.
func (e *edit) zeroCounters(s *api.VirtualService) error {
	if s == nil {
		e.zeroed.all = true
		return nil
	}
	name, err := e.Find(serviceID(s))
	if err != nil {
		return err
	}
	e.zeroed.add(name)
	return nil
}

// judgeVIP refuses an address that no VIP can have on this host.
func (e *edit) judgeVIP(text string) error {
	addr := addressOf(text)
	return e.judge(addr, config.Service{Addresses: []config.Address{{Addr: addr}}})
}

// judge returns what keeps a service with an address from running on this host.
// An interface that is missing just now is no reason.
func (e *edit) judge(addr netip.Addr, s config.Service) error {
	if !addr.IsValid() {
		return nil // the editor says why
	}
	known, ok := e.judged[addr]
	if ok {
		return known
	}
	var mistakes config.Errors
	if errors.As((&config.Config{Services: []config.Service{s}}).CheckHost(e.host), &mistakes) {
		for _, m := range mistakes {
			if m.Key != "ingress" {
				known = m
			}
		}
	}
	e.judged[addr] = known
	return known
}

// addressOf returns the address of ADDRESS or ADDRESS:PORT; invalid if there is
// none.
func addressOf(text string) netip.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr()
	}
	addr, _ := netip.ParseAddr(text)
	return addr
}

func serviceID(s *api.VirtualService) config.ServiceID {
	if s.Mark != 0 {
		return config.ServiceID{Mark: s.Mark}
	}
	return config.ServiceID{Protocol: config.Protocol(s.Protocol), Address: s.Address}
}

func serviceSettings(s *api.VirtualService) config.ServiceSettings {
	return config.ServiceSettings{
		Scheduler: s.Scheduler, Flags: s.Flags, OnePacket: s.OnePacket,
		Persistence: config.Persistence{Timeout: duration(s.Persistence), Prefix: s.Prefix},
	}
}

// duration is so many seconds; what is too long for a duration is too long for
// everything.
func duration(seconds int) time.Duration {
	return time.Duration(min(max(seconds, -1), math.MaxInt32)) * time.Second
}
