package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

// errNoCounter is a counter name that is not known.
var errNoCounter = errors.New("no such counter")

// Stat returns one of the interface's counters, named as in
// /sys/class/net/IF/statistics: rx_packets, tx_packets, rx_bytes, tx_bytes,
// rx_errors, tx_errors, rx_dropped, tx_dropped, multicast, tx_carrier_errors,
// rx_missed_errors.
func (i *Interface) Stat(name string) uint64 {
	var value uint64
	i.change("read "+name, func(_ *netlink.Handle, link netlink.Link) error {
		s := link.Attrs().Statistics
		if s == nil {
			return errNoCounter
		}
		known := map[string]uint64{
			"rx_packets": s.RxPackets, "tx_packets": s.TxPackets,
			"rx_bytes": s.RxBytes, "tx_bytes": s.TxBytes,
			"rx_errors": s.RxErrors, "tx_errors": s.TxErrors,
			"rx_dropped": s.RxDropped, "tx_dropped": s.TxDropped,
			"multicast": s.Multicast, "tx_carrier_errors": s.TxCarrierErrors,
			"rx_missed_errors": s.RxMissedErrors,
		}
		var ok bool
		if value, ok = known[name]; !ok {
			return errNoCounter
		}
		return nil
	})
	return value
}

// Stat is Interface(name).Stat.
func (h *Host) Stat(name, counter string) uint64 { return h.Interface(name).Stat(counter) }

// SNMP returns one of the counters of the host's protocols, named as nstat
// does, with a dot: "Ip.ForwDatagrams", "Tcp.InCsumErrors", "Icmp.OutRedirects",
// "TcpExt.ListenDrops". A few are negative where there is no limit.
func (h *Host) SNMP(name string) int64 {
	var value int64
	err := h.ns.do(func() (err error) {
		for _, file := range []string{"snmp", "netstat"} {
			value, err = readSNMP("/proc/thread-self/net/"+file, name)
			if !errors.Is(err, errNoCounter) {
				break
			}
		}
		return err
	})
	h.lab.fail(h.name+": read "+name, err)
	return value
}

// readSNMP looks a counter up in a file of pairs of lines, names then values.
func readSNMP(path, name string) (int64, error) {
	group, field, _ := strings.Cut(name, ".")
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read counters: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		names := strings.Fields(lines.Text())
		if !lines.Scan() {
			break
		}
		values := strings.Fields(lines.Text())
		if len(names) == 0 || len(names) != len(values) || names[0] != group+":" {
			continue
		}
		for column, n := range names {
			if n == field {
				return strconv.ParseInt(values[column], 10, 64)
			}
		}
	}
	return 0, errors.Join(lines.Err(), errNoCounter)
}
