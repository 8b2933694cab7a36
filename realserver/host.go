package realserver

import (
	"fmt"
	"io/fs"
	"net/netip"

	"lvsdr/realserver/ruleset"
)

// loopback is the interface that VIPs are put on.
const loopback = "lo"

// Host is the kernel of one host, or of one network namespace. Keys of sysctls
// are paths below /proc/sys, such as "net/ipv4/conf/all/arp_ignore"; values
// have no line end. A Host is used by one goroutine at a time.
type Host interface {
	// Identity tells this run of this network stack from every other.
	Identity() (Identity, error)
	// Links lists the interfaces.
	Links() ([]Link, error)
	// Addresses lists the addresses of all interfaces.
	Addresses() ([]Address, error)
	// ProxyNeighbors lists what the host answers for on behalf of others.
	ProxyNeighbors() ([]ProxyNeighbor, error)
	// FindRoute asks the kernel how it would route a packet. That there is no
	// route is an answer, not an error.
	FindRoute(RouteQuery) (Route, error)
	// SourceRules lists the policy routing rules that look at the source.
	SourceRules() ([]SourceRule, error)
	// Listeners lists the sockets of TCP that listen and those of UDP that are not
	// connected.
	Listeners() ([]Listener, error)
	// Passages tries packets on all nftables rules, and says for each in turn
	// what would become of it.
	Passages([]ruleset.Packet) ([]ruleset.Passage, error)
	// LegacyTables names the tables of the old iptables and arptables, such
	// as "ip filter", whose rules nftables cannot read.
	LegacyTables() ([]string, error)
	// ReadSysctl returns an error that is fs.ErrNotExist for an unknown key.
	ReadSysctl(key string) (string, error)
	// WriteSysctl sets a value.
	WriteSysctl(key, value string) error
	// AddAddress fails when the address is there.
	AddAddress(Address) error
	// RemoveAddress fails when the address is not there.
	RemoveAddress(Address) error
	// CompareTable looks for an nftables table of t's family and name, and
	// says whether it is t.
	CompareTable(t Table) (TableState, error)
	// Covered says whether other tables do to the packets that t is about, and
	// that arrive on the interfaces, what t would do, as rules do that were typed
	// by hand.
	Covered(t Table, interfaces []string) (bool, error)
	// PutTable writes t at once or not at all, in place of the table of that
	// family and name if there is one.
	PutTable(t Table) error
	// RemoveTable fails when there is no table of that family and name.
	RemoveTable(t Table) error
	// Preflight leaves the host as it is. It fails, with the remedy, when
	// addresses, one of the sysctls or one of the tables could not be changed.
	Preflight(keys []string, tables []Table) error
	// FS is the host's file system.
	FS() fs.FS
	// PutFile writes a file, or a link, at once or not at all, in place of
	// what has its path. It makes the directories that are missing. When it
	// returns, the file survives a power cut.
	PutFile(File) error
	// RemoveFile removes a file or a link. That there is none is no error. A
	// directory of systemd's links (*.wants) that is empty then goes too.
	RemoveFile(path string) error
	// PreflightFiles leaves the host as it is. It fails, with the remedy, when
	// one of the files could not be written or removed.
	PreflightFiles(paths []string) error
}

// Identity names one life of one network stack: what was changed in it is
// gone when either part differs.
type Identity struct {
	Boot  string `json:"boot"`  // the kernel's boot id
	NetNS uint64 `json:"netns"` // the network namespace
}

// Link is one interface.
type Link struct {
	Name     string
	Up       bool
	Loopback bool
	ARP      bool // it resolves addresses by ARP
	MTU      int  // bytes
}

// Address is one address of one interface.
type Address struct {
	Interface  string       `json:"interface"`
	Prefix     netip.Prefix `json:"prefix"`
	Scope      Scope        `json:"scope"`
	Label      string       `json:"label,omitempty"` // IPv4 only
	Deprecated bool         `json:"deprecated,omitempty"`
	Tentative  bool         `json:"tentative,omitempty"` // or duplicate: the kernel does not use it
}

// same says whether both are the same address to the kernel.
func (a Address) same(b Address) bool {
	return a.Interface == b.Interface && a.Prefix == b.Prefix
}

// Scope is how far an address is valid (rtnetlink(7), rtm_scope).
type Scope uint8

// The scopes of rtnetlink.
const (
	ScopeGlobal Scope = 0
	ScopeSite   Scope = 200
	ScopeLink   Scope = 253
	ScopeHost   Scope = 254
)

// String returns the name that ip(8) prints.
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	}
	return fmt.Sprintf("%d", uint8(s))
}
