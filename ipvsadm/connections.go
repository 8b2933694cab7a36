package ipvsadm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"lvsdr/admin/api"
)

// errOutput is that nobody reads any more.
var errOutput = errors.New("standard output is closed")

// connections prints the connection table as it arrives.
func (s *session) connections(ctx context.Context, r *request) error {
	title := fmt.Sprintf("pro expire %-11s %-18s %-18s %s\n", "state", "source", "virtual", "destination")
	if r.given.has(optPersistentConn) { // no connection has such data here
		title = fmt.Sprintf("pro expire %-11s %-18s %-18s %-18s %-16s %s\n",
			"state", "source", "virtual", "destination", "pe name", "pe_data")
	}
	began := false
	begin := func() {
		if !began {
			fmt.Fprint(s.out, "IPVS connection entries\n", title)
		}
		began = true
	}
	err := s.Director.Connections(ctx, api.ConnectionFilter{}, func(c api.Connection) error {
		begin()
		return s.connection(&c, r.given.has(optNumeric))
	})
	switch {
	case errors.Is(err, errOutput):
		return nil // the caller finds out by itself
	case err != nil && !began:
		return unreachable(err)
	}
	begin()
	return err
}

func (s *session) connection(c *api.Connection, numeric bool) error {
	protocol := strings.ToUpper(c.Protocol)
	vip := c.VIP
	if c.Mark != 0 { // the kernel's template of a mark is of protocol 0
		protocol, vip = "IP", markAddress(c)
	}
	_, err := fmt.Fprintf(s.out, "%-3s %-6s %-11s %-18s %-18s %s\n", protocol,
		fmt.Sprintf("%02d:%02d", c.Expires/60, c.Expires%60), c.State,
		s.endpoint(c.Client, protocol, numeric), s.endpoint(vip, protocol, numeric), s.endpoint(c.Server, protocol, numeric))
	if err != nil {
		return errOutput
	}
	return nil
}

// markAddress is the VIP of a mark's template: the kernel keeps the mark in the
// first word of the address.
func markAddress(c *api.Connection) string {
	addr := addr4(c.Mark)
	if client, _, _, err := splitAddress(c.Client); err == nil && client.Is6() {
		b := [16]byte(append(addr.AsSlice(), make([]byte, 12)...))
		addr = netip.AddrFrom16(b)
	}
	return netip.AddrPortFrom(addr, 0).String()
}

// endpoint is an address and a port as the director sends them, or their names.
func (s *session) endpoint(text, protocol string, numeric bool) string {
	if numeric {
		return text
	}
	addr, port, _, err := splitAddress(text)
	if err != nil {
		return text
	}
	return cut(s.place(addr, port, port, strings.ToLower(protocol), false), maxPlace)
}
