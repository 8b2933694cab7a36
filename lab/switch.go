package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridgeName is the bridge's interface in a switch's namespace.
const bridgeName = "br0"

// Switch is a learning Ethernet switch: a bridge in a network namespace of its
// own, so that nothing else on the machine filters its frames.
type Switch struct {
	lab  *Lab
	name string
	ns   *namespace

	mu    sync.Mutex
	ports int
}

// Switch adds a switch without ports; [Lab.Connect] plugs links into it.
func (l *Lab) Switch(name string) *Switch {
	s := &Switch{lab: l, name: name, ns: l.newSpace(switchNamespace, "make switch "+name)}
	l.fail("make switch "+name, s.addBridge())
	return s
}

// Name is what the switch was called when it was made.
func (s *Switch) Name() string { return s.name }

func (s *Switch) space() *namespace { return s.ns }

func (s *Switch) addBridge() error {
	err := s.ns.do(func() error {
		for _, protocol := range []string{"arp", "ip", "ip6"} {
			err := writeSysctl("net/bridge/bridge-nf-call-"+protocol+"tables", "0")
			if err != nil && !errors.Is(err, os.ErrNotExist) { // the module is not there: nothing calls
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.ns.rtnetlink(func(nl *netlink.Handle) error {
		snoop := false
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}, MulticastSnooping: &snoop}
		if err := nl.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add bridge: %w", err)
		}
		return nl.LinkSetUp(bridge)
	})
}

func (s *Switch) newEnd(cfg *LinkConfig) *Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports++
	if cfg.Name == "" {
		cfg.Name = fmt.Sprintf("port%d", s.ports)
	}
	return &Interface{node: s, lab: s.lab, name: cfg.Name}
}

func (s *Switch) attach(i *Interface) error {
	return s.ns.rtnetlink(func(nl *netlink.Handle) error {
		port, err := nl.LinkByName(i.name)
		if err != nil {
			return err
		}
		bridge, err := nl.LinkByName(bridgeName)
		if err != nil {
			return err
		}
		return nl.LinkSetMaster(port, bridge)
	})
}

// Hub makes the switch forget all addresses and never learn one again: it sends
// every frame out of every other port.
func (s *Switch) Hub() {
	err := s.ns.rtnetlink(func(nl *netlink.Handle) error {
		bridge, err := nl.LinkByName(bridgeName)
		if err != nil {
			return err
		}
		links, err := nl.LinkList()
		if err != nil {
			return err
		}
		for _, port := range links {
			if port.Attrs().MasterIndex == bridge.Attrs().Index {
				err = errors.Join(err, nl.LinkSetLearning(port, false))
			}
		}
		return err
	})
	if err == nil {
		err = s.forget()
	}
	s.lab.fail(s.name+": become a hub", err)
}

// Port returns the name of the port behind which the switch has learned that
// address, or "" if it would flood a frame to it.
func (s *Switch) Port(mac net.HardwareAddr) string {
	var name string
	err := s.eachLearned(func(nl *netlink.Handle, entry *netlink.Neigh) error {
		if entry.HardwareAddr.String() != mac.String() {
			return nil
		}
		port, err := nl.LinkByIndex(entry.LinkIndex)
		if err != nil {
			return err
		}
		name = port.Attrs().Name
		return nil
	})
	s.lab.fail(s.name+": read the address table", err)
	return name
}

// Forget empties the table of learned addresses.
func (s *Switch) Forget() { s.lab.fail(s.name+": forget addresses", s.forget()) }

func (s *Switch) forget() error {
	return s.eachLearned(func(nl *netlink.Handle, entry *netlink.Neigh) error {
		err := nl.NeighDel(entry)
		if errors.Is(err, unix.ENOENT) {
			return nil // aged meanwhile
		}
		return err
	})
}

// eachLearned calls fn for each address that the bridge learned from traffic.
func (s *Switch) eachLearned(fn func(*netlink.Handle, *netlink.Neigh) error) error {
	return s.ns.rtnetlink(func(nl *netlink.Handle) error {
		entries, err := nl.NeighList(0, unix.AF_BRIDGE)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.State&(netlink.NUD_PERMANENT|netlink.NUD_NOARP) != 0 {
				continue
			}
			entry.Flags |= netlink.NTF_MASTER
			if err := fn(nl, &entry); err != nil {
				return err
			}
		}
		return nil
	})
}

// SetIsolated parts the hosts behind a switch's port from those behind its
// other isolated ports; they still reach ports that are not. Two isolated ports
// are a LAN whose halves do not see each other, without carrier loss. The
// interface must be a port: link.Peer.
func (i *Interface) SetIsolated(on bool) {
	i.change(fmt.Sprintf("set isolated %v", on), func(nl *netlink.Handle, link netlink.Link) error {
		return nl.LinkSetIsolated(link, on)
	})
}
