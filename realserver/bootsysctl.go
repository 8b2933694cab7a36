package realserver

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"lvsdr/finding"
)

// sysctlFile is read by systemd-sysctl.service before there is a network, and for
// each interface again when it appears (99-systemd.rules of udev). Files are
// read in the order of their names, and the last one counts: it is behind
// 99-sysctl.conf, by which some distributions read /etc/sysctl.conf.
const sysctlFile = "etc/sysctl.d/99-zz-director-realserver.conf"

// bootSysctl is a sysctl that a boot sets.
type bootSysctl struct {
	Path   string // below /proc/sys
	Was    string // what the kernel had before apply
	Value  string
	Method string // that needs it
}

// sysctlText is what sysctl.d(5) reads. An interface that is not there is no error.
func sysctlText(sysctls []bootSysctl) string {
	var b strings.Builder
	b.WriteString(header)
	b.WriteString("# Either writes it anew: what is edited here is lost. undo restores what \"was\".\n")
	for _, s := range sysctls {
		dash := "-"
		if strings.HasPrefix(s.Path, ipv4Conf("all", "")) {
			dash = ""
		}
		fmt.Fprintf(&b, "\n# method %s; was %s\n%s%s = %s\n", s.Method, s.Was, dash, sysctlName(s.Path), s.Value)
	}
	return b.String()
}

// parseSysctlText reads what sysctlText wrote.
func parseSysctlText(text string) ([]bootSysctl, error) {
	var sysctls []bootSysctl
	var next bootSysctl
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if about, ok := strings.CutPrefix(line, "# method "); ok {
			next.Method, next.Was, _ = strings.Cut(about, "; was ")
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "-"), " = ")
		next.Path, next.Value = sysctlPath(key), value
		if !next.valid() {
			return nil, fmt.Errorf("line %d: not as it was written", n)
		}
		sysctls = append(sysctls, next)
		next = bootSysctl{}
	}
	return sysctls, nil
}

// valid says whether it is one that a method sets.
func (b bootSysctl) valid() bool {
	_, unknown := lookupMethod(b.Method)
	_, noWas := strconv.Atoi(b.Was)
	_, noValue := strconv.Atoi(b.Value)
	return unknown == nil && noWas == nil && noValue == nil && strings.HasPrefix(b.Path, "net/ipv4/conf/")
}

// writable refuses names that sysctl.d(5) takes for a pattern, of other interfaces
// too, or that end its key.
func (b bootSysctl) writable() error {
	name := path.Base(path.Dir(b.Path))
	if !strings.ContainsAny(name, `*?[]{}\=`) {
		return nil
	}
	return fmt.Errorf("interface %s: sysctl.d takes the name for more than the name of one interface: "+
		"name the LAN's others with --interface, or rename it: ip link set dev %s name NAME", name, finding.ShellWord(name))
}

// sysctlPath is the path below /proc/sys of a key as sysctl.d(5) has it: its
// first separator says which of dot and slash separates.
func sysctlPath(key string) string {
	i := strings.IndexAny(key, "./")
	if i < 0 || key[i] == '/' {
		return key
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(key)
}

// bootSysctls lists what the VIPs of o rest on, as it will be when steps are done.
// A key that is 0 hides nothing and is left out.
func (r *runner) bootSysctls(steps []Step, s *state) ([]bootSysctl, error) {
	keys, vips, err := r.method.shared(r.options, s)
	if err != nil || len(vips) == 0 {
		return nil, err
	}
	var sysctls []bootSysctl
	for _, key := range keys {
		b := bootSysctl{Path: strings.TrimPrefix(key, (&SysctlChange{}).Key()), Method: r.method.name()}
		if b.Value, err = s.host.ReadSysctl(b.Path); err != nil {
			return nil, err
		}
		b.Was = b.Value
		if i := slices.IndexFunc(steps, func(step Step) bool { return step.Change.Key() == key }); i >= 0 {
			b.Value = steps[i].Change.(*SysctlChange).After
		}
		if i := s.record.find(key); i >= 0 {
			b.Was = s.record.Entries[i].Sysctl.Before
		}
		if b.Value == "0" {
			continue
		}
		if err := b.writable(); err != nil {
			return nil, err
		}
		sysctls = append(sysctls, b)
	}
	return sysctls, nil
}

// mergeSysctls puts new ones over old ones; what was before the old one stays so.
func mergeSysctls(old, news []bootSysctl) []bootSysctl {
	merged := slices.Clone(old)
	for _, n := range news {
		i := slices.IndexFunc(merged, func(b bootSysctl) bool { return b.Path == n.Path })
		if i < 0 {
			merged = append(merged, n)
			continue
		}
		merged[i].Value = n.Value
	}
	// "all" first: no interface is ever without.
	slices.SortStableFunc(merged, func(a, b bootSysctl) int {
		return cmp.Or(-compareBool(isAll(a), isAll(b)), cmp.Compare(a.Path, b.Path))
	})
	return merged
}

func isAll(b bootSysctl) bool { return strings.HasPrefix(b.Path, ipv4Conf("all", "")) }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// adopt notes in the record what the sysctl.d file set at this boot: a change, as if
// apply had made it, which undo takes back.
func (p *persisted) adopt(rec *record, h Host) {
	for _, b := range p.sysctls {
		c := &SysctlChange{Path: b.Path, Before: b.Was, After: b.Value}
		vips := p.restingOn(b)
		if b.Was == b.Value || len(vips) == 0 || rec.find(c.Key()) >= 0 {
			continue
		}
		now, err := h.ReadSysctl(b.Path)
		if err != nil || now != b.Value {
			continue // the interface is not there, or somebody else has changed it
		}
		// In front: what hides a VIP is undone after the VIP.
		rec.Entries = slices.Insert(rec.Entries, 0, newEntry(Step{Change: c, VIPs: vips}, b.Method))
	}
}

// restingOn lists the VIPs that need b.
func (p *persisted) restingOn(b bootSysctl) []netip.Addr {
	var vips []netip.Addr
	for _, l := range p.lines {
		if l.Method == b.Method {
			vips = append(vips, only4(l.VIPs)...)
		}
	}
	return sortedAddrs(vips)
}
