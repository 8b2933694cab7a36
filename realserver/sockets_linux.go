package realserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The kernel's interface for listing sockets, sock_diag(7): what
// linux/inet_diag.h and linux/sock_diag.h define.
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	diagRequestLen   = 56
	diagMessageLen   = 72
	diagSourcePort   = 4
	diagSource       = 8
	diagInterface    = 40
	diagOnly6        = 11 // INET_DIAG_SKV6ONLY
	stateUnconnected = 7  // TCP_CLOSE, which is what a UDP socket without a peer is in
	stateListen      = 10
)

// Listeners implements Host. It needs no privileges.
func (LinuxHost) Listeners() (all []Listener, err error) {
	conn, err := netlink.Dial(netlinkSockDiag, nil)
	if err != nil {
		return nil, fmt.Errorf("list sockets: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, protocol := range []struct {
		name  string
		state uint32
	}{{"tcp", stateListen}, {"udp", stateUnconnected}} {
		for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
			request := make([]byte, diagRequestLen)
			request[0], request[1] = family, protocolNumbers[protocol.name]
			binary.NativeEndian.PutUint32(request[4:], 1<<protocol.state)
			replies, err := conn.Execute(netlink.Message{
				Header: netlink.Header{Type: sockDiagByFamily, Flags: netlink.Request | netlink.Dump},
				Data:   request,
			})
			if err != nil {
				return nil, fmt.Errorf("list sockets of %s: %w", protocol.name, err)
			}
			for _, m := range replies {
				if l, ok := readListener(protocol.name, m.Data); ok {
					all = append(all, l)
				}
			}
		}
	}
	return all, nil
}

// readListener reads a struct inet_diag_msg and the attributes behind it.
func readListener(protocol string, b []byte) (l Listener, ok bool) {
	if len(b) < diagMessageLen {
		return l, false
	}
	l = Listener{Protocol: protocol, Port: binary.BigEndian.Uint16(b[diagSourcePort:])}
	if b[0] == unix.AF_INET {
		l.Address = netip.AddrFrom4([4]byte(b[diagSource:]))
	} else {
		l.Address = netip.AddrFrom16([16]byte(b[diagSource:])).Unmap()
	}
	if index := binary.NativeEndian.Uint32(b[diagInterface:]); index != 0 {
		l.Interface, _ = linkName(int(index))
	}
	ad, err := netlink.NewAttributeDecoder(b[diagMessageLen:])
	if err != nil {
		return l, false
	}
	for ad.Next() {
		if ad.Type() == diagOnly6 {
			l.Only6 = ad.Uint8() != 0
		}
	}
	return l, ad.Err() == nil && l.Port != 0
}

// legacyLists name the tables of iptables' old kind in the calling thread's
// network namespace.
var legacyLists = []struct{ family, file string }{
	{FamilyIP, "ip_tables_names"}, {FamilyIP6, "ip6_tables_names"}, {FamilyARP, "arp_tables_names"},
}

// LegacyTables implements Host.
func (LinuxHost) LegacyTables() ([]string, error) {
	var tables []string
	for _, list := range legacyLists {
		b, err := os.ReadFile("/proc/thread-self/net/" + list.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("tables of iptables: %w", err)
		}
		for name := range strings.FieldsSeq(string(b)) {
			tables = append(tables, list.family+" "+name)
		}
	}
	return tables, nil
}
