package realserver

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func (h LinuxHost) root() string { return cmp.Or(h.Root, "/") }

func (h LinuxHost) file(name string) string { return filepath.Join(h.root(), filepath.FromSlash(name)) }

// FS implements Host.
func (h LinuxHost) FS() fs.FS { return os.DirFS(h.root()) }

// PutFile implements Host.
func (h LinuxHost) PutFile(f File) error {
	name := h.file(f.Path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return explainFile(err)
	}
	tmp := name + tmpSuffix
	err := writeAs(tmp, f)
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		os.Remove(tmp)
		return explainFile(err)
	}
	return explainFile(syncDir(filepath.Dir(name)))
}

// writeAs makes the file or the link under another name.
func writeAs(name string, f File) error {
	if f.Link == "" {
		return writeSynced(name, []byte(f.Text))
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(f.Link, name)
}

// RemoveFile implements Host.
func (h LinuxHost) RemoveFile(name string) error {
	name = h.file(name)
	for _, n := range []string{name, name + tmpSuffix} {
		if err := os.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explainFile(err)
		}
	}
	dir := filepath.Dir(name)
	if strings.HasSuffix(dir, ".wants") && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	err := syncDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return explainFile(err)
}

// PreflightFiles implements Host.
func (h LinuxHost) PreflightFiles(names []string) error {
	for _, name := range names {
		dir := filepath.Dir(h.file(name))
		err := unix.Access(dir, unix.W_OK)
		for errors.Is(err, fs.ErrNotExist) && dir != h.root() {
			dir = filepath.Dir(dir)
			err = unix.Access(dir, unix.W_OK)
		}
		if err != nil {
			return explainFile(&fs.PathError{Op: "write to", Path: dir, Err: err})
		}
	}
	return nil
}
