package realserver

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// networkDirs are those of systemd.network(5), the first has precedence.
var networkDirs = []string{"etc/systemd/network", "run/systemd/network", "usr/local/lib/systemd/network", "usr/lib/systemd/network", "lib/systemd/network"}

// networkFile is a .network file and its drop-ins.
type networkFile struct {
	name string
	all  []setting
}

// networkd judges systemd-networkd. Of an interface that a file of it matches, it removes, when
// it starts, addresses that the file does not have (systemd.network(5), KeepConfiguration=);
// of lo all but 127.0.0.1 and ::1, since version 250.
func (f *foreigners) networkd() ([]Finding, error) {
	if !f.there("run/systemd/netif/state") && !f.enabled("systemd-networkd.service") {
		return nil, nil
	}
	var files []networkFile
	for _, name := range dropins(f.fsys, ".network", networkDirs...) {
		file := networkFile{name: name, all: settings(f.fsys, name)}
		var dirs []string
		for _, dir := range networkDirs {
			dirs = append(dirs, path.Join(dir, path.Base(name)+".d"))
		}
		for _, dropin := range dropins(f.fsys, ".conf", dirs...) {
			file.all = append(file.all, settings(f.fsys, dropin)...)
		}
		files = append(files, file)
	}
	var findings []Finding
	for _, name := range append([]string{loopback}, f.lan...) {
		i := slices.IndexFunc(files, func(n networkFile) bool { return n.matches(name) })
		if i < 0 || isTrue(files[i].last("Link", "Unmanaged").value) {
			continue
		}
		findings = append(findings, f.networkAddresses(files[i], name)...)
		findings = append(findings, f.networkKeeps(files[i], name)...)
		if name != loopback {
			found, err := f.networkSysctls(files[i], name)
			if err != nil {
				return nil, err
			}
			findings = append(findings, found...)
		}
	}
	return findings, nil
}

// last returns the last setting of a key; it has no file if there is none.
func (n networkFile) last(section, key string) setting {
	for _, s := range slices.Backward(n.all) {
		if s.section == section && s.key == key {
			return s
		}
	}
	return setting{}
}

// matches says whether the file is for the interface, as far as its name and type tell.
// What it matches by else, such as a MAC address, is taken to match an interface of
// the LAN and not lo.
func (n networkFile) matches(name string) bool {
	keys := 0
	for _, s := range n.all {
		if s.section != "Match" || s.value == "" {
			continue
		}
		keys++
		switch {
		case s.key == "Name" && !matchesName(s.value, name):
			return false
		case s.key == "Type" && slices.Contains(strings.Fields(s.value), "loopback") != (name == loopback):
			return false
		case s.key != "Name" && s.key != "Type" && name == loopback:
			return false
		}
	}
	return keys > 0
}

// matchesName is a list of patterns; with ! in front it is of those that do not match.
func matchesName(patterns, name string) bool {
	patterns, not := strings.CutPrefix(patterns, "!")
	return not != slices.ContainsFunc(strings.Fields(patterns), func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// explicit says whether the file names lo, and is not only for all interfaces.
func (n networkFile) explicit() bool {
	return slices.ContainsFunc(n.all, func(s setting) bool {
		return s.section == "Match" && (s.key == "Type" || s.key == "Name" && slices.Contains(strings.Fields(s.value), loopback))
	})
}

// networkAddresses finds VIPs among the addresses that a file gives to an interface.
func (f *foreigners) networkAddresses(n networkFile, name string) []Finding {
	var findings []Finding
	for _, s := range n.all {
		if (s.section == "Address" || s.section == "Network") && s.key == "Address" {
			if _, ok := f.places[addressOf(s.value)]; ok {
				findings = append(findings, f.configured(NameForeignNetworkd, s, addressOf(s.value), name,
					fmt.Sprintf("sed -i '%dd' /%s && networkctl reload", s.line, s.file)))
			}
		}
	}
	return findings
}

// networkKeeps judges what becomes of VIPs on an interface of the file.
func (f *foreigners) networkKeeps(n networkFile, name string) []Finding {
	vips := f.wantedOn(name)
	keep := n.last("Network", "KeepConfiguration").value
	if keep == "static" {
		// An IPv6 VIP has a preferred lifetime of 0, and is not static to networkd.
		vips = slices.DeleteFunc(vips, netip.Addr.Is4)
	}
	if len(vips) == 0 || keep == "yes" || keep == "true" || keep == "1" || keep == "on" {
		return nil
	}
	dropin := fmt.Sprintf("/etc/systemd/network/%s.d", path.Base(n.name))
	finding := Finding{
		Name: NameForeignNetworkd, Interface: name,
		What: fmt.Sprintf("/%s has systemd-networkd manage %s, without KeepConfiguration=yes", n.name, name),
		Why:  fmt.Sprintf("when it starts or is reloaded, it removes what is not in that file: %s", joinAddrs(vips)),
		Remedy: fmt.Sprintf(`mkdir -p %s && printf '[Network]\nKeepConfiguration=yes\n' > %s/realserver.conf && networkctl reload`,
			dropin, dropin),
	}
	if name == loopback && !n.explicit() {
		finding.OK = true
		finding.Why = "some versions take that for lo too, and remove from it " + joinAddrs(vips)
	}
	return []Finding{finding}
}

// networkSysctls judges the sysctls that a file sets on a LAN interface.
func (f *foreigners) networkSysctls(n networkFile, name string) ([]Finding, error) {
	var findings []Finding
	say := func(s setting, leaf, why, want string) {
		findings = append(findings, Finding{
			Name: NameForeignNetworkd, Interface: name,
			What:   fmt.Sprintf("/%s:%d has systemd-networkd set %s: %s=%s", s.file, s.line, sysctlName(ipv4Conf(name, leaf)), s.key, s.value),
			Why:    why,
			Remedy: fmt.Sprintf("sed -i '%ds/=.*/=%s/' /%s && networkctl reload", s.line, want, s.file),
		})
	}
	if s := n.last("Network", "IPv4ProxyARP"); isTrue(s.value) {
		say(s, "proxy_arp", "the host answers ARP for addresses that it can route to", "no")
	}
	s := n.last("Network", "IPv4ReversePathFilter")
	if s.value != "strict" {
		return findings, nil
	}
	leaves, err := f.replies()
	if err == nil && leaves != name {
		say(s, "rp_filter", "clients that are not on this LAN are dropped, because replies to them leave elsewhere", "loose")
	}
	return findings, err
}

func joinAddrs(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}

// configured says that somebody's file gives a VIP to an interface.
func (f *foreigners) configured(name string, s setting, vip netip.Addr, dev, remedy string) Finding {
	finding := Finding{
		Name: name, VIP: vip, Interface: dev,
		What:   fmt.Sprintf("/%s:%d gives %v to %s", s.file, s.line, vip, cmp.Or(dev, "an interface")),
		Why:    "after a boot the host tells the LAN that it has the VIP, and takes traffic past the director",
		Remedy: remedy,
	}
	switch place := f.places[vip]; {
	case place == "":
		finding.Why = "after a boot the host has the VIP as an address, and this method cannot be applied"
	case dev != "" && (dev == place || place == loopback && strings.HasPrefix(dev, loopback+":")):
		finding.OK = true
		finding.Why = "it may be there before the host is silent about it, or with another scope: one of the two is enough"
	}
	return finding
}
