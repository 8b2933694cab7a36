package bench

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sampleRun has something of everything.
func sampleRun() *Run {
	r := &Run{
		Schema: Schema, Program: "v1", Command: []string{"director", "bench", "path"},
		Machine: Machine{CPU: "a CPU <2 GHz>", Cores: 2, Memory: 1 << 34, Arch: "amd64", Kernel: "6.18", Go: "go1.26", Load: 0.5},
		Start:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), End: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC),
		Interrupted: true, Skipped: []Skip{{What: "a peer", Why: "it is not here"}},
		Distributions: []*Distribution{{
			Name: Name{Scenario: "latency", Variant: "director", Metric: "round trip"}, Unit: "us", Bins: []Bin{{1, 5}, {2, 7}},
		}},
		Plots: []Plot{{Title: "a plot", Scenario: "path", Metric: "time", Along: "connections", LogX: true}},
	}
	c := Case{Scenario: "path", Variant: "parse", Params: []Param{P("family", "ipv4"), P("connections", 1000)}}
	for round := range 3 {
		r.Record(&c, round+1, Reading{"time", "ns", Lower, 1.5 * float64(round)}, Reading{"allocations", "a frame", Lower, 0})
	}
	return r
}

func TestJSON(t *testing.T) {
	want := sampleRun()
	var file bytes.Buffer
	if err := want.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	const name = `"scenario": "path", "variant": "parse", "metric": "time"`
	series := func(s string) string { return `{"schema": 1, "series": [` + s + `]}` }
	for _, c := range []struct{ name, text, want string }{
		{"nothing", ``, "no JSON"},
		{"no JSON", `director`, "no JSON"},
		{"no schema", `{}`, `no key "schema"`},
		{"a schema to come", `{"schema": 2, "new": 1}`, "schema 2, this director reads 1"},
		{"an unknown key", `{"schema": 1, "extra": 1}`, `unknown field "extra"`},
		{"a second value", `{"schema": 1} {}`, "something follows"},
		{"null", series(`null`), "series 0: null"},
		{"no better", series(`{` + name + `}`), "want higher, lower or neither"},
		{"twice", series(`{` + name + `, "better": "lower"}, {` + name + `, "better": "lower"}`), "two of this name"},
		{"no metric", series(`{"scenario": "path", "better": "lower"}`), "a metric"},
		{"a param twice", series(`{` + name + `, "better": "lower", "params": [{"key": "a"}, {"key": "a"}]}`), `param "a"`},
		{"round 0", series(`{` + name + `, "better": "lower", "samples": [{"round": 0, "value": 1}]}`), "round 0"},
		{
			"rounds that fall", series(`{` + name + `, "better": "lower", "samples": [{"round": 2}, {"round": 1}]}`),
			"sample 1: round 1 after round 2",
		},
		{"too large a figure", series(`{` + name + `, "samples": [{"value": 1e999}]}`), "1e999"},
		{
			"bins that fall",
			`{"schema": 1, "distributions": [{` + name + `, "bins": [{"upto": 2}, {"upto": 2}]}]}`, "bin 1",
		},
		{"no distribution", `{"schema": 1, "distributions": [null]}`, "distribution 0: null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := ReadFile("no such file"); err == nil {
		t.Error("a file that is not there was read")
	}
	if _, err := Read(brokenReader{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken file: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestWriteRefuses: what could not be read again is not written.
func TestWriteRefuses(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		r := sampleRun()
		r.Series[0].Samples[1].Value = v
		var file bytes.Buffer
		if err := r.Write(&file); err == nil || file.Len() > 0 {
			t.Errorf("%v: error %v, %d bytes written", v, err, file.Len())
		}
	}
}

// FuzzRead: whatever is read can be written, and is then read as the same; and
// nothing that can be read breaks the tables or a comparison with itself.
func FuzzRead(f *testing.F) {
	var file bytes.Buffer
	if err := sampleRun().Write(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte(`{"schema": 1}`))
	f.Add([]byte(`{"schema": 1, "series": [{"scenario": "s", "metric": "m", "better": "neither", "samples": [{"round": 1, "value": -1e300}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := r.Write(&again); err != nil {
			t.Fatal(err)
		}
		text := again.String()
		o, err := Read(&again)
		if err != nil {
			t.Fatalf("%v in what was written:\n%s", err, text)
		}
		var third bytes.Buffer
		if err := o.Write(&third); err != nil || third.String() != text {
			t.Fatalf("%v; first\n%s\nthen\n%s", err, text, third.String())
		}
		if err := r.Print(io.Discard); err != nil {
			t.Fatal(err)
		}
		if c := Compare(r, o, Noise{Alpha: Alpha}); c.Worse() || len(c.OldOnly)+len(c.NewOnly) > 0 {
			t.Fatalf("a run differs from itself: %+v", c)
		}
	})
}
