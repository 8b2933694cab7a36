package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// DefaultStateDir holds the record of what was there before, unless
// Options.StateDir says otherwise.
const DefaultStateDir = "/var/lib/director"

// DefaultARPIgnore is set where the host has no sufficient arp_ignore: answer
// for every address but those of scope host. It leaves the host's ARP
// for its other addresses as it was, which 1 does not.
const DefaultARPIgnore = 3

// Options says which VIPs a real server takes, and how.
type Options struct {
	// VIPs are the virtual IPs, IPv4 or IPv6. Undo and Check take those that
	// the record names when there are none.
	VIPs []netip.Addr
	// Interfaces are the LAN interfaces. When there are none: for Check those that
	// were named when the VIP was applied, else every interface that is up, speaks
	// ARP and has an IPv4 address of scope global.
	Interfaces []string
	// Method is the name of a method; "" is "sysctl" and, for Check, the one
	// that was applied to the VIP.
	Method string
	// ARPIgnore is the arp_ignore to set, 1 or 3, where the host has no
	// sufficient one; 0 is DefaultARPIgnore.
	ARPIgnore int
	// Services are what method redirect takes of the VIPs, together with what
	// was applied before; none is all. For Check they are, with any method, what
	// has to listen and to pass the firewall.
	Services []Service
	// ServicesOf are what method redirect takes of single VIPs (not IPv4-mapped ones),
	// beside Services. Apply takes no notice of them with other methods, Check
	// says which of them nobody listens for.
	ServicesOf map[netip.Addr][]Service
	// Prune makes Apply undo what was applied and is not named here any more: VIPs,
	// and with method redirect services of a VIP.
	Prune bool
	// Clients are addresses of clients whose packets Check follows there and
	// back; none is any client.
	Clients []netip.Addr
	// Directors are the addresses of directors, through which replies must not
	// go. Check looks at them.
	Directors []netip.Addr
	// AddressOn is the interface on which method arptables puts IPv4 VIPs: "lo",
	// which is what "" means, or an interface of the LAN.
	AddressOn string
	// StateDir holds the record; "" is DefaultStateDir.
	StateDir string
	// Persist has Apply write what the next boot needs to do the same again.
	Persist bool
	// Program is what a boot is to run, as an absolute path; "" is this program.
	Program string
	// Runtime has Undo leave what Persist wrote: the next boot applies it again.
	Runtime bool
}

// ErrNoVIP is returned when Options name no VIP and one is needed.
var ErrNoVIP = errors.New("no VIP given")

// Validate says what is wrong with o for Check and Undo by itself, whatever the
// host.
func (o Options) Validate() error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	_, err = lookupMethod(o.Method)
	return err
}

// ValidateApply says what is wrong with o for Apply by itself, whatever the host.
func (o Options) ValidateApply() error { return errors.Join(o.Validate(), o.onlyRedirectServices()) }

// onlyRedirectServices refuses services that would not be kept to.
func (o Options) onlyRedirectServices() error {
	if method := cmp.Or(o.Method, MethodSysctl); len(o.Services) > 0 && method != MethodRedirect {
		return fmt.Errorf("services are for method %s: method %s takes all that arrives for a VIP", MethodRedirect, method)
	}
	return nil
}

// withDefaults returns o with its defaults filled in, VIPs and interfaces
// sorted and unique, or every reason why it cannot be used.
func (o Options) withDefaults() (Options, error) {
	if o.Method == "" {
		o.Method = MethodSysctl
	}
	if o.ARPIgnore == 0 {
		o.ARPIgnore = DefaultARPIgnore
	}
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir
	}
	var errs []error
	for _, service := range slices.Concat(append(slices.Collect(maps.Values(o.ServicesOf)), o.Services)...) {
		if err := service.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if o.AddressOn != "" && o.Method != MethodARPTables {
		errs = append(errs, fmt.Errorf("VIPs on %s: only method %s puts them on an interface of choice", o.AddressOn, MethodARPTables))
	}
	if o.ARPIgnore != 1 && o.ARPIgnore != 3 {
		errs = append(errs, fmt.Errorf("arp_ignore %d: 1 or 3 is needed", o.ARPIgnore))
	}
	vips := make([]netip.Addr, 0, len(o.VIPs))
	for _, vip := range o.VIPs {
		vip = vip.Unmap()
		if err := validVIP(vip); err != nil {
			errs = append(errs, err)
			continue
		}
		vips = append(vips, vip)
	}
	for _, list := range [][]netip.Addr{o.Clients, o.Directors} {
		for _, addr := range list {
			if err := validHost(addr); err != nil {
				errs = append(errs, err)
			}
		}
	}
	o.VIPs = sortedAddrs(vips)
	o.Clients, o.Directors = unmapped(o.Clients), unmapped(o.Directors)
	o.Interfaces = slices.Compact(slices.Sorted(slices.Values(o.Interfaces)))
	return o, errors.Join(errs...)
}

// services are what method redirect takes of the VIP; none is all.
func (o Options) services(vip netip.Addr) []Service {
	return slices.Concat(o.Services, o.ServicesOf[vip])
}

// validVIP refuses addresses that cannot be a VIP on any LAN.
func validVIP(vip netip.Addr) error {
	reason := ""
	switch {
	case !vip.IsValid():
		reason = "not an address"
	case vip.Zone() != "":
		reason = "a VIP has no zone"
	case vip.IsUnspecified():
		reason = "the unspecified address"
	case vip.IsLoopback():
		reason = "a loopback address"
	case vip.IsMulticast():
		reason = "a multicast address"
	case vip.Is6() && vip.IsLinkLocalUnicast():
		reason = "a link-local address"
	case vip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		reason = "the broadcast address"
	default:
		return nil
	}
	return fmt.Errorf("VIP %v: %s; a unicast address of the LAN or routed to it is needed", vip, reason)
}

// validHost refuses addresses that no client or director has.
func validHost(addr netip.Addr) error {
	if !addr.IsValid() || addr.Zone() != "" || addr.IsUnspecified() || addr.IsLoopback() || addr.IsMulticast() {
		return fmt.Errorf("address %v: a unicast address of a client or a director is needed", addr)
	}
	return nil
}

// unmapped returns the addresses in order, those of IPv4 as such.
func unmapped(addrs []netip.Addr) []netip.Addr {
	plain := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		plain[i] = a.Unmap()
	}
	return sortedAddrs(plain)
}

// sortedAddrs returns the addresses in order, each once.
func sortedAddrs(addrs []netip.Addr) []netip.Addr {
	return slices.Compact(slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare))
}
