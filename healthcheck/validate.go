package healthcheck

import (
	"fmt"
	"strings"
)

// FieldError is one mistake in a Spec.
type FieldError struct {
	Field   string // the key in the configuration: "every", "status", …
	Message string // what is wrong
	Remedy  string // what would be right
}

// Error returns "field: message; remedy".
func (e FieldError) Error() string { return e.Field + ": " + e.Message + "; " + e.Remedy }

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
