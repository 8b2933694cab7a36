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
	json     bool
}

func newDoctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor {--interface IF --vip ADDRESS... | --config FILE}",
		Short: "Find what is wrong on the segment: who answers for a VIP, and which server does not take it",
		Long: `Find what is wrong on the segment of a direct-routing cluster, and say which
command mends it, on which machine: who answers ARP for each VIP; whether each
real server takes what is sent to it for the VIP, and whether packets of the full
size reach it; which real servers share a MAC address; and whether this host's
kernel takes part in the VIPs' traffic.

This host is taken for the director's, whether or not a director runs; elsewhere,
--director says where it is. Only questions are sent (ARP and echo requests,
SYNs that are reset, empty datagrams), and nothing is changed. Needs root, or
CAP_NET_RAW. The exit code is 1 if there is a finding.`,
		Example: `  director doctor --config /etc/director/director.yaml
  director doctor --interface eth0 --vip 192.0.2.10:80 --real-server 192.0.2.21 --real-server 192.0.2.22
  director doctor --interface eth0 --vip 192.0.2.10:53/udp --real-server 192.0.2.21 --director 192.0.2.2`,
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
	flags.StringArrayVar(&f.vips, "vip", nil, "a VIP, as `ADDRESS[:PORT[/PROTOCOL]]`; may be repeated")
	flags.StringArrayVar(&f.servers, "real-server", nil, "a real server of all VIPs, by its `ADDRESS`; may be repeated")
	flags.StringVar(&f.config, "config", "", "take VIPs, services and real servers from this configuration `FILE`")
	flags.StringVar(&f.director, "director", "", "where the director is, if not on this host: its host's `ADDRESS`, or the MAC address with which it answers")
	flags.DurationVar(&f.window, "window", doctor.DefaultWindow, "how `LONG` to wait for all answers to one kind of question")
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
	addr, err := netip.ParseAddr(f.director)
	if err != nil || !addr.Is4() {
		return d, usagef("doctor: --director %s: neither an IPv4 address nor a MAC address", f.director)
	}
	return doctor.Director{Addr: addr}, nil
}

// services reads --vip and --real-server.
func (f *doctorFlags) services() ([]doctor.Service, error) {
	var servers []doctor.Server
	for _, text := range f.servers {
		addr, err := netip.ParseAddr(text)
		if err != nil || !addr.Is4() {
			return nil, usagef("doctor: --real-server %s: not an IPv4 address", text)
		}
		servers = append(servers, doctor.Server{Addr: addr})
	}
	var services []doctor.Service
	for _, text := range f.vips {
		s, ok := parseVIP(text)
		if !ok {
			return nil, usagef("doctor: --vip %s: not ADDRESS, ADDRESS:PORT or ADDRESS:PORT/PROTOCOL, with an IPv4 address and tcp or udp", text)
		}
		s.Servers = servers
		services = append(services, s)
	}
	return services, nil
}

// parseVIP reads ADDRESS[:PORT[/PROTOCOL]].
func parseVIP(text string) (s doctor.Service, ok bool) {
	protocols := map[string]uint8{"tcp": frame.ProtocolTCP, "udp": frame.ProtocolUDP}
	text, protocol, named := strings.Cut(text, "/")
	if !named {
		protocol = "tcp"
	}
	host, port, hasPort := strings.Cut(text, ":")
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() || protocols[protocol] == 0 || named && !hasPort {
		return s, false
	}
	s = doctor.Service{VIP: addr, Protocol: protocols[protocol]}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return s, false
		}
		s.Port = uint16(n)
	}
	return s, true
}
