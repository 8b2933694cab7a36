package bench

// Ratio adds a series of the variant: what one series is in units of another, round
// by round. Rounds that only one of them has are left out; a series that is nil,
// or a unit that is 0, adds nothing.
func (r *Run) Ratio(variant string, of, unit *Series) {
	if of == nil || unit == nil {
		return
	}
	units := make(map[int]float64)
	for _, s := range unit.Samples {
		units[s.Round] = s.Value
	}
	c := Case{Scenario: of.Scenario, Variant: variant, Params: of.Params}
	for _, s := range of.Samples {
		if u := units[s.Round]; u != 0 {
			r.Record(&c, s.Round, Reading{Metric: "ratio", Unit: "times", Better: of.Better, Value: s.Value / u})
		}
	}
}
