package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// maxFile is how long a file may be. A run of an hour has less than a megabyte.
const maxFile = 256 << 20

// Read reads a run that Write wrote. It is strict: an unknown key, another
// version, or figures that cannot be, are errors that name their place.
func Read(in io.Reader) (*Run, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("longer than %d bytes: no file of director bench", maxFile)
	}
	if err := checkSchema(data); err != nil {
		return nil, err
	}
	r := new(Run)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(r); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("byte %d: something follows the run", decoder.InputOffset())
	}
	return r, r.validate()
}

// checkSchema reads the version alone: whatever else the file has may mean
// something else in another version.
func checkSchema(data []byte) error {
	var v struct {
		Schema *int `json:"schema"`
	}
	switch err := json.NewDecoder(bytes.NewReader(data)).Decode(&v); {
	case err != nil:
		return fmt.Errorf("no JSON of director bench: %w", err)
	case v.Schema == nil:
		return errors.New("no key \"schema\": not written by director bench --json")
	case *v.Schema != Schema:
		return fmt.Errorf("schema %d, this director reads %d: use the one that wrote it", *v.Schema, Schema)
	}
	return nil
}

// ReadFile reads a run from a file.
func ReadFile(name string) (*Run, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// Write writes the run as JSON, a figure a line.
func (r *Run) Write(out io.Writer) error {
	if err := r.validate(); err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// validate finds what no run can have.
func (r *Run) validate() error {
	if r.Schema != Schema {
		return fmt.Errorf("schema %d, want %d", r.Schema, Schema)
	}
	seen := make(map[string]bool)
	for i, s := range r.Series {
		if s == nil {
			return fmt.Errorf("series %d: null", i)
		}
		if err := s.validate(seen); err != nil {
			return fmt.Errorf("series %d (%s): %w", i, s.Name, err)
		}
	}
	for i, d := range r.Distributions {
		if d == nil {
			return fmt.Errorf("distribution %d: null", i)
		}
		if err := d.validate(); err != nil {
			return fmt.Errorf("distribution %d (%s): %w", i, d.Name, err)
		}
	}
	return nil
}

func (s *Series) validate(seen map[string]bool) error {
	id := fmt.Sprintf("%q %q %q %q", s.Scenario, s.Variant, s.Params, s.Metric)
	switch {
	case s.Better != Higher && s.Better != Lower && s.Better != Neither:
		return fmt.Errorf("better %q: want higher, lower or neither", s.Better)
	case seen[id]:
		return errors.New("there are two of this name")
	}
	seen[id] = true
	round := 1
	for i, sample := range s.Samples {
		switch {
		case sample.Round < round:
			return fmt.Errorf("sample %d: round %d after round %d", i, sample.Round, round)
		case math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0):
			return fmt.Errorf("sample %d: %v is no figure", i, sample.Value)
		}
		round = sample.Round
	}
	return s.Name.validate()
}

func (n Name) validate() error {
	if n.Scenario == "" || n.Metric == "" {
		return errors.New("a scenario and a metric are needed")
	}
	keys := make(map[string]bool)
	for _, p := range n.Params {
		if p.Key == "" || keys[p.Key] {
			return fmt.Errorf("param %q: empty or twice", p.Key)
		}
		keys[p.Key] = true
	}
	return nil
}

func (d *Distribution) validate() error {
	for i, b := range d.Bins {
		if math.IsNaN(b.Upto) || math.IsInf(b.Upto, 0) || i > 0 && b.Upto <= d.Bins[i-1].Upto {
			return fmt.Errorf("bin %d: upto %v does not rise", i, b.Upto)
		}
	}
	return d.Name.validate()
}
