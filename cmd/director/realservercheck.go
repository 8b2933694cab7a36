package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"lvsdr/realserver"
)

// checkFlags say more about what check has to follow.
type checkFlags struct {
	clients   []string
	directors []string
}

func (c *checkFlags) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&c.clients, "client", nil,
		"follow the packets of the client with this `ADDRESS`, there and back; may be repeated (default: any client)")
	flags.StringArrayVar(&c.directors, "director-address", nil,
		"an `ADDRESS` of a director, through which no reply may go; may be repeated")
}

func (c *checkFlags) parse(o *realserver.Options) error {
	var err error
	if o.Clients, err = parseAddrs("--client", c.clients); err != nil {
		return err
	}
	o.Directors, err = parseAddrs("--director-address", c.directors)
	return err
}

// parseAddrs reads the values of a flag.
func parseAddrs(flag string, texts []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%s %s: not an IP address", flag, text)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}
