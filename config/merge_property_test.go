package config

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestMergeProperties: whatever file, operator and next file do, the result is
// valid; reading the same file again changes nothing; where nobody was in
// another's way it is what a slow merge of lines makes of them.
func TestMergeProperties(t *testing.T) {
	smooth, rough := 0, 0
	for seed := range uint64(worlds) {
		w := newWorld(seed)
		running := w.file(t)
		for i := range 4 {
			what := fmt.Sprintf("world %d, reload %d", seed, i)
			file := w.file(t)
			e := NewEditor(running, file)
			for range w.IntN(20) {
				w.operate(e)
			}
			operated := e.Config()
			before := show(operated)
			for range w.IntN(12) {
				w.change()
			}
			next := w.file(t)
			merged, dropped := Merge(file, operated, next)
			checkValid(t, merged, what)
			checkStays(t, next, merged)
			if dropped == nil {
				smooth++
				compare(t, lines(merged, next), mergedLines(lines(file, next), lines(operated, next), lines(next, next)), what)
			} else {
				rough++
			}
			if show(operated) != before || !next.Equal(w.file(t)) {
				t.Fatalf("%s: Merge changed what it was given", what)
			}
			if same, dropped := Merge(file, file, next); !same.Equal(next) || dropped != nil {
				t.Fatalf("%s: nobody did anything, %v is dropped and this comes out:\n%s\nof\n%s", what, dropped, show(same), show(next))
			}
			running = merged
		}
	}
	if smooth < worlds || rough < worlds/10 {
		t.Errorf("only %d merges without, and %d with something in the way", smooth, rough)
	}
}

// lines is a Config as one line for each thing that is merged by itself: the
// timeouts, and for each service its keys, its text, and its real servers. What
// a service that an operator made leaves to compat is as in next.
func lines(c, next *Config) map[string]string {
	m := map[string]string{"tcp": c.Timeouts.TCP.String()}
	for i := range c.Services {
		s := &c.Services[i]
		keys := s.text()
		keys.RealServers = nil
		if s.Line == 0 {
			keys.Reject = next.defaultReject(s.Protocol)
		}
		m[s.Name] = fmt.Sprintf("%+v", keys)
		m[s.Name+" text"] = fmt.Sprintf("%+v", s.text())
		for _, r := range s.RealServers {
			m[s.Name+" "+r.Addr.String()] = fmt.Sprintf("%d %d %d %d", r.Weight, r.Lower, r.Upper, r.MarkPort)
		}
	}
	return m
}

// mergedLines is the slow twin of Merge.
func mergedLines(file, running, next map[string]string) map[string]string {
	all := maps.Clone(file)
	maps.Copy(all, running)
	maps.Copy(all, next)
	merged := make(map[string]string)
	for key := range all {
		if line := pick(file[key], running[key], next[key]); line != "" {
			merged[key] = line
		}
	}
	for key := range all {
		name, rest, below := strings.Cut(key, " ")
		switch {
		case !below && file[key] != "" && running[key] == "" && next[key] != "":
			// It was deleted, and is back whole if a word of it differs.
			for k, line := range next {
				if of, _, _ := strings.Cut(k, " "); of == name && file[name+" text"] != next[name+" text"] {
					merged[k] = line
				}
			}
		case below && rest != "text" && next[name] == "" && file[name] != "":
			delete(merged, key) // with its service
		}
	}
	return merged
}

// compare compares all but texts, which follow from the rest.
func compare(t *testing.T, got, want map[string]string, what string) {
	t.Helper()
	for _, m := range []map[string]string{got, want} {
		maps.DeleteFunc(m, func(key, _ string) bool { return strings.HasSuffix(key, " text") })
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}
