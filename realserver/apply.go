package realserver

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Apply does what NewPlan says and returns the plan. It is all or nothing: when
// a step fails, those before it are undone and the error says so. Applied
// twice, it does nothing the second time. With Options.Prune, VIPs that were
// applied before and are not in o are undone after that. Two calls at a time, also of two
// processes, wait for each other.
func Apply(o Options, h Host) (*Plan, error) {
	r, err := newRunner(o, h)
	if err != nil {
		return nil, err
	}
	return r.apply()
}

func (r *runner) apply() (*Plan, error) {
	if _, err := r.prepare(); err != nil {
		return nil, err
	}
	unlock, err := r.store.lock(true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, err := r.store.load()
	if err != nil {
		return nil, err
	}
	rec, boot, err := r.load()
	if err != nil {
		return nil, err
	}
	r.forgetGone(&rec)
	// Another process may have changed the host since.
	p, err := r.plan(rec, boot)
	if err != nil {
		return nil, err
	}
	if err := r.claim(&rec); err != nil {
		return nil, err
	}
	if err := r.saveClaims(old, rec, p); err != nil {
		return nil, err
	}
	for i, step := range p.Steps {
		var err error
		if recorded(step) {
			rec.add(step, r.method.name())
			rec.name(r.options.Interfaces, step.VIPs)
			err = r.store.save(rec)
		}
		if err == nil {
			err = step.Change.Do(r.host)
		}
		if err != nil {
			return nil, r.rollback(p.Steps[:i], old, err)
		}
	}
	return p, r.prune(rec, p)
}

// prepare finds out whether Apply could work, before anything is touched.
func (r *runner) prepare() (*Plan, error) {
	rec, boot, err := r.load()
	if err != nil {
		return nil, err
	}
	p, err := r.plan(rec, boot)
	if err != nil {
		return nil, err
	}
	if len(p.Steps) == 0 && len(p.Gone) == 0 {
		return p, nil
	}
	changes := p.Changes()
	if err := r.host.PreflightFiles(append(filePaths(changes), filePaths(boot.removal(p.Gone))...)); err != nil {
		return nil, err
	}
	paths := append(sysctlPaths(changes), r.present(sysctlPaths(rec.onlyFor(p.Gone)))...)
	return p, r.host.Preflight(paths, newTables(changes))
}

// forgetGone leaves out sysctls that went with their interface: one of the same name
// that comes later starts anew, and where interfaces come and go all the time, the
// record does not grow with them.
func (r *runner) forgetGone(rec *record) {
	rec.Entries = slices.DeleteFunc(slices.Clone(rec.Entries), func(e entry) bool {
		return e.Sysctl != nil && len(r.present([]string{e.Sysctl.Path})) == 0
	})
}

// claim notes that the VIPs need what was changed for others before, and on which
// interfaces they are now.
func (r *runner) claim(rec *record) error {
	s, err := readState(r.host, *rec)
	if err != nil {
		return err
	}
	keys, vips, err := r.method.shared(r.options, s)
	if err != nil {
		return err
	}
	rec.claim(keys, vips)
	rec.name(r.options.Interfaces, r.options.VIPs)
	return nil
}

// saveClaims saves what is new in the record by itself. The first step that is recorded
// saves that as well.
func (r *runner) saveClaims(old, rec record, p *Plan) error {
	if slices.ContainsFunc(p.Steps, recorded) || reflect.DeepEqual(old, rec) {
		return nil
	}
	return r.store.save(rec)
}

// recorded says whether a step is kept in the record.
func recorded(s Step) bool {
	_, file := s.Change.(*FileChange)
	return !file
}

// rollback undoes the steps that were done, last first, and restores the record.
func (r *runner) rollback(done []Step, old record, cause error) error {
	for _, step := range slices.Backward(done) {
		if err := step.Change.Undo(r.host); err != nil {
			return errors.Join(cause, fmt.Errorf("roll back %v: %w: the record is kept: undo when the cause is gone", step.Change, err))
		}
	}
	if err := r.store.save(old); err != nil {
		return errors.Join(cause, fmt.Errorf("the host is as it was, but the record is not: %w: undo when the cause is gone", err))
	}
	return fmt.Errorf("%w: nothing was changed", cause)
}
