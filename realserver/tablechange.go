package realserver

import (
	"fmt"
	"net/netip"

	"lvsdr/finding"
)

// TableChange writes an nftables table.
type TableChange struct {
	Before *Table `json:"before,omitempty"` // nil: there was none
	After  Table  `json:"after"`
}

// Key implements Change.
func (c *TableChange) Key() string { return tableKey(c.After) }

func tableKey(t Table) string { return "table " + t.id() }

// Do implements Change.
func (c *TableChange) Do(h Host) error { return put(h, c.After) }

// Undo implements Change.
func (c *TableChange) Undo(h Host) error {
	if c.Before != nil {
		return put(h, *c.Before)
	}
	state, err := h.CompareTable(c.After)
	if err != nil || state == TableAbsent {
		return err
	}
	return h.RemoveTable(c.After)
}

func put(h Host, t Table) error {
	state, err := h.CompareTable(t)
	if err != nil || state == TableSame {
		return err
	}
	return h.PutTable(t)
}

// Command implements Change. nft does all that is in one call at once, or
// nothing.
func (c *TableChange) Command() string {
	if c.Before != nil {
		return "nft " + finding.ShellQuote(fmt.Sprintf("delete table %s; %v", c.After.id(), c.After))
	}
	return "nft " + finding.ShellQuote(c.After.String())
}

// String implements Change.
func (c *TableChange) String() string {
	verb := "add"
	if c.Before != nil {
		verb = "replace"
	}
	return fmt.Sprintf("nftables: %s %v", verb, c.After)
}

// Reverse implements Change.
func (c *TableChange) Reverse() string {
	if c.Before != nil {
		return fmt.Sprintf("nftables: restore %v", *c.Before)
	}
	return fmt.Sprintf("nftables: remove table %s", c.After.id())
}

// tableStep returns the change that brings about t, or nil where t is there. A
// table that has t's name and is not of this program's making stays.
func (s *state) tableStep(t Table) (*TableChange, error) {
	is, err := s.host.CompareTable(t)
	if err != nil || is == TableSame {
		return nil, err
	}
	c := &TableChange{After: t}
	if is == TableAbsent {
		return c, nil
	}
	ours := s.recordedTable(t)
	if ours == nil {
		return nil, fmt.Errorf("nftables: there is another table %s, and no record says that it was made here: "+
			"nft list table %[1]s; if nobody needs it: nft delete table %[1]s", t.id())
	}
	c.Before = ours
	return c, nil
}

// recordedTable returns the table of t's name as it was last written, or nil.
func (s *state) recordedTable(t Table) *Table {
	i := s.record.find(tableKey(t))
	if i < 0 {
		return nil
	}
	t = s.record.Entries[i].Table.After
	return &t
}

// checkTable judges the table of a VIP, whose packets arrive on the interfaces; why
// says what goes wrong without it.
func (s *state) checkTable(t Table, method string, vip netip.Addr, interfaces []string, why string) (Finding, error) {
	is, err := s.host.CompareTable(t)
	if err != nil {
		return Finding{}, err
	}
	apply := applyCommand(method, vip, t.services()...)
	switch is {
	case TableAbsent:
		covered, err := s.host.Covered(t, interfaces)
		if err != nil {
			return Finding{}, err
		}
		if covered {
			return Finding{
				Name: NameTable, VIP: vip, OK: true,
				What: fmt.Sprintf("other nftables rules do for %v what method %s would", vip, method),
			}, nil
		}
		return Finding{Name: NameTable, VIP: vip, What: "nftables has no table " + t.id(), Why: why, Remedy: apply}, nil
	case TableDiffers:
		return Finding{
			Name: NameTable, VIP: vip,
			What:   fmt.Sprintf("nftables has a table %s, and it is not %v", t.id(), t),
			Why:    why,
			Remedy: fmt.Sprintf("nft delete table %s && %s", t.id(), apply),
		}, nil
	}
	return Finding{Name: NameTable, VIP: vip, OK: true, What: fmt.Sprintf("nftables has table %s, as it should be", t.id())}, nil
}
