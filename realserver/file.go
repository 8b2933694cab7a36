package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// File is one file of a host, or a symbolic link.
type File struct {
	Path string // from the root, as io/fs has it: "etc/sysctl.d/x.conf"
	Text string // what is in it
	Link string // where it leads, if it is a symbolic link
}

// readFile returns the file of that path, or nil when there is none. A link is not
// followed.
func readFile(fsys fs.FS, name string) (*File, error) {
	info, err := fs.Lstat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		link, err := fs.ReadLink(fsys, name)
		return &File{Path: name, Link: link}, err
	}
	text, err := fs.ReadFile(fsys, name)
	return &File{Path: name, Text: string(text)}, err
}

// FileChange writes a file that the next boot reads. It is in no record: a record ends
// with the boot that it is about, and what Undo has to do is in the files.
type FileChange struct {
	Path   string
	Before *File // nil: there was none
	After  *File // nil: there is to be none
}

// Key implements Change.
func (c *FileChange) Key() string { return "file " + c.Path }

// Do implements Change.
func (c *FileChange) Do(h Host) error { return c.put(h, c.After) }

// Undo implements Change.
func (c *FileChange) Undo(h Host) error { return c.put(h, c.Before) }

func (c *FileChange) put(h Host, f *File) error {
	if f == nil {
		return h.RemoveFile(c.Path)
	}
	return h.PutFile(*f)
}

// Command implements Change.
func (c *FileChange) Command() string {
	name := "/" + c.Path
	switch {
	case c.After == nil:
		return "rm -f " + name
	case c.After.Link != "":
		return fmt.Sprintf("mkdir -p %s && ln -sfn %s %s", path.Dir(name), c.After.Link, name)
	}
	return fmt.Sprintf("cat > %s <<'EOF'\n%sEOF", name, c.After.Text)
}

// String implements Change.
func (c *FileChange) String() string { return describeFile(c.Path, c.Before, c.After) }

// Reverse implements Change.
func (c *FileChange) Reverse() string { return describeFile(c.Path, c.After, c.Before) }

func describeFile(name string, from, to *File) string {
	switch {
	case to == nil:
		return fmt.Sprintf("/%s: remove", name)
	case to.Link != "":
		return fmt.Sprintf("/%s: link to %s", name, to.Link)
	case from == nil:
		return fmt.Sprintf("/%s: write", name)
	}
	return fmt.Sprintf("/%s: write anew", name)
}

// filePaths lists the files that changes write.
func filePaths(changes []Change) []string {
	var paths []string
	for _, c := range changes {
		if f, ok := c.(*FileChange); ok {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// tmpSuffix is of a file that is being written; neither systemd nor sysctl(8)
// reads files that end so.
const tmpSuffix = ".tmp"

// header begins every file that is written for the next boot, and tells it from what
// somebody else wrote under that name.
const header = "# Written by director realserver apply --persist, removed by director realserver undo.\n"

// ours says whether a file was written here.
func (f *File) ours() bool { return f != nil && strings.HasPrefix(f.Text, header) }
