package generator

import (
	"errors"
	"io/fs"
	"testing"
)

// TestTransmits: an answer is yes, no, none, or broken.
func TestTransmits(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		features uint64
		err      error
		want     error
	}{
		{featureTransmits | 1, nil, nil},
		{^uint64(featureTransmits), nil, errNoTransmit},
		{0, fs.ErrNotExist, errUntold},
		{featureTransmits, broken, broken},
	} {
		asked := 0
		err := transmits(7, func(index int) (uint64, error) {
			asked = index
			return c.features, c.err
		})
		if asked != 7 || !errors.Is(err, c.want) {
			t.Errorf("%+v: asked of %d: %v", c, asked, err)
		}
	}
}
