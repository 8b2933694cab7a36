package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/report"
)

// benchHelp ends the help of commands that measure.
const benchHelp = `

Ctrl-C ends it and keeps what was measured, marked as interrupted; the exit code
is 1 then. Compare two files of --json by: director bench compare OLD NEW.`

// benchOutput are the flags of all commands that measure, and what becomes of a
// run.
type benchOutput struct {
	json   string
	report string
}

func (o *benchOutput) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.json, "json", "", "write every sample to `FILE`, for director bench compare")
	cmd.Flags().StringVar(&o.report, "report", "", "write Markdown and SVG plots into `DIRECTORY`")
}

// measure runs a benchmark until it ends or a signal ends it, of which a second one
// has its default effect; then it writes what was measured. Where that shall go is
// tried before: nobody measures for an hour in vain.
func (o *benchOutput) measure(
	cmd *cobra.Command, benchmark func(context.Context, *bench.Run, bench.Progress) error,
) error {
	signal.Ignore(syscall.SIGPIPE) // the files are still to be written
	name := "bench " + cmd.Name()
	file, err := o.prepare()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer file.abandon()
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	run := bench.Start(programVersion(), os.Args)
	progress := benchProgress(cmd.ErrOrStderr())
	failed := benchmark(ctx, run, progress)
	progress.Done()
	run.Finish()
	if failed != nil && len(run.Series)+len(run.Distributions) == 0 && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", name, failed) // there is nothing to keep
	}
	if failed != nil {
		run.Interrupted = true
		failed = explainInterrupt(ctx, failed)
	}
	if err := errors.Join(failed, o.write(cmd.OutOrStdout(), run, file)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func explainInterrupt(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return errors.New("interrupted: what was measured is kept, and marked")
}

// prepare makes what the run is written to.
func (o *benchOutput) prepare() (*newFile, error) {
	if o.report != "" {
		if err := os.MkdirAll(o.report, 0o755); err != nil {
			return nil, fmt.Errorf("--report: %w", err)
		}
	}
	if o.json == "" {
		return nil, nil
	}
	f, err := createFile(o.json)
	if err != nil {
		return nil, fmt.Errorf("--json: %w", err)
	}
	return f, nil
}

// write writes a run to wherever it is wanted, to files first: whoever reads the
// table may have gone away.
func (o *benchOutput) write(out io.Writer, run *bench.Run, file *newFile) error {
	var errs []error
	if file != nil {
		errs = append(errs, file.keep(run))
	}
	if o.report != "" {
		errs = append(errs, report.Write(o.report, run))
	}
	return errors.Join(append(errs, run.Print(out))...)
}

// benchProgress shows progress as suits where it goes: a terminal has a line that
// changes, a log a line for each round.
func benchProgress(out io.Writer) bench.Progress {
	if f, ok := out.(*os.File); ok {
		if width, ok := terminalWidth(f); ok {
			return &bench.Line{Out: f, Width: width}
		}
	}
	return &bench.Log{Logger: slog.New(slog.NewTextHandler(out, nil))}
}

// newFile is a file that appears under its name when all is in it.
type newFile struct {
	*os.File
	name string
}

func createFile(name string) (*newFile, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".director-bench-*")
	if err != nil {
		return nil, err
	}
	return &newFile{f, name}, nil
}

// keep writes the run into the file and gives it its name.
func (f *newFile) keep(run *bench.Run) error {
	temporary := f.Name()
	if err := errors.Join(run.Write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, f.name)
}

// abandon removes the file, unless it was kept. f may be nil.
func (f *newFile) abandon() {
	if f != nil {
		f.Close()
		os.Remove(f.Name())
	}
}
