package ends

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lvsdr/bench/generator"
)

// end writes an address and port as the kernel does.
func end(address string) string {
	a := netip.MustParseAddrPort(address)
	text := ""
	for raw := a.Addr().AsSlice(); len(raw) > 0; raw = raw[4:] {
		text += fmt.Sprintf("%08X", binary.NativeEndian.Uint32(raw))
	}
	return fmt.Sprintf("%s:%04X", text, a.Port())
}

// TestReadClients: connections to the address and port count, listeners, other
// states and other addresses do not, and IPv4 counts on a socket of IPv6 too.
func TestReadClients(t *testing.T) {
	var table strings.Builder
	table.WriteString("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n")
	for i, s := range []struct{ local, remote, state string }{
		{"0.0.0.0:22", "0.0.0.0:0", "0A"},
		{"192.0.2.10:22", "198.51.100.7:50000", "01"},
		{"192.0.2.10:22", "198.51.100.8:50001", "06"},
		{"192.0.2.10:23", "198.51.100.9:50002", "01"},
		{"192.0.2.11:22", "198.51.100.9:50003", "01"},
		{"198.51.100.9:50003", "192.0.2.10:22", "01"},
		{"[::ffff:192.0.2.10]:22", "[::ffff:198.51.100.10]:50004", "01"},
		{"[2001:db8::10]:22", "[2001:db8::1]:50005", "01"},
	} {
		fmt.Fprintf(&table, "%4d: %s %s %s 00000000:00000000 00:00000000 00000000     0        0 1234 1 0 100 0 0 10 0\n",
			i, end(s.local), end(s.remote), s.state)
	}
	for to, want := range map[string][]string{
		"192.0.2.10:22":     {"198.51.100.7:50000", "198.51.100.10:50004"},
		"[2001:db8::10]:22": {"[2001:db8::1]:50005"},
		"192.0.2.10:80":     nil,
	} {
		clients, err := readClients(strings.NewReader(table.String()), netip.MustParseAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range clients {
			got = append(got, c.String())
		}
		if !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
			t.Errorf("%s: %v, want %v", to, got, want)
		}
	}
}

func TestReadClientsBroken(t *testing.T) {
	for line, want := range map[string]string{
		"0: 0A0200C0:0016":                    "want number, addresses and state",
		"0: 0A0200:0016 0A0200C0:0016 01":     `address "0A0200:0016"`,
		"0: 0A0200C0:0016 0A0200C0 01":        `address "0A0200C0"`,
		"0: 0A0200C0:0016 0A0200CX:0016 01":   `address "0A0200CX:0016"`,
		"0: 0A0200C0:10016 0A0200C0:10016 01": `address "0A0200C0:10016"`,
	} {
		if _, err := readClients(strings.NewReader("heading\n"+line), vip); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", line, err, want)
		}
	}
}

// TestInUse: where a TCP connection comes in nothing is taken, unless it is forced,
// or not of TCP.
func TestInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	o := ReceiveOptions{Interface: "none", To: listener.Addr().(*net.TCPAddr).AddrPort(), Time: time.Second}
	const free = "interface none: "
	check := func(want string) {
		t.Helper()
		if _, err := OpenReceiver(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
	check(free) // it only listens
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	inUse := fmt.Sprintf("%v has established TCP connections on this host, 1 in all, such as with %v", o.To, conn.LocalAddr())
	check(inUse)
	o.Protocol = generator.TCP
	check(inUse)
	o.Force = true
	check(free)
	o.Force, o.Protocol = false, generator.UDP
	check(free)
}
