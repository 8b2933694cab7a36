package director

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"lvsdr/config"
	"lvsdr/conntable"
	"lvsdr/dataplane"
	"lvsdr/frame"
	"lvsdr/healthcheck"
	"lvsdr/service"
)

// definitions are the services of a configuration as package service wants
// them.
func definitions(c *config.Config) []service.Definition {
	out := make([]service.Definition, len(c.Services))
	for i := range c.Services {
		s := &c.Services[i]
		out[i] = service.Definition{
			Name:        s.Name,
			Protocol:    s.Protocol.Number(),
			Mark:        s.Mark,
			Scheduler:   s.Scheduler,
			Flags:       s.Flags,
			CacheExpiry: cacheExpiry(c, s.Scheduler),
			Timeouts:    conntable.NewTimeouts(s.Timeouts.TCP, s.Timeouts.TCPFin, s.Timeouts.UDP).Persist(s.Persistence.Timeout),
			Persistence: service.Persistence(s.Persistence),
			OnePacket:   s.OnePacket,
			Reject:      rejects[s.Reject],
		}
		for _, a := range s.Addresses {
			out[i].Ranges = append(out[i].Ranges, service.Range{
				VIP: frame.AddrFrom(a.Addr), First: a.FirstPort, Last: a.LastPort,
			})
		}
		for _, r := range s.RealServers {
			out[i].Servers = append(out[i].Servers, service.ServerDefinition{
				Addr: frame.AddrFrom(r.Addr), Port: r.Port, HashPort: hashPort(s, &r),
				Weight: r.Weight, Upper: r.Upper, Lower: r.Lower, MAC: r.MAC,
			})
		}
		if s.SorryServer.IsValid() {
			r := s.Sorry()
			out[i].Sorry = &service.ServerDefinition{
				Addr: frame.AddrFrom(r.Addr), Port: r.Port, HashPort: hashPort(s, &r), Weight: r.Weight, MAC: r.MAC,
			}
		}
	}
	return out
}

// cacheExpiry is how long lblc and lblcr remember a destination.
func cacheExpiry(c *config.Config, scheduler string) time.Duration {
	if scheduler == "lblcr" {
		return c.IPVS.LBLCRExpiration
	}
	return c.IPVS.LBLCExpiration
}

// settings are the parts of a configuration that workers look at.
func settings(c *config.Config) dataplane.Settings {
	return dataplane.Settings{
		DecrementTTL:            c.TTL == config.TTLDecrement,
		SloppyTCP:               c.IPVS.SloppyTCP,
		SloppySCTP:              c.IPVS.SloppySCTP,
		ConnReuseMode:           c.IPVS.ConnReuseMode,
		ExpireNodestConn:        c.IPVS.ExpireNodestConn,
		ExpireQuiescentTemplate: c.IPVS.ExpireQuiescentTemplate,
		ScheduleICMP:            c.IPVS.ScheduleICMP,
		SecureTCP:               dataplane.Defence(c.IPVS.SecureTCP),
		DropEntry:               dataplane.Defence(c.IPVS.DropEntry),
		DropPacket:              dataplane.Defence(c.IPVS.DropPacket),
		DropRate:                c.IPVS.AmDropRate,
		HalfOpenQuota:           c.Quotas.HalfOpen,
		UDPQuota:                c.Quotas.UDP,
	}
}

// owned are the VIPs of a configuration as the dataplane wants them.
func owned(c *config.Config) []frame.Addr {
	var out []frame.Addr
	for _, a := range c.VIPs {
		out = append(out, frame.AddrFrom(a))
	}
	return out
}

var rejects = map[config.RejectMode]service.Reject{
	config.RejectRST: service.RejectRST, config.RejectICMP: service.RejectICMP, config.RejectDrop: service.RejectDrop,
}

// subscriptions are the health checks of a configuration.
func subscriptions(c *config.Config) (subs []healthcheck.Subscription) {
	for i := range c.Services {
		s := &c.Services[i]
		for _, r := range s.RealServers {
			target := healthcheck.Target{Addr: r.Addr, Port: r.Port, Name: s.Name + " " + r.Addr.String()}
			if len(s.Addresses) > 0 {
				target.VIP = s.Addresses[0].Addr
			}
			key := serverKey(s.Name, r.Addr, r.Port)
			subs = append(subs, healthcheck.Subscription{Key: key, Spec: s.Check, Target: target})
			if s.Dynamic.Agent.Kind != "" {
				target.Name += " (agent)"
				subs = append(subs, healthcheck.Subscription{Key: agentKey(key), Spec: s.Dynamic.Agent, Target: target})
			}
		}
	}
	return subs
}

// hashPort is the port of a real server as IPVS knows it, and as its hashes take
// it in: that of its service, and for a service with a mark the one with which it
// was added, mostly none, whatever port its checks ask.
func hashPort(s *config.Service, r *config.RealServer) uint16 {
	if s.Mark != 0 {
		return r.MarkPort
	}
	return r.Port
}

// serverKey names a real server of a service, in health checks and in the
// state file.
func serverKey(service string, addr netip.Addr, port uint16) string {
	return fmt.Sprintf("%s %s", service, netip.AddrPortFrom(addr, port))
}

func keyOf(rs *service.RealServer) string { return serverKey(rs.Service(), rs.Addr, rs.ServicePort()) }

// vips are the VIPs of a configuration, sorted, each once.
func vips(c *config.Config) (out []netip.Addr) {
	out = append(out, c.VIPs...)
	for i := range c.Services {
		for _, a := range c.Services[i].Addresses {
			out = append(out, a.Addr)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// realServers are the addresses to resolve, and those whose MAC is pinned.
func realServers(c *config.Config) (resolve []netip.Addr, pinned map[netip.Addr]frame.MAC) {
	pinned = make(map[netip.Addr]frame.MAC)
	for i := range c.Services {
		for _, r := range c.Services[i].RealServers {
			resolve = append(resolve, r.Addr)
			if !r.MAC.IsZero() {
				pinned[r.Addr] = r.MAC
			}
		}
		if sorry := c.Services[i].SorryServer; sorry.IsValid() {
			resolve = append(resolve, sorry)
		}
	}
	slices.SortFunc(resolve, netip.Addr.Compare)
	return slices.Compact(resolve), pinned
}

// address is a real server's address for people: with the port if it has one.
func address(rs *service.RealServer) string {
	if rs.Port == 0 {
		return rs.Addr.String()
	}
	return netip.AddrPortFrom(rs.Addr, rs.Port).String()
}

// portName is a range of ports for people.
func portName(first, last uint16) string {
	if first == last {
		return strconv.Itoa(int(first))
	}
	return fmt.Sprintf("%d-%d", first, last)
}
