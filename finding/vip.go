package finding

import (
	"fmt"
	"net/netip"

	"lvsdr/frame"
)

// Claim is how another host claimed a VIP.
type Claim int

// The claims, the weakest first.
const (
	Probes    Claim = iota // it looks whether it may have the VIP
	Announces              // it tells everybody that it has the VIP
	Asks                   // it asks for another host in the VIP's name
	Answers                // it answers who asks for the VIP
)

// of says it of a VIP.
func (c Claim) of(vip netip.Addr) string {
	by := Discovery(vip)
	switch c {
	case Answers:
		return fmt.Sprintf("answers %s for the VIP %v", by, vip)
	case Asks:
		return fmt.Sprintf("asks by %s with the VIP %v as its own address", by, vip)
	case Announces:
		return fmt.Sprintf("announces the VIP %v by %s as its own address", vip, by)
	}
	return fmt.Sprintf("probes by %s for the VIP %v, to have it as its own address", by, vip)
}

// ServerClaims: a real server claims a VIP. The name is with its MAC address.
func ServerClaims(vip, server netip.Addr, name string, mac frame.MAC, c Claim) Result {
	return Result{
		Verdict: Wrong, Kind: VIPAtServer, VIP: vip.String(), Server: server.String(), MAC: mac.String(),
		What:    name + " " + c.of(vip),
		Why:     "clients that hear it send all their traffic to that server, past the director",
		Host:    Server(server),
		Command: RemoveCommand(vip) + "; " + ApplyCommand(vip),
	}
}

// StrangerClaims: a host that is neither director nor real server claims a VIP.
func StrangerClaims(vip netip.Addr, name string, mac frame.MAC, c Claim) Result {
	return Result{
		Verdict: Wrong, Kind: VIPElsewhere, VIP: vip.String(), MAC: mac.String(),
		What:    fmt.Sprintf("a host that is neither the director nor a real server, %s, %s", name, c.of(vip)),
		Why:     "clients that hear it send their traffic there",
		Host:    "the host with " + mac.String(),
		Command: RemoveCommand(vip),
	}
}
