package finding

import (
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/frame"
)

// SharedMAC: hosts have one MAC address. They are real servers, after another one of
// that name or without.
func SharedMAC(mac frame.MAC, other string, servers ...netip.Addr) Result {
	names := make([]string, len(servers))
	for i, addr := range servers {
		names[i] = addr.String()
	}
	who := "the real servers " + strings.Join(names, " and ")
	if other != "" {
		who = other + " and real server " + strings.Join(names, " and ")
	}
	last := servers[len(servers)-1]
	return Result{
		Verdict: Wrong, Kind: ServerMAC, Server: last.String(), MAC: mac.String(),
		What:    fmt.Sprintf("%s have one MAC address, %s", who, Stranger(mac)),
		Why:     "copies of one machine, between which a switch delivers by chance; or one host with both addresses, or a router that answers for them",
		Host:    Server(last),
		Command: RenewMACCommand(last),
	}
}

// AddressTwice: several hosts answer for the address of a real server.
func AddressTwice(server netip.Addr, macs []frame.MAC) Result {
	all := make([]string, len(macs))
	for i, mac := range macs {
		all[i] = Stranger(mac)
	}
	return Result{
		Verdict: Wrong, Kind: ServerAddress, Server: server.String(), MAC: macs[0].String(),
		What:    fmt.Sprintf("%d hosts answer %s for %s: %s", len(macs), Discovery(server), Server(server), strings.Join(all, ", ")),
		Why:     "its frames go to one of them, by chance",
		Host:    "the one of them that is not to have the address",
		Command: RemoveCommand(server),
	}
}
