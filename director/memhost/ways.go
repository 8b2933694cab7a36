package memhost

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"lvsdr/director"
	"lvsdr/healthcheck"
	"lvsdr/healthcheck/via"
)

// SetProblems are what a look at the ways of probes finds.
func (h *Host) SetProblems(problems ...via.Problem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems = slices.Clone(problems)
}

// Ways returns the real servers that probes by a VIP have a way to, and which
// interface it leads by: "", if there are no ways.
func (h *Host) Ways() (egress string, servers []via.Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ways == nil {
		return "", nil
	}
	return h.ways.egress, slices.Clone(h.ways.servers)
}

// OpenWays returns ways that lead to the servers of the host's segments, for checks
// of kind tcp. See [director.Host].
func (h *Host) OpenWays(c via.Config) (director.Ways, error) {
	if err := h.failure(OpenWays); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ways = &hostWays{host: h, egress: c.Egress}
	return h.ways, nil
}

type hostWays struct {
	host    *Host
	egress  string
	servers []via.Server
}

// Check refuses servers when [CheckWays] fails.
func (w *hostWays) Check(servers []via.Server) error {
	if len(servers) == 0 {
		return nil
	}
	return w.host.failure(CheckWays)
}

// Set replaces the servers.
func (w *hostWays) Set(servers []via.Server) {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	w.servers = slices.Clone(servers)
}

// Restore has nothing to do: nothing takes ways in memory away.
func (w *hostWays) Restore() {}

// Look returns what [Host.SetProblems] said.
func (w *hostWays) Look() []via.Problem {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	return slices.Clone(w.host.problems)
}

// Way leads to the target, whatever address of it is asked. Without a way, a VIP
// is not reached.
func (w *hostWays) Way(spec healthcheck.Spec, t healthcheck.Target) healthcheck.Way {
	return healthcheck.Way{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if spec.ByVIP() && !w.leadsTo(t.Addr) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return w.host.dial(ctx, network, t.Addr, address)
	}}
}

func (w *hostWays) leadsTo(server netip.Addr) bool {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	return slices.ContainsFunc(w.servers, func(s via.Server) bool { return s.Addr == server })
}

// Close ends the ways.
func (w *hostWays) Close() error {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	w.servers, w.host.ways = nil, nil
	return nil
}
