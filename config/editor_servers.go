package config

import (
	"fmt"
	"slices"
)

// AddServer makes a real server, the last of its service, as ipvsadm -a does.
// Direct routing keeps the client's port, so a port that is none of the
// service's is replaced by the service's first, silently, as ipvsadm does; of a
// service with a mark the MarkPort is what was said, as in IPVS.
// Errors: ErrNoService, ErrServerExists, or Errors.
func (e *Editor) AddServer(id ServiceID, o ServerSettings) error {
	s, r, err := e.server(id, o)
	switch {
	case err != nil:
		return err
	case e.index.isServer(r.Addr) && s.find(r.Addr) >= 0: // few are: a service may have many servers
		return fmt.Errorf("real server %s: %w", r.Addr, ErrServerExists)
	case e.index.isVIP(r.Addr):
		return Errors{{Key: "address", Message: r.Addr.String() + " is a VIP", Remedy: ownAddress}}
	case r.Addr == s.SorryServer:
		return Errors{{Key: "address", Message: r.Addr.String() + " is the sorry server of this service", Remedy: "write the address of another server"}}
	case r.Port == 0 && s.probesRealPort():
		return Errors{{Key: "check", Message: unknownPort, Remedy: unknownPortRemedy}}
	}
	r.MAC = e.pinned[r.Addr]
	s.RealServers = append(s.RealServers, r)
	e.index.servers[r.Addr]++
	return nil
}

// EditServer changes weight and thresholds of a real server, as ipvsadm -e does.
// Errors: ErrNoService, ErrNoServer, or Errors.
func (e *Editor) EditServer(id ServiceID, o ServerSettings) error {
	s, said, err := e.server(id, o)
	if err != nil {
		return err
	}
	i := s.find(said.Addr)
	if i < 0 {
		return fmt.Errorf("real server %s: %w", said.Addr, ErrNoServer)
	}
	r := &s.RealServers[i]
	r.Weight, r.Upper, r.Lower = said.Weight, said.Upper, said.Lower
	return nil
}

// DeleteServer deletes a real server, as ipvsadm -d does. address is as in
// [ServerSettings].
// Errors: ErrNoService, ErrNoServer, or Errors.
func (e *Editor) DeleteServer(id ServiceID, address string) error {
	s, said, err := e.server(id, ServerSettings{Address: address})
	if err != nil {
		return err
	}
	i := s.find(said.Addr)
	if i < 0 {
		return fmt.Errorf("real server %s: %w", said.Addr, ErrNoServer)
	}
	s.RealServers = slices.Delete(s.RealServers, i, i+1)
	e.index.servers[said.Addr]--
	return nil
}

// server finds the service and reads what is said of a real server of it.
func (e *Editor) server(id ServiceID, o ServerSettings) (*Service, RealServer, error) {
	i, err := e.find(id)
	if err != nil {
		return nil, RealServer{}, err
	}
	s := e.services[i]
	d := newDecoder("")
	v := d.said("", mapping("weight", number(o.Weight), "upper", number(o.Upper), "lower", number(o.Lower)))
	var r RealServer
	v.section(realServerKeys).realServer(&r)
	d.said("address", word(o.Address)).saidServer(s, &r)
	return s, r, d.errs.orNil()
}

// saidServer reads the address of a real server, and chooses its ports.
func (v value) saidServer(s *Service, r *RealServer) {
	addr, ports, ok := v.realHost(s.Addresses[0].Addr.BitLen())
	if ok && ports != nil {
		ok = v.realPort(*ports, 0, &r.Port)
	}
	if ok && s.Mark != 0 {
		r.MarkPort = r.Port
	}
	if !ok || !s.hasPort(r.Port) || r.Port == 0 {
		r.Port = s.firstPort()
	}
	r.Addr = addr
}
