package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// Print writes which figures changed and, if all is set, also which did not.
func (c *Comparison) Print(out io.Writer, all bool) error {
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	shown := 0
	for i := range c.Changes {
		change := &c.Changes[i]
		if !all && !change.Beyond() {
			continue
		}
		if shown++; shown == 1 {
			fmt.Fprintln(columns, "figure\told\tnew\tunit\tchange\tconfidence\tp\t")
		}
		fmt.Fprintln(columns, change.row())
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, c.verdict())
	return err
}

func (c *Change) row() string {
	return strings.Join([]string{
		c.Name.String(), withSpread(c.Old), withSpread(c.New), c.Unit, c.percent(), c.interval(),
		fmt.Sprintf("%.3f", c.P), c.word(),
	}, "\t")
}

func withSpread(s Summary) string {
	return fmt.Sprintf("%s ±%.0f %%", Scale(s.Median), s.Spread()*100)
}

func (c *Change) percent() string { return percentOf(c.Ratio()) }

func percentOf(ratio float64) string {
	if math.IsNaN(ratio) {
		return "-"
	}
	return fmt.Sprintf("%+.1f %%", (ratio-1)*100)
}

func (c *Change) interval() string {
	if math.IsNaN(c.Low) {
		return "-"
	}
	return fmt.Sprintf("%s to %s (%.4g %%)", percentOf(c.Low), percentOf(c.High), (1-c.Noise.Alpha)*100)
}

func (c *Change) word() string {
	switch {
	case !c.Decides():
		return "too few samples"
	case !c.Beyond():
		return "noise"
	case c.Worse():
		return "worse"
	case c.Better == Neither:
		return "other"
	}
	return "better"
}

// verdict is the last lines: how many of which.
func (c *Comparison) verdict() string {
	var b strings.Builder
	count := make(map[string]int)
	chance := 0.0
	for i := range c.Changes {
		count[c.Changes[i].word()]++
		if c.Changes[i].Decides() {
			chance += c.Changes[i].Noise.Alpha
		}
	}
	fmt.Fprintf(&b, "%d figures: %d worse, %d better, %d other, %d the same within noise; chance alone makes about %.1f differ\n",
		len(c.Changes), count["worse"], count["better"], count["other"], count["noise"], chance)
	if n := count["too few samples"]; n > 0 {
		fmt.Fprintf(&b, "%d have too few samples to tell: measure more rounds (--rounds)\n", n)
	}
	if n := len(c.OldOnly); n > 0 {
		fmt.Fprintf(&b, "%d figures are only in the old run, such as %s\n", n, c.OldOnly[0])
	}
	if n := len(c.NewOnly); n > 0 {
		fmt.Fprintf(&b, "%d figures are only in the new run, such as %s\n", n, c.NewOnly[0])
	}
	return b.String()
}

// Worse reports whether any figure went the wrong way, beyond noise.
func (c *Comparison) Worse() bool {
	for i := range c.Changes {
		if c.Changes[i].Worse() {
			return true
		}
	}
	return false
}
