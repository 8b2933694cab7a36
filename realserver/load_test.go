package realserver

import (
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// procOf is a /proc with files.
func procOf(files map[string]string) fs.FS {
	m := make(fstest.MapFS)
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// psi is a file as Linux 6.18 has it.
func psi(avg10 string) string {
	return "some avg10=" + avg10 + " avg60=1.20 avg300=0.50 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		loadavg, pressure string
		cores             int
		perCore           float64
		weight            int
	}{
		{"0.00 0.01 0.05 1/234 5678\n", "", 4, 0, 100},
		{"2.80 0.01 0.05 1/234 5678\n", psi("0.00"), 4, 0.7, 100},
		{"5.60 0.01 0.05 1/234 5678\n", psi("0.00"), 4, 1.4, 50},
		{"5.60 0.01 0.05 1/234 5678\n", psi("30.50"), 4, 1.4, 50},
		{"5.60 0.01 0.05 1/234 5678\n", psi("80.00"), 4, 1.4, 20},
		{"0.10 0.01 0.05 1/234 5678\n", psi("30.40"), 1, 0.1, 70},
		{"0.10 0.01 0.05 1/234 5678\n", psi("100.00"), 1, 0.1, 1},
		{"7000.00 0.01 0.05 1/234 5678\n", "", 1, 7000, 1},
	} {
		files := map[string]string{"loadavg": c.loadavg}
		if c.pressure != "" {
			files["pressure/cpu"] = c.pressure
		}
		l, err := readLoad(procOf(files), c.cores)
		if err != nil || math.Abs(l.PerCore-c.perCore) > 1e-9 || l.Weight != c.weight || (l.Pressure == nil) != (c.pressure == "") {
			t.Errorf("%q %q: %+v, %v; want %d %%", c.loadavg, c.pressure, l, err, c.weight)
		}
	}
}

func TestLoadIsNotKnown(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no file": {}, "empty": {"loadavg": ""}, "text": {"loadavg": "much 1 2"}, "less than none": {"loadavg": "-1 1 1"}, "NaN": {"loadavg": "NaN 1 1"},
		"other pressure":   {"loadavg": "1 1 1", "pressure/cpu": "full avg10=1.00\n"},
		"above all":        {"loadavg": "1 1 1", "pressure/cpu": "some avg10=101.00 avg60=0\n"},
		"pressure is text": {"loadavg": "1 1 1", "pressure/cpu": "some avg10=x\n"},
	} {
		if l := hostLoad(procOf(files)); l != nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// FuzzLoad: whatever the files say, the weight is one that may be asked for.
func FuzzLoad(f *testing.F) {
	f.Add("0.50 0.01 0.05 1/234 5678\n", psi("30.40"))
	f.Add("1e308", "some avg10=1e-300")
	f.Fuzz(func(t *testing.T, loadavg, pressure string) {
		l := hostLoad(procOf(map[string]string{"loadavg": loadavg, "pressure/cpu": pressure}))
		if l != nil && (l.Weight < 1 || l.Weight > 100) {
			t.Errorf("%+v", l)
		}
	})
}

// TestLoadIsServed: in the field that a director heeds, in JSON and for people.
func TestLoadIsServed(t *testing.T) {
	proc := procOf(map[string]string{"loadavg": "0.00 0 0 1/1 1", "pressure/cpu": psi("60.00")})
	for _, c := range []struct {
		proc           fs.FS
		accept, header string
		want           string
	}{
		{proc, "", "40%", `"load":{"per_core":0,"cpu_pressure":60,"weight":40}`},
		{proc, "text/plain", "40%", "load: 0.00 for each CPU, asks for 40 % of its weight\n"},
		{nil, "", "", `"mended":0,"findings"`},
		{procOf(nil), "", "", `"mended":0,"findings"`},
	} {
		k, err := NewKeeper(KeeperConfig{Options: options(t, vipA), Host: newHost(), Proc: c.proc})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/vip/192.0.2.10"} {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.Header.Set("Accept", c.accept)
			w := httptest.NewRecorder()
			k.Handler().ServeHTTP(w, r)
			if got := w.Header().Get("X-Agent-Check"); got != c.header || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s: %q\n%s", path, got, w.Body)
			}
		}
	}
}
