package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
)

// persisted is what the files say that the next boot does. They are the only
// place where that is kept: nothing else has to agree with them.
type persisted struct {
	program string
	lines   []bootLine
	sysctls []bootSysctl
	files   map[string]*File // what is there now, ours or not, by path
	torn    []string         // files of which a write did not end
}

// ownFiles lists the files that are written for a boot, in that order: each is
// only of use, and does no harm, once those before it are there.
func ownFiles() []string {
	paths := []string{sysctlFile}
	for _, k := range unitKinds {
		paths = append(paths, k.path())
	}
	for _, k := range unitKinds {
		paths = append(paths, k.linkPath())
	}
	return paths
}

// readPersisted reads the files. One that somebody else wrote says nothing.
func readPersisted(h Host) (*persisted, error) {
	p := &persisted{files: map[string]*File{}}
	for _, name := range ownFiles() {
		f, err := readFile(h.FS(), name)
		if err != nil {
			return nil, fmt.Errorf("what the next boot does: %w", err)
		}
		if f != nil {
			p.files[name] = f
		}
		if _, err := fs.Lstat(h.FS(), name+tmpSuffix); err == nil {
			p.torn = append(p.torn, name)
		}
	}
	if f := p.files[sysctlFile]; f.ours() {
		var err error
		if p.sysctls, err = parseSysctlText(f.Text); err != nil {
			return nil, edited(sysctlFile, err)
		}
	}
	for _, k := range unitKinds {
		f := p.files[k.path()]
		if !f.ours() {
			continue
		}
		program, lines, err := parseUnit(f.Text)
		if err != nil {
			return nil, edited(k.path(), err)
		}
		p.program = program
		p.lines = append(p.lines, lines...)
	}
	return p, nil
}

func edited(name string, err error) error {
	return fmt.Errorf("/%s: %w: it was edited by hand; move it away, and apply --persist what is to be persisted", name, err)
}

// foreign says which files somebody else wrote.
func (p *persisted) foreign() error {
	var errs []error
	for _, k := range unitKinds {
		if f := p.files[k.path()]; f != nil && !f.ours() {
			errs = append(errs, fmt.Errorf("/%s: it was not written by apply --persist and stays as it is: "+
				"if nobody needs it: systemctl disable --now %s && rm /%[1]s", f.Path, k.name))
		}
	}
	if f := p.files[sysctlFile]; f != nil && !f.ours() {
		errs = append(errs, fmt.Errorf("/%s: it was not written by apply --persist and stays as it is: "+
			"move it to another name that ends in .conf", f.Path))
	}
	return errors.Join(errs...)
}

// vips lists what the next boot applies.
func (p *persisted) vips() []netip.Addr {
	var vips []netip.Addr
	for _, l := range p.lines {
		vips = append(vips, l.VIPs...)
	}
	return sortedAddrs(vips)
}

// line returns that of a VIP.
func (p *persisted) line(vip netip.Addr) (bootLine, bool) {
	i := slices.IndexFunc(p.lines, func(l bootLine) bool { return slices.Contains(l.VIPs, vip) })
	if i < 0 {
		return bootLine{}, false
	}
	return p.lines[i], true
}

// with is what the next boot is to do when new lines and sysctls come to p. A VIP has one
// line, the last one.
func (p *persisted) with(program string, lines []bootLine, sysctls []bootSysctl) *persisted {
	next := &persisted{program: program}
	var news []netip.Addr
	for _, l := range lines {
		news = append(news, l.VIPs...)
	}
	next.lines = mergeLines(append(p.without(news).lines, lines...))
	next.sysctls = mergeSysctls(p.sysctls, sysctls)
	return next
}

// without is what the next boot is to do when vips leave. A sysctl stays as long as a VIP
// rests on it.
func (p *persisted) without(vips []netip.Addr) *persisted {
	next := &persisted{program: p.program}
	for _, l := range p.lines {
		l.VIPs = without(l.VIPs, vips)
		next.lines = append(next.lines, l)
	}
	next.lines = mergeLines(next.lines)
	for _, b := range p.sysctls {
		if len(next.restingOn(b)) > 0 {
			next.sysctls = append(next.sysctls, b)
		}
	}
	return next
}

