package director

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"lvsdr/config"
	"lvsdr/guard"
)

// checkHost looks whether the configuration fits the host's interfaces.
func (d *Director) checkHost(c *config.Config) error {
	h, err := d.describeHost()
	if err != nil {
		return err
	}
	return c.CheckHost(h)
}

// describeHost returns the host's interfaces as a configuration is judged by
// them.
func (d *Director) describeHost() (config.Host, error) {
	interfaces, err := d.host.Interfaces()
	if err != nil {
		return config.Host{}, err
	}
	h := config.Host{Interfaces: make(map[string]config.Interface)}
	for _, i := range interfaces {
		h.Interfaces[i.Name] = config.Interface{MTU: i.MTU, Loopback: i.Name == "lo", Addrs: i.Addrs}
	}
	return h, nil
}

// openGuard installs the guard and looks at the host's kernel.
func (d *Director) openGuard(c *config.Config) error {
	g, err := d.host.OpenGuard(guard.Config{Interface: c.Ingress, Egress: c.Egress, VIPs: vips(c)}, c.Guard)
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	d.guard = g
	d.findings = nil
	d.lookAtKernel()
	return nil
}

// updateGuard changes the guard from what one configuration wants to what
// another does. After an error it is as before.
func (d *Director) updateGuard(now, next *config.Config) error {
	if next.Guard == now.Guard {
		if slices.Equal(vips(next), vips(now)) {
			return nil // writing the table takes the kernel 10 ms
		}
		return d.updateVIPs(vips(now), vips(next))
	}
	if err := d.openGuard(next); err != nil {
		return err
	}
	if next.Guard {
		return nil
	}
	if err := guard.Err(d.findings); err != nil {
		if again := d.openGuard(now); again != nil {
			d.log.Error("the guard could not be put back", "error", again)
		}
		return err
	}
	return nil
}

// updateVIPs changes the VIPs of the guard. It refuses what a start would be
// refused for, unless the kernel does that already.
func (d *Director) updateVIPs(now, next []netip.Addr) error {
	if err := d.guard.Update(next); err != nil {
		return err
	}
	if guard.Err(d.findings) != nil {
		return nil // the operator has been told
	}
	findings := d.guard.Look()
	err := guard.Err(findings)
	if err == nil {
		d.noteFindings(findings)
		return nil
	}
	if again := d.guard.Update(now); again != nil {
		d.log.Error("the guard could not be put back", "error", again)
	}
	return err
}

// lookAtKernel looks again whether the host's kernel stays out of the VIPs'
// traffic, and logs what is new.
func (d *Director) lookAtKernel() { d.noteFindings(d.guard.Look()) }

func (d *Director) noteFindings(findings []guard.Finding) {
	known := make(map[guard.Finding]bool)
	for _, f := range d.findings {
		known[f] = true
	}
	for _, f := range findings {
		if f.Severity != guard.OK && !known[f] {
			d.log.Log(context.Background(), severityLevel(f.Severity), f.What, "why", f.Why, "remedy", f.Remedy)
		}
	}
	d.findings = findings
}

func severityLevel(s guard.Severity) slog.Level {
	if s == guard.Refuse {
		return slog.LevelError
	}
	return slog.LevelWarn
}
