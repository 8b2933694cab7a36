package realserver

import (
	"cmp"
	"net/netip"
	"slices"
)

// recordVersion changes when the meaning of a record does.
const recordVersion = 1

// record is what Apply did to a host, in the order in which it was done: each
// change as the first Apply found things, and the VIPs for whose sake it stays.
type record struct {
	Version int `json:"version"`
	Identity
	Entries []entry `json:"entries"`
}

// entry is one change of a record; exactly one of the changes is set.
type entry struct {
	Sysctl  *SysctlChange  `json:"sysctl,omitempty"`
	Address *AddressChange `json:"address,omitempty"`
	Table   *TableChange   `json:"table,omitempty"`
	Method  string         `json:"method,omitempty"` // that made it; "" is sysctl
	VIPs    []netip.Addr   `json:"vips"`
	// Interfaces are those that the last Apply named for the VIP of an address or a
	// table; none is every one of the LAN.
	Interfaces []string `json:"interfaces,omitempty"`
}

func newEntry(s Step, method string) entry {
	e := entry{VIPs: s.VIPs, Method: method}
	switch c := s.Change.(type) {
	case *SysctlChange:
		e.Sysctl = c
	case *AddressChange:
		e.Address = c
	case *TableChange:
		e.Table = c
	}
	return e
}

func (e entry) change() Change {
	switch {
	case e.Sysctl != nil:
		return e.Sysctl
	case e.Table != nil:
		return e.Table
	}
	return e.Address
}

// valid says whether the entry holds exactly one change.
func (e entry) valid() bool {
	n := 0
	for _, there := range []bool{e.Sysctl != nil, e.Address != nil, e.Table != nil} {
		if there {
			n++
		}
	}
	return n == 1
}

// find returns the index of the entry with that key, or -1.
func (r record) find(key string) int {
	return slices.IndexFunc(r.Entries, func(e entry) bool { return e.change().Key() == key })
}

// add notes that s is about to be done by that method. What an earlier Apply
// found stays what was there before.
func (r *record) add(s Step, method string) {
	i := r.find(s.Change.Key())
	if i < 0 {
		r.Entries = append(r.Entries, newEntry(s, method))
		return
	}
	e := &r.Entries[i]
	e.VIPs = sortedAddrs(append(e.VIPs, s.VIPs...))
	if c, ok := s.Change.(*SysctlChange); ok && e.Sysctl != nil {
		e.Sysctl.After = c.After
	}
	if c, ok := s.Change.(*TableChange); ok && e.Table != nil {
		e.Table.After = c.After
	}
}

// claim notes that vips need the recorded changes of those keys too.
func (r *record) claim(keys []string, vips []netip.Addr) {
	for _, key := range keys {
		i := r.find(key)
		if i < 0 {
			continue
		}
		e := &r.Entries[i]
		e.VIPs = sortedAddrs(append(slices.Clone(e.VIPs), vips...))
	}
}

// name notes for which interfaces of the LAN the VIPs were applied. A sysctl is for
// several VIPs, whose interfaces need not be the same.
func (r *record) name(interfaces []string, vips []netip.Addr) {
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Sysctl == nil && containsAny(e.VIPs, vips) {
			e.Interfaces = interfaces
		}
	}
}

// interfaces returns those that were named for the VIP; none is every one of the LAN.
func (r record) interfaces(vip netip.Addr) []string {
	for _, e := range r.Entries {
		if e.Sysctl == nil && slices.Contains(e.VIPs, vip) {
			return e.Interfaces
		}
	}
	return nil
}

// onlyFor returns the changes that none but these VIPs need.
func (r record) onlyFor(vips []netip.Addr) []Change {
	var changes []Change
	for _, e := range r.Entries {
		if len(without(e.VIPs, vips)) == 0 {
			changes = append(changes, e.change())
		}
	}
	return changes
}

// vips returns every VIP for whose sake something was changed.
func (r record) vips() []netip.Addr {
	var all []netip.Addr
	for _, e := range r.Entries {
		all = append(all, e.VIPs...)
	}
	return sortedAddrs(all)
}

// method returns the name of the method that was applied to the VIP, or "" when
// none was, or none had anything to do.
func (r record) method(vip netip.Addr) string {
	for _, e := range r.Entries {
		if slices.Contains(e.VIPs, vip) {
			return cmp.Or(e.Method, MethodSysctl)
		}
	}
	return ""
}
