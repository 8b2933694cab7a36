package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lvsdr/bench"
)

// Names of the files of a report. Its plots are plot-1.svg and so on.
const (
	Page = "report.md"
	Data = "run.json"
)

// Write writes the report into the directory, which it makes if there is none.
// Files of these names are overwritten. Errors name the file.
func Write(dir string, run *bench.Run) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var plots []plotFile
	for _, p := range run.Plots {
		c := draw(run, p)
		if c.empty() { // nothing of it was measured
			continue
		}
		f := plotFile{p, fmt.Sprintf("plot-%d.svg", len(plots)+1)}
		plots = append(plots, f)
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, Page), []byte(page(run, plots)), 0o644); err != nil {
		return err
	}
	var data strings.Builder
	if err := run.Write(&data); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, Data), []byte(data.String()), 0o644)
}

// picture is a plot with its data.
type picture interface {
	empty() bool
	svg() string
}

func draw(run *bench.Run, p bench.Plot) picture {
	if p.Bars {
		return newBars(run, p)
	}
	return newChart(run, p)
}

// plotFile is a plot and the file in which it is.
type plotFile struct {
	bench.Plot
	name string
}
