package realserver

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing/fstest"

	"lvsdr/realserver/ruleset"
)

// Memory is a Host that lives in a program's memory and behaves as Linux does
// where this package can tell. Fill the fields before use.
type Memory struct {
	ID       Identity
	Link     []Link
	Address  []Address
	Table    []Table
	Sysctl   map[string]string
	Defaults []string      // interfaces of the IPv4 default routes
	Route    []MemoryRoute // beside those and those of addresses
	Rule     []SourceRule
	Proxy    []ProxyNeighbor
	Socket   []Listener
	Legacy   []string                             // tables of the old iptables
	Firewall func(ruleset.Packet) ruleset.Passage // what becomes of packets; nil: they pass

	Unprivileged bool // as a process without CAP_NET_ADMIN
	ReadOnly     bool // as a container whose /proc/sys is read-only
	NoNFTables   bool // as a kernel without nftables
	ByHand       bool // other nftables rules do what any table would

	Disk         fstest.MapFS // the files that boots read
	ReadOnlyDisk bool         // as a host whose /etc is read-only

	// Hook, when set, is called before and after every change with what
	// changes. An error that it returns before a change fails that change.
	Hook func(change string) error

	watches watches
}

var _ Host = (*Memory)(nil)

// NewMemory returns a host with lo, up, and the named LAN interfaces, each up
// and with the sysctls at the kernel's defaults. Systemd runs on it.
func NewMemory(interfaces ...string) *Memory {
	m := &Memory{
		ID:     Identity{Boot: "memory", NetNS: 1},
		Link:   []Link{{Name: loopback, Up: true, Loopback: true, MTU: 65536}},
		Sysctl: map[string]string{},
		Disk:   fstest.MapFS{"run/systemd/system": {Mode: fs.ModeDir | 0o755}},
	}
	for _, name := range interfaces {
		m.Link = append(m.Link, Link{Name: name, Up: true, ARP: true, MTU: 1500})
	}
	for _, name := range append([]string{"all", loopback}, interfaces...) {
		for _, leaf := range []string{"arp_ignore", "arp_announce", "rp_filter", "accept_local", "proxy_arp", "proxy_arp_pvlan"} {
			m.Sysctl[ipv4Conf(name, leaf)] = "0"
		}
		m.Sysctl[ipv6Conf(name, "disable_ipv6")] = "0"
	}
	return m
}

// Snapshot describes all that a change could have changed: two snapshots are
// equal when the host is.
func (m *Memory) Snapshot() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m.Sysctl)) {
		fmt.Fprintf(&b, "%s = %q\n", key, m.Sysctl[key])
	}
	for _, a := range m.Address {
		fmt.Fprintf(&b, "%+v\n", a)
	}
	for _, t := range m.Table {
		fmt.Fprintln(&b, t)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Disk)) {
		fmt.Fprintf(&b, "%s %v %q\n", name, m.Disk[name].Mode, m.Disk[name].Data)
	}
	return b.String()
}

// Identity implements Host.
func (m *Memory) Identity() (Identity, error) { return m.ID, nil }

// Links implements Host.
func (m *Memory) Links() ([]Link, error) { return slices.Clone(m.Link), nil }

// Addresses implements Host.
func (m *Memory) Addresses() ([]Address, error) { return slices.Clone(m.Address), nil }

// ProxyNeighbors implements Host.
func (m *Memory) ProxyNeighbors() ([]ProxyNeighbor, error) { return slices.Clone(m.Proxy), nil }

// SourceRules implements Host.
func (m *Memory) SourceRules() ([]SourceRule, error) { return slices.Clone(m.Rule), nil }

// Listeners implements Host.
func (m *Memory) Listeners() ([]Listener, error) { return slices.Clone(m.Socket), nil }

// LegacyTables implements Host. As in Linux, reading needs privileges too.
func (m *Memory) LegacyTables() ([]string, error) {
	if m.Unprivileged {
		return nil, syscall.EACCES
	}
	return slices.Clone(m.Legacy), nil
}

// Passages implements Host.
func (m *Memory) Passages(packets []ruleset.Packet) ([]ruleset.Passage, error) {
	switch {
	case m.NoNFTables:
		return nil, explainRules(syscall.EPROTONOSUPPORT)
	case m.Unprivileged:
		return nil, explainRules(syscall.EPERM)
	}
	passages := make([]ruleset.Passage, len(packets))
	for i, p := range packets {
		if m.Firewall != nil {
			passages[i] = m.Firewall(p)
		}
	}
	return passages, nil
}

// ReadSysctl implements Host.
func (m *Memory) ReadSysctl(key string) (string, error) {
	value, ok := m.Sysctl[key]
	if !ok {
		return "", &fs.PathError{Op: "open", Path: "/proc/sys/" + key, Err: fs.ErrNotExist}
	}
	return value, nil
}

// WriteSysctl implements Host.
func (m *Memory) WriteSysctl(key, value string) error {
	if err := m.Preflight([]string{key}, nil); err != nil {
		return err
	}
	return m.change("sysctl "+key, func() { m.Sysctl[key] = value })
}

