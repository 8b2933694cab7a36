package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/director"
	"lvsdr/realserver"
)

// offer is a VIP that a director has, a service on it, or nothing but the VIP, and
// the real servers of the service.
type offer struct {
	vip     netip.Addr
	service realserver.Service
	servers []netip.Addr
}

// collect returns the VIPs, each once, and the services of each.
func collect(offers []offer) (vips []netip.Addr, services map[netip.Addr][]realserver.Service) {
	services = make(map[netip.Addr][]realserver.Service)
	for _, o := range offers {
		vip := o.vip.Unmap()
		if _, ok := services[vip]; !ok {
			vips = append(vips, vip)
		}
		services[vip] = append(services[vip], o.service)
	}
	return vips, services
}

// withBare adds the VIPs that have no service: all that comes for them.
func withBare(offers []offer, vips []netip.Addr) []offer {
	_, has := collect(offers)
	for _, vip := range vips {
		if _, ok := has[vip]; !ok {
			offers = append(offers, offer{vip: vip})
		}
	}
	return offers
}

// offersOfFile reads a director.yaml, and the rules that it names.
func offersOfFile(file string) ([]offer, error) {
	c, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	rules, err := readRules(c.Rules)
	if err != nil {
		return nil, fmt.Errorf("%w: %s names that file; --director asks the director itself", err, file)
	}
	if c, err = director.WithRules(c, rules.Changes); err != nil {
		return nil, placed(err, rules)
	}
	var offers []offer
	for i := range c.Services {
		s := &c.Services[i]
		var servers []netip.Addr
		for _, r := range s.RealServers {
			servers = append(servers, r.Addr)
		}
		for _, a := range s.Addresses {
			service := realserver.Service{Protocol: string(s.Protocol), First: a.FirstPort, Last: a.LastPort}
			offers = append(offers, offer{a.Addr, service, servers})
		}
	}
	return withBare(offers, c.VIPs), nil
}

// offersOfDirector asks a running director.
func offersOfDirector(ctx context.Context, address string) ([]offer, error) {
	client, err := api.NewClientAt(address)
	if err != nil {
		return nil, err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	offers, err := offersOfStatus(status)
	if err != nil {
		return nil, fmt.Errorf("read the answer of the director at %s: %w", address, err)
	}
	return offers, nil
}

func offersOfStatus(status *api.Status) ([]offer, error) {
	var offers []offer
	for i := range status.Services {
		of, err := offersOfService(&status.Services[i])
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", status.Services[i].Name, err)
		}
		offers = append(offers, of...)
	}
	var vips []netip.Addr
	for _, v := range status.VIPs {
		vip, err := netip.ParseAddr(v.Address)
		if err != nil {
			return nil, fmt.Errorf("VIP: %w", err)
		}
		vips = append(vips, vip)
	}
	return withBare(offers, vips), nil
}

func offersOfService(s *api.Service) (offers []offer, err error) {
	servers := make([]netip.Addr, len(s.Servers))
	for i, r := range s.Servers {
		if servers[i], err = serverAddr(r.Address); err != nil {
			return nil, err
		}
	}
	for _, text := range s.Addresses {
		o := offer{service: realserver.Service{Protocol: s.Protocol}, servers: servers}
		if o.vip, o.service.First, o.service.Last, err = parseRange(text); err != nil {
			return nil, err
		}
		offers = append(offers, o)
	}
	return offers, nil
}

// serverAddr reads ADDRESS or ADDRESS:PORT.
func serverAddr(text string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr, nil
	}
	server, err := netip.ParseAddrPort(text)
	return server.Addr(), err
}

// parseRange reads ADDRESS:PORT or ADDRESS:PORT-PORT; port 0 is any.
func parseRange(text string) (vip netip.Addr, first, last uint16, err error) {
	from, to, isRange := strings.Cut(text, "-")
	server, err := netip.ParseAddrPort(from)
	if err != nil {
		return vip, 0, 0, err
	}
	first, last = server.Port(), server.Port()
	if isRange {
		n, err := strconv.ParseUint(to, 10, 16)
		if err != nil {
			return vip, 0, 0, fmt.Errorf("%s: the last port: %w", text, err)
		}
		last = uint16(n)
	}
	return server.Addr(), first, last, nil
}
