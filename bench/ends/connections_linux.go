package ends

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// connectionTables are the kernel's TCP sockets in this thread's network namespace
// (proc(5), Documentation/networking/proc_net_tcp.rst). There is no tcp6 without IPv6.
var connectionTables = []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}

// established is the state of a connection in these tables (TCP_ESTABLISHED of
// net/tcp_states.h).
const established = "01"

// clientsOf returns whose connections to an address and port are established on this
// host.
func clientsOf(to netip.AddrPort) (clients []netip.AddrPort, err error) {
	for _, name := range connectionTables {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := readClients(file, to)
		_ = file.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		clients = append(clients, found...)
	}
	return clients, nil
}

// readClients reads one of the tables.
func readClients(table io.Reader, to netip.AddrPort) (clients []netip.AddrPort, err error) {
	lines := bufio.NewScanner(table)
	for heading := true; lines.Scan(); heading = false {
		words := strings.Fields(lines.Text())
		if heading {
			continue
		}
		if len(words) < 4 {
			return nil, fmt.Errorf("line %q: want number, addresses and state", lines.Text())
		}
		if words[3] != established {
			continue
		}
		local, err := readEnd(words[1])
		if err != nil {
			return nil, err
		}
		client, err := readEnd(words[2])
		if err != nil {
			return nil, err
		}
		if local == to {
			clients = append(clients, client)
		}
	}
	return clients, lines.Err()
}

// readEnd reads the address of one end: words of 32 bits as this machine reads what
// is in the network's order, and the port. IPv4 on a socket of IPv6 is IPv4.
func readEnd(text string) (end netip.AddrPort, err error) {
	words, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	number, failed := strconv.ParseUint(port, 16, 16)
	if err != nil || failed != nil || len(raw) != 4 && len(raw) != 16 {
		return end, fmt.Errorf("address %q: want hexadecimal ADDRESS:PORT", text)
	}
	for at := 0; at < len(raw); at += 4 {
		binary.NativeEndian.PutUint32(raw[at:], binary.BigEndian.Uint32(raw[at:]))
	}
	address, _ := netip.AddrFromSlice(raw) // of 4 or 16 bytes
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), nil
}

// inUse is that somebody works over what would be taken: it may be the operator, by
// ssh.
func (o *ReceiveOptions) inUse() error {
	clients, err := clientsOf(o.To)
	if err != nil {
		return fmt.Errorf("look for TCP connections to %v: %w; --force does without", o.To, err)
	}
	if len(clients) == 0 {
		return nil
	}
	return fmt.Errorf("%v has established TCP connections on this host, %d in all, such as with %v: they would hang, and your ssh session if it is one of them;"+
		" choose a port that nobody uses, or --force", o.To, len(clients), clients[0])
}
