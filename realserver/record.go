package realserver

import (
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
	VIPs    []netip.Addr   `json:"vips"`
}

func newEntry(s Step) entry {
	e := entry{VIPs: s.VIPs}
	switch c := s.Change.(type) {
	case *SysctlChange:
		e.Sysctl = c
	case *AddressChange:
		e.Address = c
	}
	return e
}

func (e entry) change() Change {
	if e.Sysctl != nil {
		return e.Sysctl
	}
	return e.Address
}

// valid says whether the entry holds exactly one change.
func (e entry) valid() bool { return (e.Sysctl != nil) != (e.Address != nil) }

func (r record) clone() record {
	r.Entries = slices.Clone(r.Entries)
	for i := range r.Entries {
		r.Entries[i].VIPs = slices.Clone(r.Entries[i].VIPs)
		if s := r.Entries[i].Sysctl; s != nil {
			copied := *s
			r.Entries[i].Sysctl = &copied
		}
	}
	return r
}

// find returns the index of the entry with that key, or -1.
func (r record) find(key string) int {
	return slices.IndexFunc(r.Entries, func(e entry) bool { return e.change().Key() == key })
}

// add notes that s is about to be done. What an earlier Apply found stays
// what was there before.
func (r *record) add(s Step) {
	i := r.find(s.Change.Key())
	if i < 0 {
		r.Entries = append(r.Entries, newEntry(s))
		return
	}
	e := &r.Entries[i]
	e.VIPs = sortedAddrs(append(e.VIPs, s.VIPs...))
	if c, ok := s.Change.(*SysctlChange); ok && e.Sysctl != nil {
		e.Sysctl.After = c.After
	}
}

// claim notes that vips need the recorded changes of those keys too. It
// reports whether that is news.
func (r *record) claim(keys []string, vips []netip.Addr) bool {
	news := false
	for _, key := range keys {
		i := r.find(key)
		if i < 0 {
			continue
		}
		e := &r.Entries[i]
		union := sortedAddrs(append(slices.Clone(e.VIPs), vips...))
		news = news || len(union) != len(e.VIPs)
		e.VIPs = union
	}
	return news
}

// vips returns every VIP for whose sake something was changed.
func (r record) vips() []netip.Addr {
	var all []netip.Addr
	for _, e := range r.Entries {
		all = append(all, e.VIPs...)
	}
	return sortedAddrs(all)
}