// AddAddress implements Host.
func (m *Memory) AddAddress(a Address) error {
	if err := m.Preflight(nil, nil); err != nil {
		return err
	}
	if slices.ContainsFunc(m.Address, a.same) {
		return fmt.Errorf("add %v to %s: %w", a.Prefix, a.Interface, syscall.EEXIST)
	}
	return m.change("add "+a.Prefix.String(), func() { m.Address = append(m.Address, a) })
}

// RemoveAddress implements Host.
func (m *Memory) RemoveAddress(a Address) error {
	if err := m.Preflight(nil, nil); err != nil {
		return err
	}
	if !slices.ContainsFunc(m.Address, a.same) {
		return fmt.Errorf("remove %v from %s: %w", a.Prefix, a.Interface, syscall.EADDRNOTAVAIL)
	}
	return m.change("remove "+a.Prefix.String(), func() { m.Address = slices.DeleteFunc(m.Address, a.same) })
}

// CompareTable implements Host. As in Linux, reading needs privileges too.
func (m *Memory) CompareTable(t Table) (TableState, error) {
	if m.NoNFTables {
		return TableAbsent, explainTable(t, syscall.EPROTONOSUPPORT)
	}
	if m.Unprivileged {
		return TableAbsent, explainTable(t, syscall.EPERM)
	}
	i := m.table(t)
	switch {
	case i < 0:
		return TableAbsent, nil
	case m.Table[i].String() == t.String():
		return TableSame, nil
	}
	return TableDiffers, nil
}

// Covered implements Host.
func (m *Memory) Covered(Table, []string) (bool, error) { return m.ByHand, nil }

// PutTable implements Host.
func (m *Memory) PutTable(t Table) error {
	if err := m.Preflight(nil, []Table{t}); err != nil {
		return err
	}
	return m.change("put table "+t.id(), func() {
		if i := m.table(t); i >= 0 {
			m.Table[i] = t
			return
		}
		m.Table = append(m.Table, t)
	})
}

// RemoveTable implements Host.
func (m *Memory) RemoveTable(t Table) error {
	if err := m.Preflight(nil, nil); err != nil {
		return err
	}
	i := m.table(t)
	if i < 0 {
		return explainTable(t, syscall.ENOENT)
	}
	return m.change("remove table "+t.id(), func() { m.Table = slices.Delete(m.Table, i, i+1) })
}

// table returns the index of the table of that family and name, or -1.
func (m *Memory) table(t Table) int {
	return slices.IndexFunc(m.Table, func(other Table) bool { return other.id() == t.id() })
}

// Preflight implements Host.
func (m *Memory) Preflight(keys []string, tables []Table) error {
	if m.Unprivileged {
		return errUnprivileged()
	}
	for _, t := range tables {
		if m.NoNFTables {
			return explainTable(t, syscall.EPROTONOSUPPORT)
		}
	}
	for _, key := range keys {
		if _, err := m.ReadSysctl(key); err != nil {
			return err
		}
		if m.ReadOnly {
			return explainSysctl(&fs.PathError{Op: "open", Path: "/proc/sys/" + key, Err: syscall.EROFS})
		}
	}
	return nil
}

// FS implements Host.
func (m *Memory) FS() fs.FS { return m.Disk }

// PutFile implements Host.
func (m *Memory) PutFile(f File) error {
	if err := m.PreflightFiles([]string{f.Path}); err != nil {
		return err
	}
	file := &fstest.MapFile{Data: []byte(f.Text), Mode: 0o644}
	if f.Link != "" {
		file = &fstest.MapFile{Data: []byte(f.Link), Mode: fs.ModeSymlink | 0o777}
	}
	return m.change("put "+f.Path, func() {
		if m.Disk == nil {
			m.Disk = fstest.MapFS{}
		}
		m.Disk[f.Path] = file
		delete(m.Disk, f.Path+tmpSuffix)
	})
}

// RemoveFile implements Host.
func (m *Memory) RemoveFile(path string) error {
	if err := m.PreflightFiles([]string{path}); err != nil {
		return err
	}
	return m.change("remove "+path, func() {
		delete(m.Disk, path)
		delete(m.Disk, path+tmpSuffix)
	})
}

// PreflightFiles implements Host.
func (m *Memory) PreflightFiles(paths []string) error {
	switch {
	case len(paths) > 0 && m.ReadOnlyDisk:
		return explainFile(&fs.PathError{Op: "write to", Path: "/" + paths[0], Err: syscall.EROFS})
	case len(paths) > 0 && m.Unprivileged:
		return explainFile(&fs.PathError{Op: "write to", Path: "/" + paths[0], Err: syscall.EACCES})
	}
	return nil
}

func (m *Memory) change(what string, do func()) error {
	if m.Hook != nil {
		if err := m.Hook("before " + what); err != nil {
			return err
		}
	}
	do()
	if m.Hook != nil {
		_ = m.Hook("after " + what) // too late to fail
	}
	return nil
}
