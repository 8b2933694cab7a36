package report

import (
	"math"
	"slices"
)

// axis maps values to 0..1.
type axis struct {
	label    string
	log      bool // powers of ten; only for positive values
	from, to float64
}

// span makes the axis hold all values. A linear one begins at 0 if none is
// negative: a length is to be read as one. A logarithm of what is not positive
// there is none: then the axis is linear.
func (a *axis) span(values []float64) {
	a.from, a.to = 0, 1
	if len(values) == 0 {
		return
	}
	least, most := slices.Min(values), slices.Max(values)
	if a.log = a.log && least > 0; a.log {
		a.from, a.to = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(most)))
		if a.from == a.to {
			a.to *= 10
		}
		return
	}
	a.from, a.to = min(least, 0), max(most, 0)
	if a.from == a.to {
		a.to++
	}
	step := a.step()
	a.from, a.to = math.Floor(a.from/step)*step, math.Ceil(a.to/step)*step
}

// at returns where the value is, 0..1.
func (a *axis) at(v float64) float64 {
	if a.log {
		return math.Log(v/a.from) / math.Log(a.to/a.from)
	}
	return (v - a.from) / (a.to - a.from)
}

// step is the distance of ticks: 1, 2 or 5 times a power of ten, some five of
// them.
func (a *axis) step() float64 {
	rough := (a.to - a.from) / 5
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{1, 2, 5} {
		if rough <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// ticks are the values with a line across the chart.
func (a *axis) ticks() (ticks []float64) {
	if a.log {
		for v := a.from; v <= a.to*1.001; v *= 10 {
			ticks = append(ticks, v)
		}
		return ticks
	}
	step := a.step()
	for i := math.Round(a.from / step); i*step <= a.to+step/1000; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}
