// Package layout holds the rules about the tree as a whole: who may import
// whom, where unsafe may be used, that each package says what it is. It has
// nothing but tests.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "lvsdr"

// mayImport is, for each package, which packages of this module it may import.
// Test files are exempt. A package that is not listed may not exist.
var mayImport = map[string][]string{
	"frame":                            {},
	"dataplane/link":                   {},
	"dataplane/link/internal/linktest": {"dataplane/link"},
	"dataplane/link/afpacket":          {"dataplane/link", "internal/offheap"},
	"dataplane/link/afxdp":             {"dataplane/link", "internal/offheap"},
	"dataplane/link/kernel":            {"dataplane/link", "dataplane/link/afpacket", "dataplane/link/afxdp"},
	"dataplane/link/memlink":           {"dataplane/link"},
	"dataplane/fragment":               {"frame", "dataplane/link", "internal/offheap"}, // one that waits is a link's frame
	"scheduler":                        {},
	"conntable":                        {"frame", "internal/offheap"},
	// A real server counts its connections in the table's own states, and a
	// service has the timeouts of its connections.
	"service": {"frame", "scheduler", "conntable"},
	// It hands a service the flow to schedule, which is a scheduler's type.
	"dataplane":       {"frame", "dataplane/link", "dataplane/fragment", "service", "conntable", "scheduler"},
	"arp":             {"frame"},
	"arp/arptest":     {"arp", "frame"},
	"neighbor":        {"frame", "arp"},
	"arpresponder":    {"frame", "arp"},
	"healthcheck":     {"internal/program"},
	"healthcheck/via": {"healthcheck"}, // it gives probes their ways
	"condition":       {"healthcheck"}, // what the checks say
	"config":          {"frame", "scheduler", "healthcheck"},
	"finding":         {"frame"},
	// It says what it finds in the words that the doctor uses too.
	"guard": {"finding", "internal/ethtool"},
	// All above but backends, and the types in which it says how it is.
	"director": {
		"config", "frame", "dataplane/link", "scheduler", "service", "conntable", "dataplane",
		"neighbor", "arpresponder", "healthcheck", "healthcheck/via", "condition", "finding", "guard", "admin/api",
	},
	// The host in memory on which a test runs it.
	"director/memhost": {
		"director", "config", "frame", "dataplane/link", "dataplane/link/memlink", "arp", "neighbor", "arpresponder",
		"healthcheck", "healthcheck/via", "guard",
	},
	"admin/api":          {},
	"notify":             {"admin/api", "internal/program"},
	"admin":              {"director", "admin/api", "internal/lockfile"},
	"ipvsadm":            {"admin/api"},
	"realserver/ruleset": {},
	// It tries the VIPs' packets on the host's rules, and writes commands for a
	// shell as all findings do.
	"realserver": {"realserver/ruleset", "finding", "internal/lockfile"},
	// It asks in ARP, and the guard judges the host's kernel.
	"doctor": {"frame", "arp", "finding", "guard"},
	"lab":    {"internal/ethtool"},
	"demo":   {"lab", "admin/api"},
	"bench":  {}, // what was measured; its parts measure
	"bench/path": {
		"bench", "frame", "dataplane/link", "dataplane/link/memlink", "dataplane", "service", "scheduler", "conntable",
	},
	"bench/report":    {"bench"},
	"bench/generator": {"dataplane/link", "dataplane/link/afpacket"},
	"bench/sink":      {},
	"bench/processor": {"lab"},
	// What is measured beside the director runs on a lab's hosts as it does.
	"bench/peer": {
		"bench", "bench/processor", "lab", "admin/api", "guard",
		"dataplane/link", "dataplane/link/afpacket", "dataplane/link/kernel",
	},
	"bench/peer/peertest": {},
	"bench/ends":          {"bench", "bench/generator", "bench/sink"},
	// They measure the running director from outside, beside what else there is.
	"bench/wire": {
		"bench", "bench/generator", "bench/peer", "bench/processor", "bench/sink", "lab", "dataplane/link/kernel",
	},
	"bench/lan": {"bench", "bench/peer", "bench/processor", "lab"},
	"bench/tcp": {"bench", "bench/lan", "bench/peer", "lab"},
	// Round trips through the running director and what could take its place.
	"bench/latency": {
		"bench", "bench/generator", "bench/lan", "bench/peer", "bench/processor", "lab", "dataplane/link/afpacket",
	},
	"cmd/director":      {"*"},
	"internal/ethtool":  {},
	"internal/layout":   {},
	"internal/lockfile": {},
	"internal/offheap":  {},
	// What it is measured beside is told to it.
	"internal/footprint": {},
	"internal/program":   {},
}

