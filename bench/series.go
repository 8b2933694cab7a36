package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Name says what was measured.
type Name struct {
	Scenario string  `json:"scenario"`         // what was done: "path", "wire"
	Variant  string  `json:"variant"`          // by what: a step, a peer
	Params   []Param `json:"params,omitempty"` // under which circumstances; their order is that of columns
	Metric   string  `json:"metric"`           // "time", "rate", "loss"
}

// Param is one circumstance: "connections" "1000000".
type Param struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// P makes a Param of any value.
func P(key string, value any) Param { return Param{key, fmt.Sprint(value)} }

// Equal reports whether both names mean the same.
func (n Name) Equal(o Name) bool {
	return n.Scenario == o.Scenario && n.Variant == o.Variant && n.Metric == o.Metric && slices.Equal(n.Params, o.Params)
}

// String returns "path/lookup hit connections=1000 time".
func (n Name) String() string {
	var b strings.Builder
	b.WriteString(n.Scenario + "/" + n.Variant)
	for _, p := range n.Params {
		b.WriteString(" " + p.Key + "=" + p.Value)
	}
	return b.String() + " " + n.Metric
}

// Param returns the value of a circumstance; false if it is not among them.
func (n Name) Param(key string) (string, bool) {
	for _, p := range n.Params {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// Number returns the value of a circumstance that is a number.
func (n Name) Number(key string) (float64, bool) {
	s, ok := n.Param(key)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// Without returns the name without one circumstance: that of a line in a plot
// along it.
func (n Name) Without(key string) Name {
	n.Params = slices.DeleteFunc(slices.Clone(n.Params), func(p Param) bool { return p.Key == key })
	return n
}

// Better says which way a figure is to go.
type Better string

// Ways in which a figure goes.
const (
	Higher  Better = "higher"
	Lower   Better = "lower"
	Neither Better = "neither" // it only describes
)

// Series is one figure, measured again and again.
type Series struct {
	Name
	Unit    string   `json:"unit"` // "ns", "frames/s", "%"; tables scale powers of ten
	Better  Better   `json:"better"`
	Samples []Sample `json:"samples"` // in the order of time
}

// Sample is one measured value.
type Sample struct {
	Round int     `json:"round"` // from 1; samples of one round were taken side by side
	Value float64 `json:"value"` // finite
}

// Values returns the values of all samples.
func (s *Series) Values() []float64 {
	values := make([]float64, len(s.Samples))
	for i := range s.Samples {
		values[i] = s.Samples[i].Value
	}
	return values
}

// Distribution is how often which value was seen, for figures of which there are
// too many to keep each: round trips.
type Distribution struct {
	Name
	Unit string `json:"unit"`
	Bins []Bin  `json:"bins"` // by rising Upto
}

// Bin counts the values up to Upto that are above the bin before.
type Bin struct {
	Upto  float64 `json:"upto"`
	Count uint64  `json:"count"`
}

// Plot says how a report draws some of a run: a line, or a bar, for each variant and
// circumstances.
type Plot struct {
	Title    string `json:"title"`
	Scenario string `json:"scenario"`
	Metric   string `json:"metric"`
	Bars     bool   `json:"bars,omitempty"` // of medians; there is nothing to go along
	// Along is the circumstance on the horizontal axis, a number; empty: draw
	// the distributions, as shares of all values.
	Along string `json:"along,omitempty"`
	Unit  string `json:"unit,omitempty"` // of Along
	LogX  bool   `json:"log_x,omitempty"`
	LogY  bool   `json:"log_y,omitempty"`
}
