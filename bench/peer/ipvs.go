package peer

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
)

// IPVS finds out whether the kernel has IPVS, which takes its place beside the
// others where it has. Frames must be for the VIP's port.
func IPVS(ctx context.Context, s *Site) (Running, error) {
	err := s.Host.Do(func() error {
		_, err := os.Stat("/proc/thread-self/net/ip_vs")
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, skip("this kernel has no IPVS (CONFIG_IP_VS), or its module is not loaded: modprobe ip_vs, if there is one")
	}
	if err != nil {
		return nil, err
	}
	program, err := FindProgram("ipvsadm", "ipvsadm")
	if err != nil {
		return nil, err
	}
	s.route()
	// The kernel schedules what is for this host only.
	s.Host.Interface("lo").AddAddr(netip.PrefixFrom(s.VIP, s.VIP.BitLen()))
	for i := range s.Services {
		for _, args := range s.ipvsadm(&s.Services[i]) {
			p := s.Host.Command(ctx, program, args...)
			if err := p.Run(); err != nil {
				return nil, skip("%w", err)
			}
		}
	}
	return withinKernel{}, nil
}

// ipvsadm has the calls that make a service: direct routing, in turns.
func (s *Site) ipvsadm(service *Service) [][]string {
	kind := map[Protocol]string{TCP: "-t", UDP: "-u"}[service.Protocol]
	address := s.listener(service)
	calls := [][]string{{"-A", kind, address, "-s", "rr"}}
	for _, server := range service.Servers {
		calls = append(calls, []string{"-a", kind, address, "-r", netip.AddrPortFrom(server.Addr, service.Port).String(), "-g"})
	}
	return calls
}
