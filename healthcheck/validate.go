package healthcheck

import (
	"fmt"
	"strings"
	"time"
)

// FieldError is one mistake in a Spec.
type FieldError struct {
	Field   string // the key in the configuration: "every", "status", …
	Message string // what is wrong
	Remedy  string // what would be right
}

// Error returns "field: message; remedy".
func (e FieldError) Error() string { return e.Field + ": " + e.Message + "; " + e.Remedy }

// Shortest interval and longest counts that make sense for a probe: below the
// one, probing is load; above the other, a typing error.
const (
	minEvery  = 10 * time.Millisecond
	maxCounts = 1000
)

// Validate returns every mistake in the spec, in the order of its fields; none
// means that New accepts it for any target with a port. Empty strings stand for
// their defaults, zero numbers and durations do not.
func (s *Spec) Validate() []FieldError {
	spec := *s
	if spec.Kind == "" {
		spec.Kind = DefaultKind
	}
	k, known := kinds[spec.Kind]
	if !known {
		return []FieldError{{
			"kind", fmt.Sprintf("unknown check %q", spec.Kind),
			"one of " + strings.Join(Kinds(), ", "),
		}}
	}
	errs := spec.validateVia()
	if k.noPort && spec.Port != 0 {
		errs = append(errs, FieldError{"port", "means nothing for kind " + spec.Kind, "remove it"})
	}
	if spec.Kind != "none" {
		errs = append(errs, spec.validateTimes()...)
	}
	errs = append(errs, spec.validateForeign(k)...)
	if k.validate != nil {
		errs = append(errs, k.validate(&spec)...)
	}
	return errs
}

func (s *Spec) validateTimes() []FieldError {
	var errs []FieldError
	if s.Every < minEvery {
		errs = append(errs, FieldError{"every", s.Every.String() + " is too short", "at least " + minEvery.String()})
	}
	switch {
	case s.Timeout <= 0:
		errs = append(errs, FieldError{"timeout", s.Timeout.String() + " leaves no time for an answer", "more than 0s, at most `every`"})
	case s.Every >= minEvery && s.Timeout > s.Every:
		errs = append(errs, FieldError{
			"timeout", fmt.Sprintf("%s is longer than every (%s)", s.Timeout, s.Every),
			"at most " + s.Every.String(),
		})
	}
	for _, c := range []struct {
		field string
		n     int
	}{{"rise", s.Rise}, {"fall", s.Fall}} {
		if c.n < 1 || c.n > maxCounts {
			errs = append(errs, FieldError{c.field, fmt.Sprintf("%d is out of range", c.n), fmt.Sprintf("1 to %d", maxCounts)})
		}
	}
	return errs
}

// validateForeign finds fields that belong to another kind: whoever set them
// believes that something is checked which is not.
func (s *Spec) validateForeign(k kind) []FieldError {
	var errs []FieldError
	for _, f := range foreign {
		if f.set(s) && !k.knows(f.key) {
			errs = append(errs, FieldError{
				f.key, "means nothing for kind " + s.Kind,
				"remove it, or kind " + strings.Join(KindsWith(f.key), ", "),
			})
		}
	}
	return errs
}
