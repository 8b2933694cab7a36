package realserver

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"lvsdr/finding"
)

// sysctlDirs are those of sysctl.d(5), the first has precedence.
var sysctlDirs = []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"}

// sysctlLines lists what sets sysctls at a boot or with `sysctl --system`, in that order, keys
// as paths. /etc/sysctl.conf comes last with sysctl(8); systemd reads it only where a
// link in /etc/sysctl.d leads to it. ufw has a file of its own.
func (f *foreigners) sysctlLines() []setting {
	files := append(dropins(f.fsys, ".conf", sysctlDirs...), "etc/sysctl.conf")
	for _, s := range settings(f.fsys, "etc/ufw/ufw.conf") {
		if s.key == "ENABLED" && isTrue(s.value) {
			files = append(files, "etc/ufw/sysctl.conf")
		}
	}
	var lines []setting
	for _, name := range files {
		for _, s := range settings(f.fsys, name) {
			s.key = strings.TrimSpace(s.key)
			lines = append(lines, s)
		}
	}
	return lines
}

// lastSysctl returns the line that decides what a key becomes, if one does. A line with the
// key itself counts before one with a pattern; "-key" without a value keeps
// patterns away.
func lastSysctl(lines []setting, key string) (last setting, ok bool) {
	byPattern := true
	for _, l := range lines {
		name, dash := strings.CutPrefix(l.key, "-")
		name = sysctlPath(name)
		switch matches, _ := path.Match(name, key); {
		case name == key && l.value == "" && dash:
			byPattern, ok = false, ok && sysctlPath(strings.TrimPrefix(last.key, "-")) == key
		case name == key:
			last, ok, byPattern = l, true, false
		case matches && byPattern:
			last, ok = l, true
		}
	}
	return last, ok
}

// sysctlJudge says what the files make of keys.
type sysctlJudge struct {
	*foreigners
	lines []setting
}

// line returns the line that decides what a key of an interface becomes; where there is none,
// an interface that comes later gets what "default" is.
func (j sysctlJudge) line(name, leaf string) (setting, bool) {
	l, ok := lastSysctl(j.lines, ipv4Conf(name, leaf))
	if ok || name == "all" || name == loopback {
		return l, ok
	}
	key := ipv4Conf("default", leaf)
	l, ok = lastSysctl(j.lines, key)
	return l, ok && sysctlPath(strings.TrimPrefix(l.key, "-")) == key
}

// value returns what a key becomes, or else is.
func (j sysctlJudge) value(name, leaf string) (int, error) {
	if l, ok := j.line(name, leaf); ok {
		if v, err := strconv.Atoi(l.value); err == nil {
			return v, nil
		}
	}
	return j.optional(ipv4Conf(name, leaf))
}

// sysctls judges what sysctl.d(5) and its like set.
func (f *foreigners) sysctls() ([]Finding, error) {
	j := sysctlJudge{f, f.sysctlLines()}
	var findings []Finding
	for _, judge := range []func() ([]Finding, error){j.arp, j.proxyARP, j.reversePath, j.disableIPv6, j.hidden} {
		found, err := judge()
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.Contains(findings, f) {
				findings = append(findings, f)
			}
		}
	}
	return findings, nil
}

// finding says that a line sets a key to what is not good enough.
func (j sysctlJudge) finding(l setting, key, want, why string) Finding {
	pattern := ""
	if path := sysctlPath(strings.TrimPrefix(l.key, "-")); path != key {
		pattern = fmt.Sprintf(", by %s", l.key)
	}
	name := strings.Split(key, "/")[3]
	return Finding{
		Name: NameForeignSysctl, Interface: name,
		What:   fmt.Sprintf("/%s:%d sets %s to %s%s", l.file, l.line, sysctlName(key), l.value, pattern),
		Why:    "when it is read again (a boot, sysctl --system, a package's update): " + why,
		Remedy: j.remedy(l, key, want),
	}
}

// remedy changes a line in /etc, and says something later where the line is not the
// administrator's.
func (j sysctlJudge) remedy(l setting, key, want string) string {
	if strings.HasPrefix(l.file, "etc/") && sysctlPath(strings.TrimPrefix(l.key, "-")) == key {
		return fmt.Sprintf("sed -i '%ds/=.*/= %s/' /%s", l.line, want, l.file)
	}
	return fmt.Sprintf("echo %s >> /etc/sysctl.d/99-zz-local.conf", finding.ShellQuote(sysctlName(key)+" = "+want))
}

