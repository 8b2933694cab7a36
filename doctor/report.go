package doctor

import "lvsdr/finding"

// Report is what was found, in the order in which it was looked at: this host, the
// VIPs, the real servers.
type Report struct {
	Interface string           `json:"interface"`
	Healthy   bool             `json:"healthy"` // nothing is wrong
	Results   []finding.Result `json:"results"`
}

// Findings returns the results that are wrong.
func (r *Report) Findings() []finding.Result {
	var wrong []finding.Result
	for _, result := range r.Results {
		if result.Verdict == finding.Wrong {
			wrong = append(wrong, result)
		}
	}
	return wrong
}

// add appends results and judges the whole anew.
func (r *Report) add(results ...finding.Result) {
	r.Results = append(r.Results, results...)
	r.Healthy = len(r.Findings()) == 0
}
