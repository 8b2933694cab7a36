package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
)

// Record is what was applied to a host since its boot.
type Record struct {
	File    string       `json:"file"`
	Changes []Applied    `json:"changes"` // in the order in which they were made
	Boot    []netip.Addr `json:"boot"`    // VIPs that the next boot applies
}

// Applied is one change of a host, and how the host compares with it now.
type Applied struct {
	What   string       `json:"what"`   // net.ipv4.conf.all.arp_ignore, 192.0.2.10/32 on lo, nftables table ...
	Before string       `json:"before"` // what was there, and will be after undo; "" is nothing
	After  string       `json:"after"`  // what apply made of it
	Now    string       `json:"now"`    // what is there; "" is nothing
	Drift  bool         `json:"drift"`  // somebody has changed it since
	Method string       `json:"method"`
	VIPs   []netip.Addr `json:"vips"` // that need it
}

// Show returns what was applied for the VIPs of o or, when there are none, for all,
// by the method of o or, when there is none, by any. It changes nothing; where
// nftables were changed, reading them needs CAP_NET_ADMIN.
func Show(o Options, h Host) (*Record, error) {
	r, err := newRunner(o, h)
	if err != nil {
		return nil, err
	}
	rec, boot, err := r.load()
	if err != nil {
		return nil, err
	}
	shown := &Record{File: r.store.path(), Changes: []Applied{}, Boot: []netip.Addr{}}
	for _, vip := range boot.vips() {
		if len(r.options.VIPs) == 0 || slices.Contains(r.options.VIPs, vip) {
			shown.Boot = append(shown.Boot, vip)
		}
	}
	for _, e := range rec.Entries {
		method := cmp.Or(e.Method, MethodSysctl)
		if o.Method != "" && o.Method != method || len(r.options.VIPs) > 0 && !containsAny(e.VIPs, r.options.VIPs) {
			continue
		}
		a, err := e.compare(h)
		if err != nil {
			return nil, err
		}
		a.Method, a.VIPs = method, e.VIPs
		shown.Changes = append(shown.Changes, a)
	}
	return shown, nil
}

// compare looks at what the change is about.
func (e entry) compare(h Host) (Applied, error) {
	switch {
	case e.Sysctl != nil:
		return e.Sysctl.compare(h)
	case e.Table != nil:
		return e.Table.compare(h)
	}
	return e.Address.compare(h)
}

// compare takes a sysctl that went with its interface for nothing.
func (c *SysctlChange) compare(h Host) (Applied, error) {
	now, err := h.ReadSysctl(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return Applied{What: sysctlName(c.Path), Before: c.Before, After: c.After, Now: now, Drift: now != c.After}, err
}

func (c *AddressChange) compare(h Host) (Applied, error) {
	a := Applied{What: fmt.Sprintf("%v on %s", c.Prefix, c.Interface), After: c.describe(), Drift: true}
	addrs, err := h.Addresses()
	if err != nil {
		return a, err
	}
	if i := slices.IndexFunc(addrs, c.same); i >= 0 {
		a.Now = addrs[i].describe()
		a.Drift = a.Now != a.After
	}
	return a, nil
}

// describe says what an address is beside its place.
func (a Address) describe() string {
	words := []string{"scope " + a.Scope.String()}
	if a.Label != "" {
		words = append(words, a.Label)
	}
	if a.Deprecated {
		words = append(words, "deprecated")
	}
	if a.Tentative {
		words = append(words, "tentative or duplicate")
	}
	return strings.Join(words, ", ")
}

// anotherTable stands for a table that nobody here has written.
const anotherTable = "another table of that name"

func (c *TableChange) compare(h Host) (Applied, error) {
	a := Applied{What: "nftables table " + c.After.id(), After: c.After.describe()}
	if c.Before != nil {
		a.Before = c.Before.describe()
	}
	is, err := h.CompareTable(c.After)
	switch is {
	case TableSame:
		a.Now = a.After
	case TableDiffers:
		a.Now = anotherTable
	}
	a.Drift = is != TableSame
	return a, err
}

// describe returns the rules of the table.
func (t Table) describe() string {
	var rules []string
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			rules = append(rules, c.Hook+": "+r.String())
		}
	}
	return strings.Join(rules, "; ")
}
