package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"lvsdr/doctor"
	"lvsdr/finding"
)

// runDoctor examines the segments and prints what was found.
func runDoctor(ctx context.Context, out io.Writer, looks []doctor.Options, asJSON bool) error {
	var reports []*doctor.Report
	found, looked := 0, 0
	for _, o := range looks {
		r, err := doctor.Examine(ctx, o)
		if err != nil {
			return fmt.Errorf("doctor: %w", err)
		}
		reports = append(reports, r)
		found += len(r.Findings())
		looked += len(r.Results)
	}
	if err := writeReports(out, reports, asJSON); err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	if found > 0 {
		return fmt.Errorf("doctor: %s in %d results", count(found, "finding"), looked)
	}
	return nil
}

// writeReports writes one JSON array, or a line for each result, with what it means
// and what to do below it.
func writeReports(out io.Writer, reports []*doctor.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false) // for the shell's > and &
		e.SetIndent("", "  ")
		return e.Encode(reports)
	}
	var failed error
	for _, r := range reports {
		for _, result := range r.Results {
			failed = errors.Join(failed, writeResult(out, result))
		}
	}
	return failed
}

func writeResult(out io.Writer, r finding.Result) error {
	const indent = "         "
	text := fmt.Sprintf("%-8s %s\n", r.Verdict, r.What)
	if r.Why != "" {
		text += indent + r.Why + "\n"
	}
	if r.Command != "" {
		text += indent + r.Remedy() + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}
