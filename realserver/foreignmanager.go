package realserver

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// networkManagerConf are the directories of NetworkManager.conf(5), the last counts.
var networkManagerConf = []string{"usr/lib/NetworkManager/conf.d", "run/NetworkManager/conf.d", "etc/NetworkManager/NetworkManager.conf", "etc/NetworkManager/conf.d"}

// networkManager judges NetworkManager's profiles (nm-settings-keyfile(5)). lo it
// leaves alone, but for a profile of lo, which it can have since version 1.42.
func (f *foreigners) networkManager() ([]Finding, error) {
	if !f.there("run/NetworkManager") && !f.enabled("NetworkManager.service") {
		return nil, nil
	}
	unmanaged := f.unmanaged()
	var findings []Finding
	for _, dir := range []string{"etc", "run", "usr/lib"} {
		for _, name := range dropins(f.fsys, ".nmconnection", dir+"/NetworkManager/system-connections") {
			p := newProfile(settings(f.fsys, name))
			if unmanaged(p.dev) {
				continue
			}
			findings = append(findings, f.profile(name, p)...)
		}
	}
	return findings, nil
}

// unmanaged returns what says whether NetworkManager keeps its hands off an interface.
func (f *foreigners) unmanaged() func(name string) bool {
	var specs []string
	for _, where := range networkManagerConf {
		files := []string{where}
		if path.Ext(where) == ".d" {
			files = dropins(f.fsys, ".conf", where)
		}
		for _, file := range files {
			for _, s := range settings(f.fsys, file) {
				list := strings.FieldsFunc(s.value, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
				switch {
				case s.section != "keyfile":
				case s.key == "unmanaged-devices":
					specs = list
				case s.key == "unmanaged-devices+":
					specs = append(specs, list...)
				}
			}
		}
	}
	return func(name string) bool {
		matches := func(except bool) bool {
			return slices.ContainsFunc(specs, func(spec string) bool {
				spec, not := strings.CutPrefix(spec, "except:")
				return not == except && (spec == "*" || matchesDevice(spec, name))
			})
		}
		return matches(false) && !matches(true)
	}
}

// matchesDevice is interface-name:PATTERN, where = in front means no pattern.
func matchesDevice(spec, name string) bool {
	pattern, ok := strings.CutPrefix(spec, "interface-name:")
	if exact, is := strings.CutPrefix(pattern, "="); is {
		return ok && exact == name
	}
	matches, _ := path.Match(strings.TrimPrefix(pattern, "~"), name)
	return ok && matches
}

// profile is a connection profile of NetworkManager.
type profile struct {
	id, dev  string
	auto     bool
	settings []setting // with addresses
}

func newProfile(all []setting) profile {
	p := profile{auto: true}
	loop := false
	for _, s := range all {
		switch {
		case s.section == "connection" && s.key == "id":
			p.id = s.value
		case s.section == "connection" && s.key == "interface-name":
			p.dev = s.value
		case s.section == "connection" && s.key == "type":
			loop = s.value == "loopback"
		case s.section == "connection" && s.key == "autoconnect":
			p.auto = isTrue(s.value)
		case (s.section == "ipv4" || s.section == "ipv6") && strings.HasPrefix(s.key, "address"):
			p.settings = append(p.settings, s)
		}
	}
	if loop && p.dev == "" {
		p.dev = loopback
	}
	return p
}

// profile judges one.
func (f *foreigners) profile(name string, p profile) []Finding {
	var findings []Finding
	var has []netip.Addr
	for _, s := range p.settings {
		for word := range strings.FieldsFuncSeq(s.value, func(r rune) bool { return r == ';' || r == ',' }) {
			vip := addressOf(word)
			if _, ok := f.places[vip]; !ok {
				continue
			}
			has = append(has, vip)
			findings = append(findings, f.configured(NameForeignNetworkManager, s, vip, p.dev,
				fmt.Sprintf("nmcli connection modify '%s' -%s.addresses %s && nmcli connection up '%s'", p.id, s.section, word, p.id)))
		}
	}
	lost := without(f.wantedOn(p.dev), has)
	if len(lost) == 0 || !p.auto || p.dev == "" {
		return findings
	}
	return append(findings, Finding{
		Name: NameForeignNetworkManager, Interface: p.dev,
		What: fmt.Sprintf("/%s: NetworkManager has a profile of %s", name, p.dev),
		Why:  fmt.Sprintf("when it activates the profile, it removes the addresses that are not in it: %s", joinAddrs(lost)),
		Remedy: fmt.Sprintf(`printf '[keyfile]\nunmanaged-devices+=interface-name:%s\n' > /etc/NetworkManager/conf.d/99-realserver.conf && nmcli general reload`,
			p.dev),
	})
}
