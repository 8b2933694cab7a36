package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden parses every testdata/NN-*.yaml. What comes of it stands beside:
// in NN-*.json the Config, or in NN-*.err the exact messages.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			base := strings.TrimSuffix(file, ".yaml")
			c, err := Parse(name, data)
			if err != nil {
				if c != nil {
					t.Error("a Config came with the mistakes")
				}
				checkErrors(t, err)
				golden(t, base+".err", []byte(err.Error()+"\n"))
				absent(t, base+".json")
				return
			}
			got, err := json.MarshalIndent(c, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, base+".json", append(got, '\n'))
			absent(t, base+".err")
		})
	}
}

// checkErrors tests what holds for all errors of Parse.
func checkErrors(t *testing.T, err error) {
	t.Helper()
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("error is a %T, want Errors", err)
	}
	for i, e := range errs {
		if e.File == "" || e.Line < 1 || e.Column < 1 || e.Message == "" || e.Remedy == "" {
			t.Errorf("incomplete: %+v", e)
		}
		if strings.ContainsAny(e.Error(), "\n\r") {
			t.Errorf("more than one line: %q", e.Error())
		}
		if i > 0 && e.Line < errs[i-1].Line {
			t.Errorf("line %d comes after line %d", e.Line, errs[i-1].Line)
		}
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./config -update writes it", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-want +got):\n%s", file, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")))
	}
}

// absent tests that a fixture has not changed sides.
func absent(t *testing.T, file string) {
	t.Helper()
	if _, err := os.Stat(file); err == nil {
		t.Errorf("%s exists", file)
	}
}
