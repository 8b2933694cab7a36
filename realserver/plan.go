package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/finding"
)

// Plan is what Apply would do: the steps that the host lacks, in order, and then
// with Options.Prune the end of VIPs that are not wanted any more.
type Plan struct {
	VIPs   []netip.Addr
	Steps  []Step
	Gone   []netip.Addr // VIPs that were applied, and are to be undone
	Undone *Undone      // what Apply did about them; nil before

	stateDir string // of the record
}

// NewPlan returns what is missing on h for o. It changes nothing. The error
// holds everything that stands in the way, each with its remedy.
func NewPlan(o Options, h Host) (*Plan, error) {
	r, err := newRunner(o, h)
	if err != nil {
		return nil, err
	}
	rec, boot, err := r.load()
	if err != nil {
		return nil, err
	}
	return r.plan(rec, boot)
}

// String returns a line for each step, and for each change that was undone, or one
// that says that there are none.
func (p *Plan) String() string {
	if len(p.Steps) == 0 && len(p.Gone) == 0 {
		return "nothing to do\n"
	}
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintln(&b, s.Change)
	}
	if p.Undone != nil {
		b.WriteString(p.Undone.String())
	}
	return b.String()
}

// Changes lists what the steps change.
func (p *Plan) Changes() []Change {
	changes := make([]Change, len(p.Steps))
	for i, s := range p.Steps {
		changes[i] = s.Change
	}
	return changes
}

// Commands returns the lines for a shell that do the same. What is to be undone is
// in the record, which only this program can read.
func (p *Plan) Commands() []string {
	lines := make([]string, 0, len(p.Steps)+len(p.Gone))
	for _, c := range p.Changes() {
		lines = append(lines, c.Command())
	}
	for _, vip := range p.Gone {
		line := fmt.Sprintf("director realserver undo --vip %v", vip)
		if p.stateDir != DefaultStateDir {
			line += " --state-dir " + finding.ShellWord(p.stateDir)
		}
		lines = append(lines, line)
	}
	return lines
}

// runner holds what Apply, Undo and Check share.
type runner struct {
	options Options
	method  method
	host    Host
	store   store
	keeps   []netip.Addr // VIPs that a Keeper has in hand and this runner is for
}

func newRunner(o Options, h Host) (*runner, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := lookupMethod(o.Method)
	if err != nil {
		return nil, err
	}
	id, err := h.Identity()
	if err != nil {
		return nil, err
	}
	return &runner{options: o, method: m, host: h, store: store{dir: o.StateDir, id: id}}, nil
}

func (r *runner) plan(rec record, boot *persisted) (*Plan, error) {
	if len(r.options.VIPs) == 0 {
		return nil, ErrNoVIP
	}
	if err := errors.Join(r.options.onlyRedirectServices(), r.otherMethod(rec, boot), r.otherPlace(boot, r.options.VIPs)); err != nil {
		return nil, err
	}
	s, err := readState(r.host, rec)
	if err != nil {
		return nil, err
	}
	if err := s.reserved(r.options.VIPs); err != nil {
		return nil, err
	}
	steps, err := r.method.steps(r.options, s)
	if err != nil {
		return nil, err
	}
	if r.options.Persist {
		files, err := r.persistSteps(steps, s)
		if err != nil {
			return nil, fmt.Errorf("persist: %w", err)
		}
		steps = append(steps, files...)
	}
	gone, err := r.gone(rec, boot)
	return &Plan{VIPs: r.options.VIPs, Steps: steps, Gone: gone, stateDir: r.options.StateDir}, err
}

// otherMethod refuses VIPs to which another method was applied: two at once
// would have to be told apart by whoever reads the host.
func (r *runner) otherMethod(rec record, boot *persisted) error {
	var errs []error
	for _, vip := range r.options.VIPs {
		if m := appliedBy(rec, boot, vip); m != "" && m != r.method.name() {
			errs = append(errs, fmt.Errorf("%v: method %s was applied to it: director realserver undo --vip %v, or go on with --method %s",
				vip, m, vip, m))
		}
	}
	return errors.Join(errs...)
}

// sysctlPaths lists the sysctls that changes write.
func sysctlPaths(changes []Change) []string {
	var paths []string
	for _, c := range changes {
		if s, ok := c.(*SysctlChange); ok && !slices.Contains(paths, s.Path) {
			paths = append(paths, s.Path)
		}
	}
	return paths
}

// newTables lists the tables that changes write.
func newTables(changes []Change) []Table {
	var tables []Table
	for _, c := range changes {
		if t, ok := c.(*TableChange); ok {
			tables = append(tables, t.After)
		}
	}
	return tables
}
