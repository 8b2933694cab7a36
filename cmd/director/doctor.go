package main

import (
	"net/netip"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/doctor"
	"lvsdr/frame"
)

// doctorFlags are the flags of `director doctor`.
type doctorFlags struct {
	iface    string
	vips     []string
	servers  []string
	config   string
	director string
	window   time.Duration
	sample   int
	json     bool
}

func newDoctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor {--interface IF --vip ADDRESS... | --config FILE}",
		Short: "Find what is wrong on the segment: who answers for a VIP, and which server does not take it",
		Long: `Find what is wrong on the segment of a direct-routing cluster, and say which
command mends it, on which machine: who answers ARP or neighbour discovery for each VIP;
whether each real server takes what is sent to it for the VIP, and whether packets
of the full size reach it; which hosts share a MAC address; and whether this host's
kernel takes part in the VIPs' traffic.

This host is taken for the director's, whether or not a director runs; elsewhere,
--director says where it is. Only questions are sent (ARP requests and neighbour
solicitations, echo requests, SYNs that are reset, empty datagrams, DNS queries to
port 53), and nothing is changed. Needs root, or CAP_NET_RAW. The exit code is 1 if
there is a finding.

VIPs and real servers are IPv4 or IPv6. Where real servers have addresses of both
families, a VIP is looked for at those of its own.`,
		Example: `  director doctor --config /etc/director/director.yaml
  director doctor --interface eth0 --vip 192.0.2.10:80 --real-server 192.0.2.21 --real-server 192.0.2.22
  director doctor --interface eth0 --vip 192.0.2.10:53/udp --real-server 192.0.2.21 --director 192.0.2.2
  director doctor --interface eth0 --vip [2001:db8::10]:8000-8099 --real-server 2001:db8::21`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("doctor: unexpected %q; VIPs are given with --vip", args[0])
			}
			return f.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			looks, err := f.looks()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return runDoctor(ctx, cmd.OutOrStdout(), looks, f.json)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.iface, "interface", "", "the `INTERFACE` on the segment (default: those of --config)")
	flags.StringArrayVar(&f.vips, "vip", nil, "a VIP, as `ADDRESS[:PORT[-PORT][/PROTOCOL]]`, an IPv6 address before a port in brackets; may be repeated")
	flags.StringArrayVar(&f.servers, "real-server", nil, "a real server of all VIPs, by its `ADDRESS`; may be repeated")
	flags.StringVar(&f.config, "config", "", "take VIPs, services and real servers from this configuration `FILE`")
	flags.StringVar(&f.director, "director", "", "where the director is, if not on this host: its host's `ADDRESS`, or the MAC address with which it answers")
	flags.DurationVar(&f.window, "window", doctor.DefaultWindow, "how `LONG` to wait for all answers to one kind of question")
	flags.IntVar(&f.sample, "sample", doctor.DefaultSample, "how `MANY` ports of a range to try, the first and the last among them")
	flags.BoolVar(&f.json, "json", false, "print the results as JSON, for programs")
	cmd.MarkFlagFilename("config", "yaml", "yml") // completion only: no error that matters
	return cmd
}

// check finds mistakes in the flags.
func (f *doctorFlags) check() error {
	named := len(f.vips) > 0 || len(f.servers) > 0
	switch {
	case f.config != "" && named:
		return usagef("doctor: --config, or --vip and --real-server, not both")
	case f.config == "" && len(f.vips) == 0:
		return usagef("doctor: --vip ADDRESS or --config FILE is needed")
	case f.config == "" && f.iface == "":
		return usagef("doctor: --interface IF is needed")
	case f.window <= 0:
		return usagef("doctor: --window %v: must be longer than 0", f.window)
	case f.sample <= 0:
		return usagef("doctor: --sample %d: must be 1 or more", f.sample)
	}
	if _, err := f.where(); err != nil {
		return err
	}
	_, err := f.services()
	return err
}

// where reads --director.
func (f *doctorFlags) where() (d doctor.Director, err error) {
	if f.director == "" {
		return d, nil
	}
	if d.MAC, err = frame.ParseMAC(f.director); err == nil && d.MAC.IsUnicast() {
		return d, nil
	}
	addr, ok := parseHost(f.director)
	if !ok {
		return d, usagef("doctor: --director %s: neither an IP address nor a MAC address", f.director)
	}
	return doctor.Director{Addr: addr}, nil
}

// services reads --vip and --real-server.
func (f *doctorFlags) services() ([]doctor.Service, error) {
	var servers []doctor.Server
	for _, text := range f.servers {
		addr, ok := parseHost(text)
		if !ok {
			return nil, usagef("doctor: --real-server %s: not an IP address", text)
		}
		servers = append(servers, doctor.Server{Addr: addr})
	}
	var services []doctor.Service
	for _, text := range f.vips {
		s, ok := parseVIP(text)
		if !ok {
			return nil, usagef("doctor: --vip %s: not ADDRESS, ADDRESS:PORT, ADDRESS:FIRST-LAST or one of those with /PROTOCOL behind the port; "+
				"IPv6 as [ADDRESS]:PORT, protocols are tcp and udp", text)
		}
		s.Servers = sameFamily(servers, s.VIP)
		services = append(services, s)
	}
	return services, nil
}

// sameFamily returns the servers with an address of the VIP's family; all, if there
// are none.
func sameFamily(servers []doctor.Server, vip netip.Addr) []doctor.Server {
	var same []doctor.Server
	for _, s := range servers {
		if s.Addr.Is4() == vip.Is4() {
			same = append(same, s)
		}
	}
	if len(same) == 0 {
		return servers
	}
	return same
}

// parseHost reads the address of a host, without a zone.
func parseHost(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	return addr, err == nil && addr.Zone() == "" && !addr.Is4In6() && !addr.IsMulticast()
}

// parseVIP reads ADDRESS[:PORT[-PORT][/PROTOCOL]].
func parseVIP(text string) (s doctor.Service, ok bool) {
	protocols := map[string]uint8{"tcp": frame.ProtocolTCP, "udp": frame.ProtocolUDP}
	text, protocol, named := strings.Cut(text, "/")
	if !named {
		protocol = "tcp"
	}
	host, ports, hasPorts := splitVIP(text)
	addr, ok := parseHost(host)
	if !ok || protocols[protocol] == 0 || named && !hasPorts {
		return s, false
	}
	s = doctor.Service{VIP: addr, Protocol: protocols[protocol]}
	if !hasPorts {
		return s, true
	}
	first, last, isRange := strings.Cut(ports, "-")
	if s.Port, ok = parsePort(first); !ok || !isRange {
		return s, ok
	}
	s.LastPort, ok = parsePort(last)
	return s, ok && s.LastPort >= s.Port
}

// splitVIP splits ADDRESS:PORTS, of which IPv6 has the address in brackets.
func splitVIP(text string) (host, ports string, hasPorts bool) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, "", false
	}
	bare, inBrackets := strings.CutPrefix(text, "[")
	if !inBrackets {
		return strings.Cut(text, ":")
	}
	host, ports, hasPorts = strings.Cut(bare, "]:")
	if !hasPorts {
		host = strings.TrimSuffix(host, "]")
	}
	return host, ports, hasPorts
}

func parsePort(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n != 0
}
