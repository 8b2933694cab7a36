package realserver

import (
	"cmp"
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// The names of what else on the host sets up the same things, and how it fights with what
// apply does: by itself, at a boot, or when it is reloaded. Foreign says whether a
// finding has such a name.
const (
	NameForeignSysctl         = "foreign-sysctl"         // sysctl.d(5), /etc/sysctl.conf, ufw's sysctl.conf
	NameForeignNetworkd       = "foreign-networkd"       // systemd-networkd
	NameForeignNetworkManager = "foreign-networkmanager" // NetworkManager
	NameForeignAddress        = "foreign-address"        // ifupdown, netplan, cloud-init, ifcfg files
	NameForeignNFTables       = "foreign-nftables"       // /etc/nftables.conf
	NameForeignDocker         = "foreign-docker"         // Docker
	NameForeignKubernetes     = "foreign-kubernetes"     // kube-proxy in mode ipvs
)

// Foreign says whether the finding is about somebody else's settings: wrong means that they
// will undo what is right now.
func (f Finding) Foreign() bool { return strings.HasPrefix(f.Name, "foreign-") }

// Serving says whether all is right as it is now: what a boot or a reload will do counts for
// Healthy only.
func Serving(findings []Finding) bool {
	return Healthy(slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Foreign() || f.Name == NamePersist }))
}

// Foreign looks for what else on h fights with what Apply does for the VIPs of o or, when there
// are none, for those that were applied. There is a finding for each that does, and none for
// what does not. It reads files only; what it may not read it takes not to be there.
func Foreign(o Options, h Host) ([]Finding, error) {
	r, err := newRunner(o, h)
	if err != nil {
		return nil, err
	}
	rec, boot, err := r.loadApplied()
	if err != nil {
		return nil, err
	}
	s, err := readState(h, rec)
	if err != nil {
		return nil, err
	}
	r.options.Method = o.Method
	return foreign(r.options, s, boot)
}

// foreigners is what is looked at: the files, the host as it is, and what is wanted of it.
type foreigners struct {
	*state
	fsys     fs.FS
	lan      []string                // the LAN interfaces
	byMethod map[string][]netip.Addr // the VIPs
	places   map[netip.Addr]string   // the interface on which a VIP is wanted; "" is none
}

// foreign is Foreign. A method in o is that of every VIP.
func foreign(o Options, s *state, boot *persisted) ([]Finding, error) {
	lan, err := s.lanInterfaces(o)
	if err != nil {
		return nil, err
	}
	f := &foreigners{
		state: s, fsys: s.host.FS(), lan: lan,
		byMethod: map[string][]netip.Addr{}, places: map[netip.Addr]string{},
	}
	for _, vip := range o.VIPs {
		method := cmp.Or(o.Method, appliedBy(s.record, boot, vip), MethodSysctl)
		f.byMethod[method] = append(f.byMethod[method], vip)
		f.places[vip] = f.place(method, vip, o)
	}
	var findings []Finding
	for _, look := range []func() ([]Finding, error){
		f.sysctls, f.networkd, f.networkManager, f.addresses, f.nftables, f.programs,
	} {
		found, err := look()
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// place is the interface on which a VIP is wanted.
func (f *foreigners) place(method string, vip netip.Addr, o Options) string {
	switch {
	case method == MethodRedirect:
		return ""
	case method != MethodARPTables || vip.Is6():
		return loopback
	}
	for _, a := range f.on(vip) {
		return a.Interface
	}
	return cmp.Or(o.AddressOn, loopback)
}

// wantedOn lists the VIPs that are wanted on an interface.
func (f *foreigners) wantedOn(name string) []netip.Addr {
	var vips []netip.Addr
	for vip, place := range f.places {
		if place == name {
			vips = append(vips, vip)
		}
	}
	return sortedAddrs(vips)
}

// there says whether a file, a directory or a link is there.
func (f *foreigners) there(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := fs.Lstat(f.fsys, name)
		return err == nil
	})
}

// enabled says whether systemd starts the service at a boot.
func (f *foreigners) enabled(service string) bool {
	links, _ := fs.Glob(f.fsys, unitDir+"*.wants/"+service)
	return len(links) > 0
}

// dropins lists the files of several directories with that extension in the order of their
// names. Of those with the same name, that of the first directory counts; one that is
// empty, or a link to /dev/null, hides the others.
func dropins(fsys fs.FS, extension string, dirs ...string) []string {
	byName := map[string]string{}
	for _, dir := range dirs {
		entries, _ := fs.ReadDir(fsys, dir)
		for _, e := range entries {
			if path.Ext(e.Name()) == extension && byName[e.Name()] == "" {
				byName[e.Name()] = path.Join(dir, e.Name())
			}
		}
	}
	names := make([]string, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		names = append(names, byName[name])
	}
	return names
}

// setting is one line of a file: key=value, in a section if the format has sections.
type setting struct {
	file                string // without the leading slash
	line                int
	section, key, value string
}

// settings reads a file of lines key=value, and of [sections]. What begins with # or ; is a
// comment.
func settings(fsys fs.FS, name string) []setting {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil
	}
	var all []setting
	section, n := "", 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		all = append(all, setting{name, n, section, strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return all
}

// isTrue reads a boolean as systemd and NetworkManager do.
func isTrue(value string) bool {
	return slices.Contains([]string{"1", "yes", "true", "on", "y", "t"}, strings.ToLower(value))
}

// addressOf reads an address with or without a prefix length.
func addressOf(text string) netip.Addr {
	text, _, _ = strings.Cut(text, "/")
	addr, _ := netip.ParseAddr(text)
	return addr
}
