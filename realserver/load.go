package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"strconv"
	"strings"
)

// Load is how busy a host is, and which part of its weight it should have for that.
type Load struct {
	// PerCore is the load average of the last minute (/proc/loadavg), for each CPU.
	PerCore float64 `json:"per_core"`
	// Pressure is for which part of the last 10 seconds something waited for a CPU, in
	// percent (/proc/pressure/cpu, some avg10); nil: this kernel does not say.
	Pressure *float64 `json:"cpu_pressure,omitempty"`
	// Weight is the part of its weight that the host asks for, in percent, 1..100.
	Weight int `json:"weight"`
}

// loadGoal is the load of a CPU up to which a host asks for all of its weight. With more,
// it asks for the part with which it would be there, if the load followed the weight.
const loadGoal = 0.7

// readLoad reads how busy a host is from its /proc.
func readLoad(proc fs.FS, cores int) (*Load, error) {
	text, err := fs.ReadFile(proc, "loadavg")
	if err != nil {
		return nil, err
	}
	average, err := parseLoadavg(string(text))
	if err != nil {
		return nil, err
	}
	l := &Load{PerCore: average / float64(cores)}
	// Without CONFIG_PSI there is no file; with psi=0, none that can be read.
	if text, err := fs.ReadFile(proc, "pressure/cpu"); err == nil {
		p, err := parsePressure(string(text))
		if err != nil {
			return nil, err
		}
		l.Pressure = &p
	}
	l.Weight = l.weight()
	return l, nil
}

// weight is the part of its weight that a host asks for.
func (l *Load) weight() int {
	part := 100.0
	if l.PerCore > loadGoal {
		part = 100 * loadGoal / l.PerCore
	}
	if l.Pressure != nil {
		part = min(part, 100-*l.Pressure)
	}
	return int(math.Round(max(part, 1)))
}

// parseLoadavg reads the first number of proc_loadavg(5).
func parseLoadavg(text string) (float64, error) {
	first, _, _ := strings.Cut(text, " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, fmt.Errorf("/proc/loadavg says %.40q, which is no load average", text)
	}
	return n, nil
}

// parsePressure reads avg10 of the line "some" (Documentation/accounting/psi.rst).
func parsePressure(text string) (float64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "some" {
			continue
		}
		value, found := strings.CutPrefix(fields[1], "avg10=")
		if n, err := strconv.ParseFloat(value, 64); found && err == nil && n >= 0 && n <= 100 {
			return n, nil
		}
	}
	return 0, errors.New("/proc/pressure/cpu has no line that begins with: some avg10=")
}

// hostLoad is how busy this host is; nil if it does not say.
func hostLoad(proc fs.FS) *Load {
	l, err := readLoad(proc, runtime.NumCPU())
	if err != nil {
		return nil
	}
	return l
}
