package bench

import (
	"math"
	"strconv"
)

// Scale writes a figure in three digits and a power of a thousand: 1.05 M.
func Scale(v float64) string {
	unit := ""
	abs := math.Abs(v)
	for _, step := range []struct {
		from float64
		unit string
	}{{999.5e6, " G"}, {999.5e3, " M"}, {9999.5, " k"}} {
		if abs >= step.from {
			size := map[string]float64{" G": 1e9, " M": 1e6, " k": 1e3}[step.unit]
			v, abs, unit = v/size, abs/size, step.unit
			break
		}
	}
	return digits(v, abs) + unit
}

// digits writes three significant digits, and all of an integer part.
func digits(v, abs float64) string {
	decimals := 2
	switch {
	case abs == 0 || abs >= 99.95 || math.IsNaN(abs) || math.IsInf(abs, 0):
		decimals = 0
	case abs >= 9.995:
		decimals = 1
	case abs < 0.9995:
		decimals = 3
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
