package realserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"lvsdr/internal/lockfile"
)

// store keeps the record of one network namespace in a directory, in the file
// realserver-COOKIE.json.
type store struct {
	dir string
	id  Identity
	// hook, in tests, is called at the points where a crash differs.
	hook func(stage string)
}

func (s *store) path() string {
	return filepath.Join(s.dir, fmt.Sprintf("realserver-%d.json", s.id.NetNS))
}

// lockPath is the file whose lock keeps Apply and Undo of other processes away.
func (s *store) lockPath() string {
	return filepath.Join(s.dir, fmt.Sprintf("realserver-%d.lock", s.id.NetNS))
}

// lock makes the directory if create says so and keeps other processes away from the
// record until the returned function is called, or this process ends. Who cannot
// write there cannot change the record either, and needs no lock.
func (s *store) lock(create bool) (release func(), err error) {
	if create {
		if err := os.MkdirAll(s.dir, 0o755); err != nil {
			return nil, fmt.Errorf("state directory: %w", explainStore(err))
		}
	}
	f, err := lockfile.Lock(s.lockPath())
	switch {
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		return func() {}, nil
	case err != nil:
		return nil, fmt.Errorf("state directory: %w", explainStore(err))
	}
	return func() { lockfile.Unlock(f) }, nil
}

// load reads the record. There is none when the file is of another boot or of
// another namespace: what that one changed went with it.
func (s *store) load() (record, error) {
	empty := record{Version: recordVersion, Identity: s.id}
	b, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, fmt.Errorf("record: %w", explainStore(err))
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return empty, fmt.Errorf("record %s: %w: it says what was there before; "+
			"move it away only if you restore that by hand", s.path(), err)
	}
	if r.Identity != s.id {
		return empty, nil
	}
	if r.Version != recordVersion {
		return empty, fmt.Errorf("record %s: version %d: another version of this program wrote it: undo with that one", s.path(), r.Version)
	}
	for _, e := range r.Entries {
		if !e.valid() {
			return empty, fmt.Errorf("record %s: an entry has no change: restore what was there before by hand", s.path())
		}
	}
	return r, nil
}

// save replaces the file; when it returns, the record survives a power cut. A
// record without entries has no file.
func (s *store) save(r record) error {
	if len(r.Entries) == 0 {
		err := os.Remove(s.path())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("record: %w", err)
		}
		return s.syncDir()
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	tmp := s.path() + ".tmp"
	if err := writeSynced(tmp, append(b, '\n')); err != nil {
		os.Remove(tmp) // it is of no use, and may be what fills the disk
		return fmt.Errorf("record: %w", explainStore(err))
	}
	s.at("record written")
	if err := os.Rename(tmp, s.path()); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	s.at("record renamed")
	return s.syncDir()
}

// writeSynced makes a file anew. What has its name, a link maybe, goes.
func writeSynced(name string, b []byte) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func (s *store) syncDir() error {
	if err := syncDir(s.dir); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// syncDir makes durable which files are in a directory.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *store) at(stage string) {
	if s.hook != nil {
		s.hook(stage)
	}
}
