package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"lvsdr/admin/api"
)

// maxChanges is how many bytes of changes one request may have: 100,000, each
// with a service and a server at their longest.
const maxChanges = 64 << 20

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
				Message: fmt.Sprintf("the changes take more than %d MiB: send them in several requests", maxChanges>>20),
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
	if r.ContentLength > maxChanges {
		return nil, &http.MaxBytesError{Limit: maxChanges}
	}
	err = decode(http.MaxBytesReader(w, r.Body, maxChanges), &changes)
	return changes, err
}

// decode reads one JSON value. A key that this version does not know is an
// error: what it asks for would not be done.
func decode(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read the request: something follows the changes")
	}
	return nil
}
