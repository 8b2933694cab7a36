package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// Config says what to keep the kernel away from.
type Config struct {
	Interface string       // where frames to the VIPs arrive
	Egress    string       // by which the real servers are reached, if not by Interface; it is only looked at
	VIPs      []netip.Addr // IPv4 and IPv6, in any order
}

// Guard is an installed table. Its methods may be called from any goroutine
// whose thread is in the network namespace of Install.
type Guard struct {
	name  string
	rules ruleset

	mu      sync.Mutex
	vips    []netip.Addr
	index   int // of the interface when the table was last seen or written
	removed bool
}

// ruleset is the table of one interface in the kernel.
type ruleset interface {
	replace(vips []netip.Addr) error
	intact(vips []netip.Addr) (bool, error)
	remove() error
	// device returns the index of the interface, or ErrGone.
	device() (index int, err error)
}

// ErrRemoved is returned by what needs a guard that Remove has taken away.
var ErrRemoved = errors.New("the guard was removed")

// ErrGone is wrapped by errors of a guard whose interface does not exist now: "interface eth0 is gone".
var ErrGone = errors.New("is gone")

// Install puts the guard on the interface, in place of one that an earlier
// process left there.
func Install(c Config) (*Guard, error) {
	if err := haveInterface(c.Interface); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return install(c, newTable(c.Interface))
}

func install(c Config, rules ruleset) (*Guard, error) {
	g := &Guard{name: c.Interface, rules: rules}
	index, err := rules.device()
	if err != nil {
		return nil, fmt.Errorf("guard on %s: %w", c.Interface, err)
	}
	if err := g.Update(c.VIPs); err != nil {
		return nil, err
	}
	g.index = index
	return g, nil
}

// Remove takes away what a killed process may have left on an interface, for
// programs that run without a guard. None is no error.
func Remove(name string) error { return newTable(name).remove() }

// Covers reports whether a guard is on the interface that keeps the kernel away from
// these VIPs, whoever has put it there. It changes nothing, and needs
// CAP_NET_ADMIN.
func Covers(name string, vips []netip.Addr) (bool, error) {
	vips, err := normal(vips)
	if err != nil {
		return false, fmt.Errorf("guard on %s: %w", name, err)
	}
	return newTable(name).covers(vips)
}

// Update makes vips the VIPs that are kept away, all at once. On error the
// former ones stay.
func (g *Guard) Update(vips []netip.Addr) error {
	vips, err := normal(vips)
	if err != nil {
		return fmt.Errorf("guard on %s: %w", g.name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return fmt.Errorf("guard on %s: %w", g.name, ErrRemoved)
	}
	if err := g.rules.replace(vips); err != nil {
		return err
	}
	g.vips = vips
	return nil
}

// Remove takes the guard away. The kernel sees the VIPs' frames again. A second
// call, or one after somebody else took it away, does nothing.
func (g *Guard) Remove() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removed = true
	return g.rules.remove()
}

// Repair puts the guard back when it is gone or was changed, and says whether
// somebody else had done that. The interface may have been deleted and made
// again: kernels before Linux 6.16 drop the guard with it, and then putting it
// back is no repair. While there is no interface, those kernels cannot have a
// guard, and the error wraps ErrGone.
func (g *Guard) Repair() (repaired bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return false, fmt.Errorf("guard on %s: %w", g.name, ErrRemoved)
	}
	intact, err := g.rules.intact(g.vips)
	if err != nil {
		return false, err
	}
	index, err := g.rules.device()
	if intact {
		if err == nil {
			g.index = index
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("guard on %s: %w", g.name, err)
	}
	if err := g.rules.replace(g.vips); err != nil {
		return false, err
	}
	same := index == g.index
	g.index = index
	return same, nil
}

// normal returns the addresses in order, each once, IPv4 as such.
func normal(vips []netip.Addr) ([]netip.Addr, error) {
	unmapped := make([]netip.Addr, len(vips))
	for i, vip := range vips {
		if !vip.IsValid() || vip.Zone() != "" {
			return nil, fmt.Errorf("VIP %v: an address without a zone is needed", vip)
		}
		unmapped[i] = vip.Unmap()
	}
	slices.SortFunc(unmapped, netip.Addr.Compare)
	return slices.Compact(unmapped), nil
}
