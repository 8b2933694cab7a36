package ipvsadm

import (
	"fmt"
	"strings"
)

// versionLine is what ipvsadm 1.31 calls itself, for scripts that look.
const versionLine = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)"

// help prints what there is.
func (s *session) help() error {
	_, err := fmt.Fprint(s.out, versionLine, "\n", strings.ReplaceAll(helpText, "PROGRAM", s.Program))
	return err
}

const helpText = `This one asks a director for direct routing (lvsdr), not the kernel.

Usage:
  PROGRAM -A|E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M NETMASK] [-b FLAGS] [-o]
  PROGRAM -D SERVICE
  PROGRAM -C
  PROGRAM -R
  PROGRAM -S [-n]
  PROGRAM -a|e SERVICE -r SERVER [-g] [-w WEIGHT] [-x UPPER] [-y LOWER]
  PROGRAM -d SERVICE -r SERVER
  PROGRAM -L|l [SERVICE] [-n] [OPTIONS]
  PROGRAM -Z [SERVICE]
  PROGRAM --set TCP TCPFIN UDP
  PROGRAM -h

Commands, one a line, first:
  -A, --add-service       a new virtual service
  -E, --edit-service      its scheduler, flags, persistence
  -D, --delete-service    it and its real servers
  -C, --clear             all services
  -R, --restore           do each line of standard input
  -S, --save              print lines for -R
  -a, --add-server        a new real server of a service
  -e, --edit-server       its weight, its thresholds
  -d, --delete-server     it alone
  -L, -l, --list          services and real servers; this is what no command does
  -Z, --zero              counters of a service, or of all, back to 0
      --set               timeouts of idle connections in seconds; 0 leaves one as it is
  -h, --help              this
  -v, --version

SERVICE:
  -t, --tcp-service ADDRESS[:PORT]
  -u, --udp-service ADDRESS[:PORT]
      --sctp-service ADDRESS[:PORT]
  -f, --fwmark-service MARK [-6]  the service whose mark: in director.yaml is MARK
  Without a port, or with port 0, it is every port, and needs -p. IPv6: [ADDRESS]:PORT.

Options of services:
  -s, --scheduler NAME    rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos; default wlc
  -p, --persistent [SECONDS]
                          a client stays with its server; default 360
  -M, --netmask MASK      which clients are one: 255.255.255.0, or with IPv6 a number of bits
  -b, --sched-flags FLAGS sh-port,sh-fallback or mh-port,mh-fallback
  -o, --ops               schedule every packet by itself; UDP only

Options of real servers:
  -r, --real-server ADDRESS[:PORT]
                          the port is always the service's
  -g, --gatewaying        direct routing, the only way here
  -w, --weight WEIGHT     default 1; 0: no new connections
  -x, --u-threshold N     no new connections from N on
  -y, --l-threshold N     new ones again below N

Options of -L:
  -n, --numeric           no names of hosts and ports
  -c, --connection        connections
      --timeout           timeouts of idle connections
      --daemon            nothing: there is no synchronisation daemon
      --stats, --rate     counters, or their changes per second
      --thresholds, --persistent-conn, --tun-info
                          other columns
      --exact             numbers in full, not in K, M, G or T
      --nosort            as they were added, latest server first
      --sort              by address; the default

Not here: -m, -i and the --tun options (the way is direct routing), --pe,
--start-daemon and --stop-daemon. Each says what to do instead.
`
