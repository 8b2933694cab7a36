package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"lvsdr/admin/api"
)

const (
	// maxBytes, maxChanges and maxChange are how many bytes of changes one
	// request may have, how many changes, and how many bytes each: far more than
	// any that means something. The director makes so many in seconds.
	maxBytes   = 64 << 20
	maxChanges = 100_000
	maxChange  = 4 << 10
)

// maxDiscard is how many bytes more a sender may get rid of before it hears that
// they are too many. Most senders listen only then.
const maxDiscard = 256 << 20

// changesHandler answers POST /v1/changes.
func changesHandler(source Source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		changes, err := readChanges(w, r)
		switch {
		case errors.As(err, new(*http.MaxBytesError)):
			_, _ = io.CopyN(io.Discard, r.Body, maxDiscard) // the answer is the same
			writeJSON(w, http.StatusRequestEntityTooLarge, &api.Error{
				Message: fmt.Sprintf("the changes take more than %d MiB: send them in several requests", maxBytes>>20),
				Code:    api.CodeInvalid,
			})
			return
		case err != nil:
			writeJSON(w, http.StatusBadRequest, &api.Error{Message: err.Error(), Code: api.CodeInvalid})
			return
		}
		// Whoever asked may hang up; what was asked for is done all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
		defer cancel()
		changed, err := source.Change(ctx, changes)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, changed)
	}
}

func readChanges(w http.ResponseWriter, r *http.Request) (changes api.Changes, err error) {
	if r.ContentLength > maxBytes {
		return nil, &http.MaxBytesError{Limit: maxBytes}
	}
	if changes, err = decode(http.MaxBytesReader(w, r.Body, maxBytes)); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	return changes, nil
}

// decode reads one list, change by change, so that it takes little memory to
// find one that is too long.
func decode(r io.Reader) (changes api.Changes, err error) {
	d := json.NewDecoder(r)
	switch first, err := d.Token(); {
	case err != nil:
		return nil, err
	case first != json.Delim('['):
		return nil, errors.New("it is no list of changes")
	}
	changes = api.Changes{}
	for d.More() {
		if len(changes) == maxChanges {
			return nil, fmt.Errorf("there are more than %d changes: send them in several requests", maxChanges)
		}
		c, err := decodeOne(d)
		if err != nil {
			return nil, fmt.Errorf("change %d: %w", len(changes), err)
		}
		changes = append(changes, c)
	}
	if _, err := d.Token(); err != nil { // the bracket
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the changes")
	}
	return changes, nil
}

// decodeOne reads a change. A key that this version does not know is an error:
// what it asks for would not be done.
func decodeOne(d *json.Decoder) (c api.Change, err error) {
	var text json.RawMessage
	if err := d.Decode(&text); err != nil {
		return c, err
	}
	if len(text) > maxChange {
		return c, fmt.Errorf("it has more than %d bytes", maxChange)
	}
	one := json.NewDecoder(bytes.NewReader(text))
	one.DisallowUnknownFields()
	return c, one.Decode(&c)
}
