package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// bootLine is one call of apply that a boot makes: some VIPs, and how.
type bootLine struct {
	Method     string
	VIPs       []netip.Addr
	Interfaces []string // method arptables only: the others need no interface
	ARPIgnore  int
	Services   []Service
	AddressOn  string
	StateDir   string
}

// bootLine is what o asks for, with its defaults filled in.
func (o Options) bootLine() bootLine {
	l := bootLine{Method: o.Method, VIPs: o.VIPs, ARPIgnore: o.ARPIgnore, Services: o.Services, AddressOn: o.AddressOn, StateDir: o.StateDir}
	if o.Method == MethodARPTables {
		l.Interfaces = o.Interfaces
	}
	return l
}

// late says whether the line has to wait for the network: a rule of method
// arptables has the server's own address in it.
func (l bootLine) late() bool { return l.Method == MethodARPTables }

// flags lists all but the VIPs, as apply takes them. Lines with the same flags are
// one line.
func (l bootLine) flags() []string {
	var words []string
	if l.Method != MethodSysctl {
		words = append(words, "--method", l.Method)
	}
	for _, name := range l.Interfaces {
		words = append(words, "--interface", name)
	}
	for _, s := range l.Services {
		if s != (Service{}) {
			words = append(words, "--service", s.String())
		}
	}
	if l.AddressOn != "" {
		words = append(words, "--vip-on", l.AddressOn)
	}
	if l.ARPIgnore != DefaultARPIgnore {
		words = append(words, "--arp-ignore", itoa(l.ARPIgnore))
	}
	return append(words, l.where()...)
}

// where is the flag for the state directory, if it needs one.
func (l bootLine) where() []string {
	if l.StateDir == DefaultStateDir {
		return nil
	}
	return []string{"--state-dir", l.StateDir}
}

// vipFlags lists VIPs as apply and undo take them.
func vipFlags(vips []netip.Addr) []string {
	var words []string
	for _, vip := range vips {
		words = append(words, "--vip", vip.String())
	}
	return words
}

// parseBootLine reads what apply's arguments were, as flags and vipFlags wrote them.
func parseBootLine(words []string) (bootLine, error) {
	l := bootLine{Method: MethodSysctl, ARPIgnore: DefaultARPIgnore, StateDir: DefaultStateDir}
	if len(words)%2 != 0 {
		return l, errors.New("a flag has no value")
	}
	for pair := range slices.Chunk(words, 2) {
		if err := l.set(pair[0], pair[1]); err != nil {
			return l, fmt.Errorf("%s %s: %w", pair[0], pair[1], err)
		}
	}
	if len(l.VIPs) == 0 {
		return l, ErrNoVIP
	}
	return l, nil
}

func (l *bootLine) set(flag, value string) (err error) {
	switch flag {
	case "--method":
		l.Method = value
		_, err = lookupMethod(value)
	case "--interface":
		l.Interfaces = append(l.Interfaces, value)
	case "--service":
		var s Service
		s, err = ParseService(value)
		l.Services = append(l.Services, s)
	case "--vip-on":
		l.AddressOn = value
	case "--arp-ignore":
		l.ARPIgnore, err = strconv.Atoi(value)
	case "--state-dir":
		l.StateDir = value
	case "--vip":
		var vip netip.Addr
		vip, err = netip.ParseAddr(value)
		l.VIPs = append(l.VIPs, vip)
	default:
		return errors.New("unknown")
	}
	return err
}

// mergeLines brings lines with the same flags together, in a lasting order.
func mergeLines(lines []bootLine) []bootLine {
	byFlags := map[string]bootLine{}
	for _, l := range lines {
		if len(l.VIPs) == 0 {
			continue
		}
		key := strings.Join(l.flags(), " ")
		l.VIPs = sortedAddrs(append(slices.Clone(l.VIPs), byFlags[key].VIPs...))
		byFlags[key] = l
	}
	merged := make([]bootLine, 0, len(byFlags))
	for _, l := range byFlags {
		merged = append(merged, l)
	}
	slices.SortFunc(merged, func(a, b bootLine) int { return cmp.Compare(a.VIPs[0].String(), b.VIPs[0].String()) })
	return merged
}
