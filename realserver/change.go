package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"lvsdr/finding"
)

// Change is one reversible change of a host. Do and Undo reach the same end
// when they are repeated, or when they follow a crash inside of themselves.
type Change interface {
	// Key names what changes: two changes of one host have the same key
	// when they change the same thing.
	Key() string
	// Do makes the change.
	Do(Host) error
	// Undo restores what was there.
	Undo(Host) error
	// Command returns the line for a shell that does the same as Do.
	Command() string
	// String says what changes, for people.
	String() string
	// Reverse says what Undo changes, for people.
	Reverse() string
}

// Step is a change and the VIPs that need it.
type Step struct {
	Change Change
	VIPs   []netip.Addr
}

// SysctlChange sets a sysctl.
type SysctlChange struct {
	Path   string `json:"path"` // below /proc/sys
	Before string `json:"before"`
	After  string `json:"after"`
}

// Key implements Change.
func (c *SysctlChange) Key() string { return "sysctl " + c.Path }

// Do implements Change.
func (c *SysctlChange) Do(h Host) error { return c.write(h, c.After) }

// Undo implements Change. A sysctl that went with its interface is restored.
func (c *SysctlChange) Undo(h Host) error {
	err := c.write(h, c.Before)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (c *SysctlChange) write(h Host, value string) error {
	current, err := h.ReadSysctl(c.Path)
	if err != nil || current == value {
		return err
	}
	return h.WriteSysctl(c.Path, value)
}

// Command implements Change.
func (c *SysctlChange) Command() string {
	return setSysctl(c.Path, c.After)
}

// String implements Change.
func (c *SysctlChange) String() string {
	return fmt.Sprintf("%s: %s -> %s", sysctlName(c.Path), c.Before, c.After)
}

// Reverse implements Change.
func (c *SysctlChange) Reverse() string {
	return fmt.Sprintf("%s: %s -> %s", sysctlName(c.Path), c.After, c.Before)
}

// sysctlName writes a path as sysctl(8) takes it: with dots, unless a part
// of it (eth0.10) has one.
func sysctlName(path string) string {
	if strings.Contains(path, ".") {
		return path
	}
	return strings.ReplaceAll(path, "/", ".")
}

// AddressChange adds an address that was not there.
type AddressChange struct {
	Address
}

// Key implements Change.
func (c *AddressChange) Key() string { return "address " + c.Interface + " " + c.Prefix.String() }

// Do implements Change.
func (c *AddressChange) Do(h Host) error {
	there, err := c.there(h)
	if err != nil || there {
		return err
	}
	return h.AddAddress(c.Address)
}

// Undo implements Change.
func (c *AddressChange) Undo(h Host) error {
	there, err := c.there(h)
	if err != nil || !there {
		return err
	}
	return h.RemoveAddress(c.Address)
}

func (c *AddressChange) there(h Host) (bool, error) {
	addrs, err := h.Addresses()
	return slices.ContainsFunc(addrs, c.same), err
}

// Command implements Change.
func (c *AddressChange) Command() string {
	if c.Prefix.Addr().Is6() {
		return fmt.Sprintf("ip -6 addr add %v dev %s nodad preferred_lft 0", c.Prefix, finding.ShellWord(c.Interface))
	}
	line := fmt.Sprintf("ip addr add %v dev %s scope %v", c.Prefix, finding.ShellWord(c.Interface), c.Scope)
	if c.Label != "" {
		line += " label " + finding.ShellWord(c.Label)
	}
	return line
}

// String implements Change.
func (c *AddressChange) String() string {
	if c.Label == "" {
		return fmt.Sprintf("%s: add %v", c.Interface, c.Prefix)
	}
	return fmt.Sprintf("%s: add %v scope %v as %s", c.Interface, c.Prefix, c.Scope, c.Label)
}

// Reverse implements Change.
func (c *AddressChange) Reverse() string {
	return fmt.Sprintf("%s: remove %v", c.Interface, c.Prefix)
}
