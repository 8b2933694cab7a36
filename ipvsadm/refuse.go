package ipvsadm

import "strings"

// refuse is what the director does not do, and what to do instead.
func refuse(what, remedy string) *mistake {
	return failf("%s: %s", what, remedy)
}

// checkRefused finds what ipvsadm would have asked of the kernel in vain here.
func (p *parser) checkRefused() error {
	switch p.command {
	case startDaemon, stopDaemon:
		return refuse("--"+commandNames[p.command],
			"a director has no synchronisation daemon, connections stay with the director that made them. "+
				"Clients keep their servers over a restart or a takeover if the services use sh, mh or dh: a second "+
				"director with the same services finds the same server by the hash, and within `restart_grace` "+
				"a segment of an unknown connection is scheduled, not refused")
	case addService, editService:
		return p.checkServiceRefused()
	case addServer, editServer:
		return p.checkForward()
	}
	return nil
}

func (p *parser) checkServiceRefused() error {
	s := &p.service
	if p.given.has(optEngine) {
		return refuse("--pe "+s.engine, "the director keeps clients by their address and looks into no protocol: "+
			"leave it out, and use -p, with -M if several addresses make one client")
	}
	for _, name := range s.flags.names(s.scheduler) {
		if strings.HasPrefix(name, "flag-") {
			return refuse("-b "+name, "it means nothing to "+s.scheduler+": leave it out")
		}
	}
	if s.ipv6 || s.persistence == 0 {
		return nil
	}
	switch s.netmask.ones() {
	case -1:
		return refuse("-M "+addr4(s.netmask.mask).String(), "its ones do not lead: write one such as 255.255.255.0")
	case 0:
		return refuse("-M 0.0.0.0", "it makes one client of all: write 128.0.0.0 or longer, or leave out -p and "+
			"use the scheduler fo for one server at a time")
	}
	return nil
}

func (p *parser) checkForward() error {
	const instead = "use -g, and let the real server accept the VIP (director realserver apply --vip VIP)"
	switch p.server.forward {
	case masquerade:
		return refuse("-m", "a director for direct routing does not translate addresses (NAT): "+instead)
	case tunnel:
		return refuse("-i", "a director for direct routing sends packets through no tunnel: "+instead+
			"; it must be on a network of the director")
	}
	return nil
}

// foreignOptions are of other ipvsadms, and why they are not here.
var foreignOptions = map[string]string{
	"-P": laddr, "--add-laddr": laddr, "-Q": laddr, "--del-laddr": laddr, "-G": laddr, "--get-laddr": laddr,
	"-z": laddr, "--laddr": laddr,
	"--fullnat": laddr,
	"-j":        synproxy, "--synproxy": synproxy,
	"-K": snat, "--add-snat": snat, "-k": snat, "--edit-snat": snat, "-H": snat, "--delete-snat": snat,
}

const (
	laddr    = "it is of an ipvsadm with FullNAT; a director for direct routing translates no addresses: leave it out"
	synproxy = "it is of an ipvsadm with SYN proxy; the director's quotas keep a SYN flood from established connections: leave it out"
	snat     = "it is of an ipvsadm with SNAT; a director for direct routing translates no addresses: leave it out"
)

// foreign says why an unknown option is not here, if it is one of another
// ipvsadm.
func foreign(word string) error {
	name, _, _ := strings.Cut(word, "=")
	if why, known := foreignOptions[name]; known {
		return refuse(name, why)
	}
	return nil
}
