package realserver

import (
	"io/fs"
	"regexp"
)

var reFlush = regexp.MustCompile(`(?m)^\s*flush\s+ruleset\b`)

// nftables judges nftables.service, whose /etc/nftables.conf begins with "flush ruleset" on
// Debian and others.
func (f *foreigners) nftables() ([]Finding, error) {
	if len(f.byMethod[MethodRedirect]) == 0 && len(only4(f.byMethod[MethodARPTables])) == 0 || !f.enabled("nftables.service") {
		return nil, nil
	}
	for _, name := range []string{"etc/nftables.conf", "etc/sysconfig/nftables.conf"} {
		text, err := fs.ReadFile(f.fsys, name)
		if err != nil || !reFlush.Match(text) {
			continue
		}
		return []Finding{{
			Name: NameForeignNFTables, OK: true,
			What:   "/" + name + " flushes all rules, and nftables.service reads it",
			Why:    "after it was started or reloaded by hand, the rules for the VIPs are gone; at a boot --persist comes after it",
			Remedy: "systemctl reload nftables && systemctl restart " + unitKinds[0].name,
		}}, nil
	}
	return nil, nil
}

// programs names programs that do something to addresses that the host has.
func (f *foreigners) programs() ([]Finding, error) {
	var findings []Finding
	if _, ok := f.link("docker0"); ok {
		findings = append(findings, Finding{
			Name: NameForeignDocker, OK: true, Interface: "docker0",
			What: "Docker runs on this host",
			Why: "a port that a container publishes on every address is published on the VIPs too, before any service of the host; " +
				"and Docker turns ip_forward on: what arrives for a VIP that the host lacks is sent on",
			Remedy: "docker ps --format '{{.Names}} {{.Ports}}'",
		})
	}
	if _, ok := f.link("kube-ipvs0"); ok {
		findings = append(findings, Finding{
			Name: NameForeignKubernetes, OK: true, Interface: "kube-ipvs0",
			What: "kube-proxy runs in mode ipvs on this host",
			Why: "with strictARP it sets arp_ignore to 1 and arp_announce to 2 on all whenever it starts, which suffices; " +
				"addresses of services that it puts on kube-ipvs0 must not be VIPs",
			Remedy: "ip addr show kube-ipvs0",
		})
	}
	return findings, nil
}
