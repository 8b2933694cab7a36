package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
)

// ErrNothingApplied is returned by Undo when the record holds none of the VIPs.
var ErrNothingApplied = errors.New("nothing was applied since this host's boot: nothing to undo")

// Undone is what Undo did.
type Undone struct {
	Restored   []Change     // in the order in which they were undone
	Kept       []Change     // other VIPs need them
	NotApplied []netip.Addr // VIPs of Options that Apply did not have to do anything for
}

// String returns a line for each change that was undone or kept, and for each VIP
// for which there was none.
func (u *Undone) String() string {
	var b strings.Builder
	for _, c := range u.Restored {
		fmt.Fprintln(&b, c.Reverse())
	}
	for _, c := range u.Kept {
		fmt.Fprintf(&b, "kept for other VIPs: %v\n", c)
	}
	for _, vip := range u.NotApplied {
		fmt.Fprintf(&b, "%v: nothing was applied for it\n", vip)
	}
	return b.String()
}

// Undo restores what was there before Apply, for the VIPs of o or, when there
// are none, for all, and has the next boot do no more about them. What several
// VIPs rest on is restored with the last of them. Interrupted, it can be called
// again. VIPs that a Keeper has in hand are an error: it would apply them again.
func Undo(o Options, h Host) (*Undone, error) {
	r, err := newRunner(o, h)
	if err != nil {
		return nil, err
	}
	vips := r.options.VIPs
	if len(vips) == 0 {
		rec, boot, err := r.load()
		if err != nil {
			return nil, err
		}
		vips = appliedVIPs(rec, boot)
	}
	if err := r.store.refuseHeld(vips); err != nil {
		return nil, err
	}
	return r.undo()
}

func (r *runner) undo() (*Undone, error) {
	boot, err := readPersisted(r.host)
	if err != nil {
		return nil, err
	}
	unlock, err := r.store.lock(len(boot.removal(boot.vips())) > 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNothingApplied
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	rec, boot, err := r.load()
	if err != nil {
		return nil, err
	}
	known, vips := rec.vips(), r.options.VIPs
	if !r.options.Runtime {
		known = sortedAddrs(append(known, boot.vips()...))
	}
	if len(vips) == 0 {
		vips = known
	}
	u := &Undone{NotApplied: without(vips, known)}
	var files []Change
	if !r.options.Runtime {
		files = boot.removal(vips)
	}
	if len(u.NotApplied) == len(vips) && len(files) == 0 {
		return u, ErrNothingApplied
	}
	if err := r.canUndo(rec, boot, vips, files); err != nil {
		return nil, err
	}
	if err := r.restore(rec, vips, u); err != nil {
		return u, err
	}
	return u, r.restoreFiles(files, u)
}

// canUndo finds out whether undo could work, before anything is touched.
func (r *runner) canUndo(rec record, boot *persisted, vips []netip.Addr, files []Change) error {
	if err := r.otherPlace(boot, vips); err != nil {
		return err
	}
	if err := r.host.PreflightFiles(filePaths(files)); err != nil {
		return err
	}
	return r.couldRestore(rec, vips)
}

// restoreFiles undoes last first: a unit is no more than a file once its link is gone.
func (r *runner) restoreFiles(files []Change, u *Undone) error {
	for _, c := range slices.Backward(files) {
		if err := c.Undo(r.host); err != nil {
			return err
		}
		u.Restored = append(u.Restored, c)
	}
	return nil
}

// couldRestore finds out whether restore could work, before anything is touched.
func (r *runner) couldRestore(rec record, vips []netip.Addr) error {
	changes := rec.onlyFor(vips)
	if err := r.host.Preflight(r.present(sysctlPaths(changes)), nil); err != nil {
		return err
	}
	for _, t := range newTables(changes) {
		if _, err := r.host.CompareTable(t); err != nil {
			return err
		}
	}
	return r.store.save(rec)
}

// restore undoes, last first, so that the VIPs leave before what hides them.
// It stops at the first change that fails for the same reason.
func (r *runner) restore(rec record, vips []netip.Addr, u *Undone) error {
	for i := len(rec.Entries) - 1; i >= 0; i-- {
		e := rec.Entries[i]
		if !containsAny(e.VIPs, vips) {
			continue
		}
		left := without(e.VIPs, vips)
		if len(left) > 0 {
			rec.Entries[i].VIPs = left
			u.Kept = append(u.Kept, e.change())
		} else {
			done, there := r.asItIs(e.change())
			if err := e.change().Undo(r.host); err != nil {
				return err
			}
			rec.Entries = slices.Delete(rec.Entries, i, i+1)
			if there {
				u.Restored = append(u.Restored, done)
			}
		}
		if err := r.store.save(rec); err != nil {
			return err
		}
	}
	return nil
}

// asItIs has a sysctl begin where it is: somebody may have changed it since. One that
// went with its interface is not there to be restored.
func (r *runner) asItIs(c Change) (_ Change, there bool) {
	s, ok := c.(*SysctlChange)
	if !ok {
		return c, true
	}
	now, err := r.host.ReadSysctl(s.Path)
	if err != nil {
		return c, !errors.Is(err, fs.ErrNotExist)
	}
	return &SysctlChange{Path: s.Path, Before: s.Before, After: now}, true
}

// present leaves out the sysctls that went with their interface.
func (r *runner) present(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		_, err := r.host.ReadSysctl(path)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// without returns the addresses of a that are not in b.
func without(a, b []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(a), func(addr netip.Addr) bool { return slices.Contains(b, addr) })
}

func containsAny(a, b []netip.Addr) bool { return len(without(a, b)) < len(a) }
