package realserver

import (
	"fmt"
	"net/netip"
)

// gone lists the VIPs that were applied and are not wanted any more: not here, and
// by no other Keeper.
func (r *runner) gone(rec record, boot *persisted) ([]netip.Addr, error) {
	if !r.options.Prune {
		return nil, nil
	}
	gone := without(appliedVIPs(rec, boot), r.options.VIPs)
	held, err := r.store.held(without(gone, r.keeps))
	return without(gone, held), err
}

// prune undoes what is gone. It comes last: what the VIPs that stay share with
// those that go is never away.
func (r *runner) prune(rec record, p *Plan) error {
	if len(p.Gone) == 0 {
		return nil
	}
	p.Undone = &Undone{}
	err := r.couldRestore(rec, p.Gone)
	if err == nil {
		err = r.restore(rec, p.Gone, p.Undone)
	}
	if err == nil {
		err = r.pruneFiles(p)
	}
	if err != nil {
		return fmt.Errorf("the VIPs are applied, but not all that is not wanted any more is undone: %w", err)
	}
	return nil
}

// pruneFiles has the next boot do no more about what is gone.
func (r *runner) pruneFiles(p *Plan) error {
	boot, err := readPersisted(r.host)
	if err != nil {
		return err
	}
	return r.restoreFiles(boot.removal(p.Gone), p.Undone)
}
