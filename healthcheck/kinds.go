package healthcheck

import (
	"maps"
	"slices"
)

// kind is one way of probing.
type kind struct {
	needsPort bool
	// fields are the keys of Spec that only some kinds know and this one does.
	fields []string
	// validate checks those fields; nil if there are none.
	validate func(s *Spec) []FieldError
	// build makes a checker of a validated, normal spec.
	build func(s Spec, t Target, way Way) (Checker, error)
}

// kinds has one line for each probe; each lives in its own file.
var kinds = map[string]kind{
	"http": {needsPort: true, fields: []string{"path", "host", "status", "body"}, validate: validateHTTP, build: newHTTP},
	"none": {build: newNone},
	"tcp":  {needsPort: true, build: newTCP},
}

// Kinds returns the names that Spec.Kind may have, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }
