package peer

import (
	"context"
	"fmt"
	"strings"

	"lvsdr/lab"
)

// NftFwd sets up what needs no connection table: the server follows from a hash of
// the client's address and port. Servers' MAC addresses must be given.
func NftFwd(ctx context.Context, s *Site) (Running, error) {
	from := s.Host.Interface(s.Far).MAC()
	rules := s.eachService(func(service *Service) string {
		return fmt.Sprintf("ether saddr set %v ether daddr set %s fwd to %q", from,
			s.byHash(service, func(server *Server) string { return server.MAC.String() }), s.Far)
	})
	return withinKernel{}, loadRules(ctx, s.Host, fmt.Sprintf(`table netdev bench {
	chain in {
		type filter hook ingress device %q priority 0;
		%s
	}
}
`, s.Near, rules))
}

// NftDNAT sets up DNAT: connection tracking, and a route to each server. What
// servers reply must pass the host too.
func NftDNAT(ctx context.Context, s *Site) (Running, error) {
	if err := enoughTracking(s.Host, s.Flows); err != nil {
		return nil, err
	}
	s.route()
	rules := s.eachService(func(service *Service) string {
		return "dnat to " + s.byHash(service, func(server *Server) string { return server.Addr.String() })
	})
	err := loadRules(ctx, s.Host, fmt.Sprintf(`table %s bench {
	chain in {
		type nat hook prerouting priority dstnat;
		%s
	}
}
`, s.family(), rules))
	if err != nil {
		return nil, err
	}
	// A flow whose replies nobody sees must not be forgotten within a run. A
	// connection that has ended, for which the default is two minutes, keeps its
	// place for a second, as its client keeps its port: the kernel gives the place to
	// another one when the table is full, which 65,536 connections take four seconds
	// to fill.
	s.Host.SetSysctl("net.netfilter.nf_conntrack_udp_timeout", "3600")
	for _, ended := range []string{"time_wait", "close"} {
		s.Host.SetSysctl("net.netfilter.nf_conntrack_tcp_timeout_"+ended, "1")
	}
	return withinKernel{}, nil
}

// eachService has a rule for each service. A single one has all of the VIP.
func (s *Site) eachService(rule func(*Service) string) string {
	var rules []string
	for i := range s.Services {
		service := &s.Services[i]
		match := fmt.Sprintf("%s daddr %v", s.family(), s.VIP)
		if len(s.Services) > 1 {
			match += fmt.Sprintf(" %s dport %d", service.Protocol, service.Port)
		}
		rules = append(rules, match+" "+rule(service))
	}
	return strings.Join(rules, "\n\t\t")
}

// byHash is the expression that finds a server's value by the flow.
func (s *Site) byHash(service *Service, value func(*Server) string) string {
	var elements []string
	for i := range service.Servers {
		elements = append(elements, fmt.Sprintf("%d : %s", i, value(&service.Servers[i])))
	}
	return fmt.Sprintf("jhash %s saddr . %s sport mod %d seed 0x1 map { %s }",
		s.family(), service.Protocol, len(service.Servers), strings.Join(elements, ", "))
}

// loadRules gives the host a packet filter. Rules that this kernel or this nft do
// not know leave the peer out.
func loadRules(ctx context.Context, h *lab.Host, rules string) error {
	nft, err := FindProgram("nft", "nftables")
	if err != nil {
		return err
	}
	p := h.Command(ctx, nft, "-f", "-")
	p.Stdin = strings.NewReader(rules)
	if err := p.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return skip("nft refused the rules: %w\n%s", err, p.Output())
	}
	return nil
}
