package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
	"lvsdr/realserver"
)

// vipSource is where VIPs come from that are not given one by one.
type vipSource struct {
	config   string // a director.yaml
	director string // the address of a running director
	all      bool   // not only those of services that this host is a server of
}

func (s *vipSource) addFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&s.config, "config", "", "take the VIPs, and for method redirect their services, from this director.yaml `FILE`")
	flags.StringVar(&s.director, "director", "",
		"take them from the director that runs there: `WHERE` is http://HOST:PORT, its admin.listen, or unix:/PATH, its socket")
	flags.BoolVar(&s.all, "all", false, "with --config or --director, take the VIPs of all services, not only of those that list this host as a real server")
}

// named says whether there is one.
func (s *vipSource) named() bool { return s.config != "" || s.director != "" }

// validate finds mistakes in the flags. vips says whether --vip is among them.
func (s *vipSource) validate(vips bool) error {
	switch {
	case s.config != "" && s.director != "", s.named() && vips:
		return errors.New("only one of --vip, --config and --director")
	case s.all && !s.named():
		return errors.New("--all is for --config and --director")
	case s.director != "":
		if _, err := api.NewClientAt(s.director); err != nil {
			return fmt.Errorf("--director %w", err)
		}
	}
	return nil
}

// offers asks the source, anew each time.
func (s *vipSource) offers(ctx context.Context) ([]offer, error) {
	if s.config != "" {
		return offersOfFile(s.config)
	}
	offers, err := offersOfDirector(ctx, s.director)
	if err != nil {
		return nil, fmt.Errorf("%w: nothing was changed; without a director, name the VIPs with --vip or --config", err)
	}
	return offers, nil
}

func (s *vipSource) String() string {
	if s.config != "" {
		return s.config
	}
	return "the director at " + s.director
}

// resolve returns the options that the flags make: with the VIPs and services of
// the source, if one is named. It asks the source each time that it is called, and
// changes nothing.
func (f *realserverFlags) resolve(ctx context.Context, host realserver.Host) (realserver.Options, error) {
	o := f.options
	if !f.source.named() {
		return o, nil
	}
	offers, err := f.source.offers(ctx)
	if err != nil {
		return o, err
	}
	if !f.source.all {
		own, err := ownAddresses(host)
		if err != nil {
			return o, err
		}
		if offers = offersTo(own, offers); len(offers) == 0 {
			return o, f.source.notListed(own)
		}
	}
	if len(offers) == 0 {
		return o, fmt.Errorf("%v: there is no VIP: add a service there, or name VIPs with --vip", &f.source)
	}
	o.VIPs, o.ServicesOf = collect(offers)
	if len(o.Services) > 0 { // the user has said better
		o.ServicesOf = nil
	}
	if err := o.Validate(); err != nil {
		return o, fmt.Errorf("%v: %w", &f.source, err)
	}
	return o, nil
}

// notListed is the error of a host that no service knows by its addresses.
func (s *vipSource) notListed(own []netip.Addr) error {
	if len(own) == 0 {
		return fmt.Errorf("%v: this host has no address yet by which a service could list it: "+
			"set the network up first, or take the VIPs of all services with --all", s)
	}
	return fmt.Errorf("%v: no service lists this host as a real server, and this host is %s: "+
		"list that under real_servers there, or take the VIPs of all services with --all", s, addressList(own))
}

// ownAddresses are those by which a director could know this host: of scope
// global, as VIPs here are not, but for IPv6 on lo.
func ownAddresses(host realserver.Host) ([]netip.Addr, error) {
	addrs, err := host.Addresses()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range addrs {
		if a.Scope == realserver.ScopeGlobal && a.Interface != "lo" {
			own = append(own, a.Prefix.Addr())
		}
	}
	return own, nil
}

func addressList(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return strings.Join(list, ", ")
}

// offersTo are those of services with one of the addresses as a real server.
func offersTo(own []netip.Addr, offers []offer) []offer {
	return slices.DeleteFunc(slices.Clone(offers), func(o offer) bool {
		return !slices.ContainsFunc(o.servers, func(a netip.Addr) bool { return slices.Contains(own, a) })
	})
}
