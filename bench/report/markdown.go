package report

import (
	"fmt"
	"strings"
	"time"

	"lvsdr/bench"
)

// page is the report as Markdown.
func page(run *bench.Run, plots []plotFile) string {
	var b strings.Builder
	b.WriteString("# What `director bench` measured\n\n")
	fmt.Fprintf(&b, "    %s\n\n", strings.Join(run.Command, " "))
	fmt.Fprintf(&b, "%s, %v. Every sample is in [%s](%s).\n\n", run.Start.Format(time.RFC3339),
		run.End.Sub(run.Start).Round(time.Second), Data, Data)
	for _, n := range run.Notes() {
		fmt.Fprintf(&b, "- %s\n", escape(n))
	}
	b.WriteString("\nMedians; ± is half the width of the middle half of the samples, n their number.\n")
	for _, t := range run.Tables() {
		fmt.Fprintf(&b, "\n## %s: %s, %s\n\n", escape(t.Scenario), escape(t.Metric), escape(t.Unit))
		table(&b, t)
		for _, p := range plots {
			if (p.Along != "" || p.Bars) && p.Scenario == t.Scenario && p.Metric == t.Metric {
				image(&b, p)
			}
		}
	}
	for _, p := range plots {
		if p.Along == "" && !p.Bars {
			image(&b, p)
		}
	}
	return b.String()
}

func table(b *strings.Builder, t *bench.Table) {
	row(b, t.Head)
	fmt.Fprintf(b, "|---|%s\n", strings.Repeat("---:|", len(t.Head)-1))
	for _, r := range t.Rows {
		row(b, r)
	}
}

func row(b *strings.Builder, cells []string) {
	for _, c := range cells {
		fmt.Fprintf(b, "| %s ", escape(c))
	}
	b.WriteString("|\n")
}

func image(b *strings.Builder, p plotFile) {
	fmt.Fprintf(b, "\n![%s](%s)\n", escape(p.Title), p.name)
}

// escape keeps text from being Markdown.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "`", "\\`", "\n", " ").Replace(s)
}