// text lists the files that say p, by path.
func (p *persisted) text() map[string]*File {
	files := map[string]*File{}
	if len(p.sysctls) > 0 {
		files[sysctlFile] = &File{Path: sysctlFile, Text: sysctlText(p.sysctls)}
	}
	for _, k := range unitKinds {
		lines := slices.DeleteFunc(slices.Clone(p.lines), func(l bootLine) bool { return l.late() != k.late })
		if len(lines) == 0 {
			continue
		}
		files[k.path()] = &File{Path: k.path(), Text: k.unit(p.program, lines)}
		files[k.linkPath()] = &File{Path: k.linkPath(), Link: "/" + k.path()}
	}
	return files
}

// changes lists what makes next of p, in the order in which to do it. What somebody else
// wrote stays; so does a link to a unit of somebody else's.
func (p *persisted) changes(next *persisted) []*FileChange {
	var changes []*FileChange
	wanted := next.text()
	for _, name := range ownFiles() {
		is, want := p.files[name], wanted[name]
		if !p.owns(name) && want == nil || is != nil && want != nil && *is == *want {
			continue
		}
		changes = append(changes, &FileChange{Path: name, Before: is, After: want})
	}
	return changes
}

// removal lists, as changes to undo, what takes vips out of p. A link that somebody has
// taken away (systemctl disable) stays away.
func (p *persisted) removal(vips []netip.Addr) []Change {
	var undo []Change
	for _, name := range p.torn {
		if p.files[name] != nil && !p.owns(name) {
			continue
		}
		undo = append(undo, &FileChange{Path: name, Before: p.files[name], After: &File{Path: name + tmpSuffix}})
	}
	for _, c := range p.changes(p.without(vips)) {
		if c.Before != nil {
			undo = append(undo, &FileChange{Path: c.Path, Before: c.After, After: c.Before})
		}
	}
	return undo
}

// owns says whether a file is there and written here. A link is, with its unit.
func (p *persisted) owns(name string) bool {
	for _, k := range unitKinds {
		if name == k.linkPath() {
			unit := p.files[k.path()]
			return p.files[name] != nil && (unit == nil || unit.ours())
		}
	}
	return p.files[name].ours()
}

// check judges what the next boot does about vips, unit by unit.
func (p *persisted) check(fsys fs.FS, vips []netip.Addr) []Finding {
	var findings []Finding
	for _, k := range unitKinds {
		var applied []netip.Addr
		var again []string
		for _, l := range p.lines {
			if l.late() == k.late {
				applied = append(applied, l.VIPs...)
				words := slices.Concat([]string{"director realserver apply --persist"}, l.flags(), vipFlags(l.VIPs))
				again = append(again, strings.Join(words, " "))
			}
		}
		if !containsAny(applied, vips) {
			continue
		}
		f := Finding{Name: NamePersist, OK: true, What: fmt.Sprintf("a boot applies %s (%s)", joinAddrs(sortedAddrs(applied)), k.name)}
		if _, err := fs.Stat(fsys, strings.TrimPrefix(p.program, "/")); errors.Is(err, fs.ErrNotExist) {
			f = Finding{
				Name: NamePersist, What: fmt.Sprintf("%s runs %s, which is not there", k.name, p.program),
				Why: "after the next boot the host has no VIP", Remedy: strings.Join(again, " && "),
			}
		}
		if p.files[k.linkPath()] == nil {
			f = Finding{
				Name: NamePersist, What: k.name + " is there, but not enabled",
				Why: "after the next boot the host has no VIP", Remedy: "systemctl enable " + k.name,
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// bySystemd says whether systemd boots the host: it runs, or it is installed, as in an
// image that is being made.
func bySystemd(fsys fs.FS) bool {
	for _, name := range []string{"run/systemd/system", "usr/lib/systemd/systemd", "lib/systemd/systemd"} {
		if _, err := fs.Stat(fsys, name); err == nil {
			return true
		}
	}
	return false
}
