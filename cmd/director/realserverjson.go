package main

import (
	"encoding/json"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"lvsdr/realserver"
)

func (f *realserverFlags) addJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as JSON, for programs")
}

func printJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // commands have && in them
	return e.Encode(value)
}

// checkedJSON is what check prints.
type checkedJSON struct {
	Healthy  bool                 `json:"healthy"`
	Findings []realserver.Finding `json:"findings"`
}

// appliedJSON is what apply prints.
type appliedJSON struct {
	VIPs   []netip.Addr `json:"vips"`
	Steps  []stepJSON   `json:"steps"` // that were missing, in order
	Pruned undoneJSON   `json:"pruned"`
}

// stepJSON is one change that was made.
type stepJSON struct {
	Change  string       `json:"change"`
	Command string       `json:"command"` // that would have done the same
	VIPs    []netip.Addr `json:"vips"`    // that need it
}

// undoneJSON is what undo prints.
type undoneJSON struct {
	Undone     []string     `json:"undone"`      // in order
	Kept       []string     `json:"kept"`        // other VIPs need them
	NotApplied []netip.Addr `json:"not_applied"` // nothing was there to undo
}

func newAppliedJSON(p *realserver.Plan) appliedJSON {
	a := appliedJSON{VIPs: p.VIPs, Steps: []stepJSON{}, Pruned: newUndoneJSON(p.Undone)}
	for _, s := range p.Steps {
		a.Steps = append(a.Steps, stepJSON{s.Change.String(), s.Change.Command(), s.VIPs})
	}
	return a
}

// newUndoneJSON makes empty lists of nil.
func newUndoneJSON(u *realserver.Undone) undoneJSON {
	j := undoneJSON{Undone: []string{}, Kept: []string{}, NotApplied: []netip.Addr{}}
	if u == nil {
		return j
	}
	for _, c := range u.Restored {
		j.Undone = append(j.Undone, c.Reverse())
	}
	for _, c := range u.Kept {
		j.Kept = append(j.Kept, c.String())
	}
	j.NotApplied = append(j.NotApplied, u.NotApplied...)
	return j
}
