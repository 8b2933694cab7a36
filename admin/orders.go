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

// ordersHandler answers POST /v1/orders: one order about a real server.
func ordersHandler(source Source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := readOrder(r.Body)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, &api.Error{Message: "read the order: " + err.Error(), Code: api.CodeInvalid})
			return
		}
		o.By = by(r.Context(), o.By)
		// Whoever asked may hang up; what was ordered is done all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
		defer cancel()
		done, err := source.Order(ctx, o)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, done)
	}
}

// readOrder reads an order. A key that this version does not know is an error: what
// it asks for would not be done.
func readOrder(body io.Reader) (o api.OrderRequest, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return o, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, errors.New("something follows it")
	}
	if !isClaim(o.By) {
		return o, fmt.Errorf("by: %.80q is no name of a user", o.By)
	}
	return o, nil
}
