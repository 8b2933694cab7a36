package realserver

import (
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"regexp"
	"strings"
)

// addressFile is a kind of file that gives addresses to interfaces, line by line.
type addressFile struct {
	globs []string
	// dev is the interface that a line begins to be about, if it does.
	dev func(line string) (name string, ok bool)
	// apply makes the programs read the file again.
	apply string
}

var (
	reIface   = regexp.MustCompile(`^iface\s+(\S+)\s`)
	reDevice  = regexp.MustCompile(`^DEVICE=['"]?([^'"]+)`)
	reMapping = regexp.MustCompile(`^\s*(?:- name:\s*)?['"]?([A-Za-z0-9_.@:-]+?)['"]?:?\s*$`)
)

// netplanKeys are mappings of netplan's that are no interface.
var netplanKeys = map[string]bool{
	"network": true, "ethernets": true, "bonds": true, "bridges": true, "vlans": true, "wifis": true, "tunnels": true,
	"addresses": true, "routes": true, "nameservers": true, "match": true, "config": true, "subnets": true, "interfaces": true,
	"parameters": true, "dhcp4-overrides": true, "dhcp6-overrides": true, "search": true, "dummy-devices": true, "vrfs": true,
	"routing-policy": true, "access-points": true, "loopback": true, "version": true,
}

func byExpression(re *regexp.Regexp) func(string) (string, bool) {
	return func(line string) (string, bool) {
		m := re.FindStringSubmatch(line)
		if m == nil {
			return "", false
		}
		return m[1], true
	}
}

func byMapping(line string) (string, bool) {
	name, ok := byExpression(reMapping)(line)
	return name, ok && !netplanKeys[name]
}

// addressFiles are those of ifupdown (interfaces(5)), of Red Hat's and SUSE's ifcfg, of netplan
// and of cloud-init.
var addressFiles = []addressFile{
	{[]string{"etc/network/interfaces", "etc/network/interfaces.d/*"}, byExpression(reIface), ""},
	{[]string{"etc/sysconfig/network-scripts/ifcfg-*", "etc/sysconfig/network/ifcfg-*"}, byExpression(reDevice), ""},
	{[]string{"lib/netplan/*.yaml", "usr/lib/netplan/*.yaml", "etc/netplan/*.yaml", "run/netplan/*.yaml"}, byMapping, " && netplan apply"},
	{[]string{"etc/cloud/cloud.cfg.d/*.cfg"}, byMapping, ""},
}

// addresses finds VIPs in files that give addresses to interfaces.
func (f *foreigners) addresses() ([]Finding, error) {
	var findings []Finding
	for _, kind := range addressFiles {
		for _, glob := range kind.globs {
			names, _ := fs.Glob(f.fsys, glob)
			for _, name := range names {
				findings = append(findings, f.addressesIn(name, kind)...)
			}
		}
	}
	return findings, nil
}

func (f *foreigners) addressesIn(name string, kind addressFile) []Finding {
	text, err := fs.ReadFile(f.fsys, name)
	if err != nil || strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".bak") {
		return nil
	}
	dev := ""
	if base, ok := strings.CutPrefix(path.Base(name), "ifcfg-"); ok {
		dev = base
	}
	var findings []Finding
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), "#")
		if d, ok := kind.dev(line); ok {
			dev = d
		}
		for _, vip := range f.vipsIn(line) {
			s := setting{file: name, line: n}
			findings = append(findings, f.configured(NameForeignAddress, s, vip, dev,
				fmt.Sprintf("sed -i '%ds/^/#/' /%s%s", n, name, kind.apply)))
		}
	}
	return findings
}

// vipsIn lists the VIPs that a line has as words of their own.
func (f *foreigners) vipsIn(line string) []netip.Addr {
	var vips []netip.Addr
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t,;[]{}'\"=", r) }) {
		if vip := addressOf(word); vip.IsValid() {
			if _, ok := f.places[vip]; ok {
				vips = append(vips, vip)
			}
		}
	}
	return vips
}
