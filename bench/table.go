package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table is some series of one scenario and metric, side by side: a row for each
// variant and circumstances.
type Table struct {
	Scenario, Metric, Unit string
	Head                   []string
	Rows                   [][]string

	nothing bool // all samples are 0
}

// Tables returns a table for each scenario and metric, in the order in which
// they were first measured.
func (r *Run) Tables() (tables []*Table) {
	for _, first := range r.Series {
		same := func(t *Table) bool { return t.Scenario == first.Scenario && t.Metric == first.Metric }
		if !slices.ContainsFunc(tables, same) {
			tables = append(tables, r.table(first.Scenario, first.Metric))
		}
	}
	return tables
}

func (r *Run) table(scenario, metric string) *Table {
	t := &Table{Scenario: scenario, Metric: metric, nothing: true}
	var some []*Series
	var keys []string
	for _, s := range r.Series {
		if s.Scenario != scenario || s.Metric != metric {
			continue
		}
		some = append(some, s)
		for _, p := range s.Params {
			if !slices.Contains(keys, p.Key) {
				keys = append(keys, p.Key)
			}
		}
		t.Unit = s.Unit
	}
	t.Head = slices.Concat([]string{""}, keys, []string{"median", "±", "min", "max", "n"})
	for _, s := range some {
		t.Rows = append(t.Rows, s.row(keys))
		t.nothing = t.nothing && !slices.ContainsFunc(s.Samples, func(s Sample) bool { return s.Value != 0 })
	}
	return t
}

func (s *Series) row(keys []string) []string {
	row := []string{s.Variant}
	for _, k := range keys {
		v, _ := s.Param(k)
		row = append(row, v)
	}
	m := s.Summary()
	return append(row, Scale(m.Median), fmt.Sprintf("%.0f %%", m.Spread()*100), Scale(m.Min), Scale(m.Max), fmt.Sprint(m.N))
}

// Print writes the tables of the run for a terminal, and what is to be known
// about them.
func (r *Run) Print(out io.Writer) error {
	for _, line := range r.Notes() {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	for _, t := range r.Tables() {
		if err := t.print(out); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) print(out io.Writer) error {
	if t.nothing {
		_, err := fmt.Fprintf(out, "\n%s: %s, %s: 0 throughout\n", t.Scenario, t.Metric, t.Unit)
		return err
	}
	fmt.Fprintf(out, "\n%s: %s, %s\n", t.Scenario, t.Metric, t.Unit)
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range slices.Concat([][]string{t.Head}, t.Rows) {
		fmt.Fprintln(columns, strings.Join(row, "\t")+"\t")
	}
	return columns.Flush()
}

// Notes says where the run took place, and what is wrong with it.
func (r *Run) Notes() []string {
	m := &r.Machine
	notes := []string{fmt.Sprintf("%s, %d cores, %d MiB, %s, Linux %s; director %s, %s",
		m.CPU, m.Cores, m.Memory>>20, m.Arch, m.Kernel, r.Program, m.Go)}
	if m.Busy() {
		notes = append(notes, fmt.Sprintf("the machine was busy before the run (load %.1f): compare nothing with another run", m.Load))
	}
	if r.Interrupted {
		notes = append(notes, "interrupted: some of it is missing")
	}
	for _, s := range r.Skipped {
		notes = append(notes, fmt.Sprintf("skipped: %s: %s", s.What, s.Why))
	}
	return notes
}
