package layout

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// page is a Markdown file: what it points to, and what can be pointed to.
type page struct {
	links   []string // as written, those to other sites left out
	anchors []string // of its headings
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// readPage leaves out blocks of code.
func readPage(text string) (p page) {
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		if code {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			if !strings.Contains(m[1], "://") {
				p.links = append(p.links, m[1])
			}
		}
		if level := strings.TrimLeft(line, "#"); level != line && strings.HasPrefix(level, " ") {
			p.anchors = append(p.anchors, anchor(strings.TrimSpace(level)))
		}
	}
	return p
}

// anchor is what a heading is called in links: small letters, hyphens for blanks,
// no other signs.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// TestLinks: each link of a page to another file or to a heading leads somewhere.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	pages := make(map[string]page)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(name)
		pages[name] = readPage(string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for name, p := range pages {
		for _, l := range p.links {
			links++
			file, heading, _ := strings.Cut(l, "#")
			to := name
			if file != "" {
				to = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: there is no file for the link %s", name, l)
			} else if heading != "" && !slices.Contains(pages[to].anchors, heading) {
				t.Errorf("%s: there is no heading for the link %s", name, l)
			}
		}
	}
	if links < 40 {
		t.Errorf("only %d links found: has their form changed?", links)
	}
}