// file is a Go file of the module.
type file struct {
	*ast.File
	path string // from the module's root
	test bool
}

func (f file) pkg() string { return path.Dir(f.path) }

func (f file) imports() (paths []string) {
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// files parses every Go file of the module, whatever its build constraints.
func files(t *testing.T) (all []file) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "tools" || base == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(base) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		all = append(all, file{parsed, filepath.ToSlash(relative), strings.HasSuffix(base, "_test.go")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files below %s", len(all), root)
	}
	return all
}

func TestImports(t *testing.T) {
	for _, f := range files(t) {
		allowed, known := mayImport[f.pkg()]
		if !known {
			t.Errorf("%s: package %s has no row in the table of %s/internal/layout", f.path, f.pkg(), module)
			continue
		}
		if f.test || slices.Contains(allowed, "*") {
			continue
		}
		for _, p := range f.imports() {
			if rest, ours := strings.CutPrefix(p, module+"/"); ours && !slices.Contains(allowed, rest) {
				t.Errorf("%s imports %s; %s may import %q", f.path, rest, f.pkg(), allowed)
			}
		}
	}
}

// TestBackends: links.go alone says how frames move in the running director.
func TestBackends(t *testing.T) {
	for _, f := range files(t) {
		if f.test || f.pkg() != "cmd/director" || f.path == "cmd/director/links.go" {
			continue
		}
		for _, p := range f.imports() {
			if strings.HasPrefix(p, module+"/dataplane/link/") {
				t.Errorf("%s imports %s; only links.go may name a backend", f.path, p)
			}
		}
	}
}

func TestUnsafe(t *testing.T) {
	for _, f := range files(t) {
		name := strings.TrimSuffix(strings.TrimSuffix(f.path, ".go"), "_test")
		if slices.Contains(f.imports(), "unsafe") && !strings.HasSuffix(name, "_unsafe") {
			t.Errorf("%s imports unsafe; such files are named *_unsafe.go", f.path)
		}
		if slices.Contains(f.imports(), "C") {
			t.Errorf("%s imports C; the binary is built without cgo", f.path)
		}
	}
}

func TestPackageComments(t *testing.T) {
	said := make(map[string]bool)
	for _, f := range files(t) {
		pkg := f.pkg()
		want := "Package " + f.Name.Name + " "
		if f.Name.Name == "main" {
			want = "Command " + path.Base(pkg) + " "
		}
		said[pkg] = said[pkg] || f.Doc != nil && strings.HasPrefix(f.Doc.Text(), want)
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no comment that says what it is", pkg)
		}
	}
}

// TestDependencies: who adds a library says why in docs/dependencies.md.
func TestDependencies(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			listed = append(listed, strings.Trim(cells[1], " `"))
		}
	}
	for _, f := range files(t) {
		for _, p := range f.imports() {
			domain, _, _ := strings.Cut(p, "/")
			known := slices.ContainsFunc(listed, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
			if strings.Contains(domain, ".") && !known {
				t.Errorf("%s imports %s; docs/dependencies.md does not say what for", f.path, p)
			}
		}
	}
}
