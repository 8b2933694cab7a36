package realserver

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree lists all that is below a directory.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(strings.TrimPrefix(name, root) + " " + d.Type().String())
		if d.Type().IsRegular() {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			b.WriteString(" " + string(text))
		}
		if link, err := os.Readlink(name); err == nil {
			b.WriteString(" " + link)
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// emptyRoot is the root of a host with systemd.
func emptyRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"run/systemd/system", "etc/sysctl.d", "etc/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLinuxFiles(t *testing.T) {
	root := emptyRoot(t)
	h := LinuxHost{Root: root}
	before := tree(t, root)
	files := []File{{Path: sysctlFile, Text: "a = 1\n"}, {Path: early, Text: "[Unit]\n"}, {Path: link, Link: "/" + early}}
	for _, f := range files {
		for range 2 {
			f.Text = strings.ToUpper(f.Text)
			if err := h.PutFile(f); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readFile(h.FS(), f.Path)
		if err != nil || got == nil || *got != (File{f.Path, strings.ToUpper(f.Text), f.Link}) {
			t.Errorf("%+v was written as %+v, %v", f, got, err)
		}
	}
	for _, f := range files {
		// As a write that was killed leaves it.
		if err := os.WriteFile(filepath.Join(root, f.Path+tmpSuffix), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := h.RemoveFile(f.Path); err != nil {
				t.Errorf("remove %s: %v", f.Path, err)
			}
		}
	}
	if after := tree(t, root); after != before {
		t.Errorf("left:\n%s\nwant\n%s", after, before)
	}
}

// A write that fails leaves nothing beside what was there.
func TestLinuxFileFails(t *testing.T) {
	root := emptyRoot(t)
	h := LinuxHost{Root: root}
	if err := os.MkdirAll(filepath.Join(root, sysctlFile, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := tree(t, root)
	if err := h.PutFile(File{Path: sysctlFile, Text: "x"}); err == nil {
		t.Error("a directory was replaced")
	}
	if err := h.RemoveFile(sysctlFile); err == nil {
		t.Error("a directory with files was removed")
	}
	if after := tree(t, root); after != before {
		t.Errorf("left:\n%s\nwant\n%s", after, before)
	}
}

func TestLinuxPreflightFiles(t *testing.T) {
	h := LinuxHost{Root: emptyRoot(t)}
	if err := h.PreflightFiles(ownFiles()); err != nil {
		t.Error(err)
	}
	if err := explainFile(&fs.PathError{Op: "write to", Path: "/etc", Err: os.ErrPermission}); !errors.Is(err, fs.ErrPermission) ||
		!strings.Contains(err.Error(), "sudo") {
		t.Error(err)
	}
}

// TestLinkInTheWay: a link by the name of a temporary file is not written through.
func TestLinkInTheWay(t *testing.T) {
	dir := t.TempDir()
	target, name := filepath.Join(dir, "target"), filepath.Join(dir, "name")
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
	if err := writeSynced(name, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the file that the link leads to was written")
	}
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the file: %v, %v", info, err)
	}
}
