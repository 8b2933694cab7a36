package memhost

import (
	"net/netip"
	"slices"

	"lvsdr/director"
	"lvsdr/guard"
)

// SetForwarding says whether the host's kernel forwards IPv4, as after
// net.ipv4.ip_forward=1.
func (h *Host) SetForwarding(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forwarding = on
}

// SetFindings are what a look at the kernel finds beside what the host knows of
// itself.
func (h *Host) SetFindings(findings ...guard.Finding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.findings = slices.Clone(findings)
}

// Guarded returns the interface on which the guard is, "" if there is none, and
// the VIPs that it keeps away.
func (h *Host) Guarded() (name string, vips []netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.guarded, slices.Clone(h.vips)
}

// OpenGuard installs or removes the guard. See [director.Host].
func (h *Host) OpenGuard(c guard.Config, on bool) (director.Guard, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.failures[OpenGuard]; err != nil {
		return nil, err
	}
	g := &hostGuard{host: h, name: c.Interface, egress: c.Egress, vips: slices.Clone(c.VIPs), on: on}
	h.guarded, h.vips = "", nil
	if on {
		h.guarded, h.vips = c.Interface, g.vips
	}
	return g, nil
}

// hostGuard is the host's guard, or what looks without one.
type hostGuard struct {
	host   *Host
	name   string
	egress string
	vips   []netip.Addr
	on     bool
}

// Look judges the host.
func (g *hostGuard) Look() []guard.Finding {
	h := g.host
	h.mu.Lock()
	defer h.mu.Unlock()
	facts := guard.Facts{Interface: g.name, Egress: g.egress, VIPs: g.vips, Guarded: h.guarded == g.name}
	if h.forwarding {
		facts.Forwarding4 = []string{g.name}
	}
	for _, i := range h.interfaces {
		switch {
		case !i.exists:
			continue
		case i.name == g.name:
			facts.MTU = i.mtu
		case i.name == g.egress:
			facts.EgressMTU = i.mtu
		}
		for _, p := range i.addrs {
			if slices.Contains(g.vips, p.Addr()) {
				facts.Local = append(facts.Local, guard.Local{VIP: p.Addr(), Prefix: p, Interface: i.name})
			}
		}
	}
	return append(guard.Inspect(facts), h.findings...)
}

// Update replaces the VIPs.
func (g *hostGuard) Update(vips []netip.Addr) error {
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	if err := g.host.failures[UpdateGuard]; err != nil {
		return err
	}
	g.vips = slices.Clone(vips)
	if g.on {
		g.host.vips = g.vips
	}
	return nil
}

// Remove takes the guard away.
func (g *hostGuard) Remove() error {
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	if g.on {
		g.host.guarded, g.host.vips = "", nil
	}
	return nil
}
