package main

import (
	"fmt"

	"lvsdr/config"
	"lvsdr/doctor"
	"lvsdr/frame"
)

// looks returns what to examine: one segment, or the two of a director with two
// interfaces.
func (f *doctorFlags) looks() ([]doctor.Options, error) {
	where, err := f.where()
	if err != nil {
		return nil, err
	}
	o := doctor.Options{Interface: f.iface, Director: where, Window: f.window, Sample: f.sample}
	if f.config == "" {
		o.Services, err = f.services()
		return []doctor.Options{o}, err
	}
	c, err := config.Load(f.config)
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	if o.Services = configServices(c); len(o.Services) == 0 {
		return nil, fmt.Errorf("doctor: %s: it has no service and no VIP, so there is nothing to look at", f.config)
	}
	if f.director != "" && c.MAC == config.MACVirtual {
		o.Director.MAC = frame.MAC{0x00, 0x00, 0x5e, 0x00, 0x01, c.RouterID}
	}
	return arms(o, c), nil
}

// arms returns the segments of a configuration to look at, of which --interface
// chooses.
func arms(o doctor.Options, c *config.Config) []doctor.Options {
	chosen := o.Interface
	o.Interface = c.Ingress
	if c.Egress == c.Ingress || chosen != "" && chosen != c.Ingress && chosen != c.Egress {
		if chosen != "" {
			o.Interface = chosen
		}
		return []doctor.Options{o}
	}
	o.Egress = c.Egress
	ingress, egress := o, o
	egress.Interface = c.Egress
	ingress.Services = nil
	for _, s := range o.Services {
		s.Servers = nil
		ingress.Services = append(ingress.Services, s)
	}
	switch chosen {
	case c.Ingress:
		return []doctor.Options{ingress}
	case c.Egress:
		return []doctor.Options{egress}
	}
	return []doctor.Options{ingress, egress}
}

// configServices returns what a configuration says of VIPs.
func configServices(c *config.Config) []doctor.Service {
	var services []doctor.Service
	for _, s := range c.Services {
		var servers []doctor.Server
		for _, rs := range s.RealServers {
			servers = append(servers, doctor.Server{Addr: rs.Addr, MAC: rs.MAC})
		}
		for _, a := range s.Addresses {
			services = append(services, doctor.Service{
				VIP: a.Addr, Port: a.FirstPort, LastPort: a.LastPort, Protocol: s.Protocol.Number(), Servers: servers,
			})
		}
	}
	for _, vip := range c.VIPs {
		services = append(services, doctor.Service{VIP: vip})
	}
	return services
}