// arp judges arp_ignore and arp_announce, on which the IPv4 VIPs of method sysctl rest. The
// larger of all and the interface counts.
func (j sysctlJudge) arp() ([]Finding, error) {
	if len(only4(j.byMethod[MethodSysctl])) == 0 {
		return nil, nil
	}
	var findings []Finding
	for _, setting := range arpSettings(DefaultARPIgnore) {
		why := "the host answers ARP for the VIP"
		if setting.name == NameARPAnnounce {
			why = "the host may ask with the VIP as its own address"
		}
		for _, name := range orAll(j.lan) {
			v, err := effective(func(key string) (int, error) { return j.becomes(key, setting) }, name, setting.leaf)
			if err != nil {
				return nil, err
			}
			for _, n := range slices.Compact([]string{"all", name}) {
				l, ok := j.line(n, setting.leaf)
				if own, err := strconv.Atoi(l.value); !ok || err == nil && setting.enough(own) {
					continue
				}
				f := j.finding(l, ipv4Conf(n, setting.leaf), itoa(setting.target), why)
				if f.OK = setting.enough(v); f.OK {
					f.Why = "no harm while the larger of all and the interface suffices"
				}
				findings = append(findings, f)
			}
		}
	}
	return findings, nil
}

// becomes returns what a key will be: what a file sets, or else what apply leaves there.
func (j sysctlJudge) becomes(key string, a arpSetting) (int, error) {
	name := strings.Split(key, "/")[3]
	v, err := j.value(name, a.leaf)
	if _, ok := j.line(name, a.leaf); err == nil && !ok && (v < a.target || !a.known(v)) {
		return a.target, nil
	}
	return v, err
}

// proxyARP judges proxy_arp, which counts when either key is set.
func (j sysctlJudge) proxyARP() ([]Finding, error) {
	var findings []Finding
	for _, name := range append([]string{"all"}, j.lan...) {
		if l, ok := j.line(name, "proxy_arp"); ok && l.value != "0" {
			findings = append(findings, j.finding(l, ipv4Conf(name, "proxy_arp"), "0", "the host answers ARP for addresses that it can route to"))
		}
	}
	return findings, nil
}

// reversePath judges rp_filter as check does.
func (j sysctlJudge) reversePath() ([]Finding, error) {
	if len(only4(slices.Collect(maps.Keys(j.places)))) == 0 {
		return nil, nil
	}
	leaves, err := j.replies()
	if err != nil {
		return nil, err
	}
	all, err := j.value("all", "rp_filter")
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, name := range j.lan {
		own, err := j.value(name, "rp_filter")
		if err != nil {
			return nil, err
		}
		if max(all, own) != 1 || name == leaves {
			continue
		}
		for _, n := range []string{"all", name} {
			if l, ok := j.line(n, "rp_filter"); ok && l.value == "1" {
				findings = append(findings, j.finding(l, ipv4Conf(n, "rp_filter"), "2",
					"clients that are not on this LAN are dropped, because replies to them leave elsewhere"))
			}
		}
	}
	return findings, nil
}

// replies is the interface by which replies to clients beyond the LAN leave, if they do.
func (f *foreigners) replies() (string, error) {
	r, err := f.host.FindRoute(RouteQuery{To: elsewhere(f.addrs, netip.IPv4Unspecified())})
	if err != nil || r.Type != RouteUnicast {
		return "", err
	}
	return r.Interface, nil
}

// disableIPv6 judges whether lo keeps its IPv6 addresses. What is written to all is written to
// lo as well.
func (j sysctlJudge) disableIPv6() ([]Finding, error) {
	if !slices.ContainsFunc(j.wantedOn(loopback), netip.Addr.Is6) {
		return nil, nil
	}
	for _, name := range []string{loopback, "all"} {
		key := "net/ipv6/conf/" + name + "/disable_ipv6"
		l, ok := lastSysctl(j.lines, key)
		if ok && l.value == "0" {
			return nil, nil
		}
		if ok {
			return []Finding{j.finding(l, key, "0", "lo loses its IPv6 addresses, and the VIP with them")}, nil
		}
	}
	return nil, nil
}

// hidden judges the switches of the hidden patch.
func (j sysctlJudge) hidden() ([]Finding, error) {
	if len(only4(j.byMethod[MethodHidden])) == 0 {
		return nil, nil
	}
	leaf, err := j.hiddenLeaf()
	if err != nil {
		return nil, nil // check says that
	}
	var findings []Finding
	for _, key := range hiddenKeys(leaf) {
		if l, ok := lastSysctl(j.lines, key); ok && l.value == "0" {
			findings = append(findings, j.finding(l, key, "1", "the host answers ARP for the VIP"))
		}
	}
	return findings, nil
}
