package bench

import "time"

// Schema is the version of the files that this package writes, and the only one
// that it reads.
const Schema = 1

// Run is all that one run of a benchmark found. Its zero value is an empty run;
// [Start] makes one that says where it ran. It belongs to one goroutine.
type Run struct {
	Schema  int      `json:"schema"`
	Program string   `json:"program"` // version of the director
	Command []string `json:"command"` // the command line
	Machine Machine  `json:"machine"`

	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Interrupted: what is here is right, but something is missing.
	Interrupted bool   `json:"interrupted"`
	Skipped     []Skip `json:"skipped,omitempty"`

	Series        []*Series       `json:"series"`
	Distributions []*Distribution `json:"distributions,omitempty"`
	// Plots says which of these a report draws, and along what.
	Plots []Plot `json:"plots,omitempty"`
}

// Skip is something that was not measured.
type Skip struct {
	What string `json:"what"`
	Why  string `json:"why"` // and what would help
}

// Start returns a run that begins now, on this machine.
func Start(program string, command []string) *Run {
	return &Run{Schema: Schema, Program: program, Command: command, Machine: ThisMachine(), Start: time.Now().UTC()}
}

// Finish notes that the run ends now.
func (r *Run) Finish() { r.End = time.Now().UTC() }

// Skip notes that something is not measured, once.
func (r *Run) Skip(what, why string) {
	s := Skip{What: what, Why: why}
	for _, have := range r.Skipped {
		if have == s {
			return
		}
	}
	r.Skipped = append(r.Skipped, s)
}

// Record adds what one measurement of the case found in a round.
func (r *Run) Record(c *Case, round int, readings ...Reading) {
	for _, reading := range readings {
		s := r.series(c, &reading)
		s.Samples = append(s.Samples, Sample{Round: round, Value: reading.Value})
	}
}

// series finds the series that a reading belongs to, or makes it.
func (r *Run) series(c *Case, reading *Reading) *Series {
	want := Series{
		Name: Name{Scenario: c.Scenario, Variant: c.Variant, Params: c.Params, Metric: reading.Metric},
		Unit: reading.Unit, Better: reading.Better,
	}
	for _, s := range r.Series {
		if s.Name.Equal(want.Name) {
			return s
		}
	}
	r.Series = append(r.Series, &want)
	return &want
}

// Find returns the series with the name; nil if there is none.
func (r *Run) Find(n Name) *Series {
	for _, s := range r.Series {
		if s.Name.Equal(n) {
			return s
		}
	}
	return nil
}
