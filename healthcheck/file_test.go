package healthcheck

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weight")
	s := spec("file")
	s.File = path
	target := Target{Addr: netip.MustParseAddr("192.0.2.21")}
	for _, tt := range []struct {
		text   string
		ok     bool
		weight int
		want   string
	}{
		{"10\n", true, 10, "weight 10"},
		{"0", true, 0, "weight 0"},
		{" 65535 of 65535\n", true, 65535, "weight 65535"},
		{"65536\n", false, 0, "more than 65535"},
		{"-1\n", false, 0, "says -1: down"},
		{"-254\n", false, 0, "says -254: down"},
		{"ten\n", false, 0, `says "ten"`},
		{"\n", false, 0, "is empty"},
		{"", false, 0, "is empty"},
		{strings.Repeat("9", 1000), false, 0, "not a whole number"},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		r := check(t, s, target)
		if r.OK != tt.ok || r.Weighted != tt.ok || r.Weight != tt.weight || !strings.Contains(r.Message, tt.want) {
			t.Errorf("%.20q: got %+v, want %v, %d, %q", tt.text, r, tt.ok, tt.weight, tt.want)
		}
	}
	for _, tt := range []struct {
		what string
		make func(string) error
		want string
	}{
		{"nothing", func(string) error { return nil }, "does not exist"},
		{"a directory", func(p string) error { return os.Mkdir(p, 0o755) }, "is not a file"},
		{"a pipe that nobody writes to", func(p string) error { return unix.Mkfifo(p, 0o644) }, "is not a file"},
	} {
		c, err := New(s, target, Way{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := tt.make(path); err != nil {
			t.Fatal(err)
		}
		if r := c.Check(t.Context()); r.OK || !strings.Contains(r.Message, tt.want) {
			t.Errorf("%s: got %+v", tt.what, r)
		}
		os.Remove(path)
	}
}

func TestFileValidate(t *testing.T) {
	for file, want := range map[string]string{"": "is missing", "weight": "absolute", t.TempDir(): "is not a file"} {
		s := spec("file")
		s.File = file
		if errs := s.Validate(); len(errs) != 1 || errs[0].Field != "file" || !strings.Contains(errs[0].Message, want) {
			t.Errorf("%q: %v", file, errs)
		}
	}
}
