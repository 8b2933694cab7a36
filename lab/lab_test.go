package lab_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"lvsdr/lab"
)

var (
	clientAddr = netip.MustParseAddr("192.0.2.1")
	serverAddr = netip.MustParseAddr("192.0.2.2")
)

// pair is the LAN of most tests:
//
//	client 192.0.2.1 ── lan ── server 192.0.2.2
type pair struct {
	*lab.Lab
	client, server *lab.Host
	lan            *lab.Switch
	clientLink     *lab.Link
	serverLink     *lab.Link
}

func newPair(t *testing.T) *pair {
	t.Helper()
	l := lab.ForTest(t)
	p := &pair{Lab: l, client: l.Host("client"), server: l.Host("server"), lan: l.Switch("lan")}
	p.clientLink = l.Connect(p.client, p.lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
	p.serverLink = l.Connect(p.server, p.lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
	return p
}

// serveEcho returns datagrams to their senders until the test ends.
func serveEcho(t *testing.T, h *lab.Host, address string) {
	t.Helper()
	conn, err := h.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buffer[:n], from)
		}
	}()
}

// dialUDP returns a connected socket that the test closes.
func dialUDP(t *testing.T, h *lab.Host, address string) net.Conn {
	t.Helper()
	conn, err := h.Dial(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func isARP(f lab.Frame) bool { return f.EtherType() == 0x0806 }

func isUDP(f lab.Frame) bool {
	return f.EtherType() == 0x0800 && len(f.Data) > 23 && f.Data[23] == 17
}

func ethernet(dst, src net.HardwareAddr, etherType uint16, payload ...byte) []byte {
	frame := append(append([]byte(nil), dst...), src...)
	return append(binary.BigEndian.AppendUint16(frame, etherType), payload...)
}

func TestLANEchoAcrossSwitch(t *testing.T) {
	p := newPair(t)
	wire := p.clientLink.Capture()
	serveEcho(t, p.server, "192.0.2.2:7")
	conn := dialUDP(t, p.client, "192.0.2.2:7")
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	if n, err := conn.Read(buffer); err != nil || string(buffer[:n]) != "hello" {
		t.Fatalf("read %q, %v", buffer[:n], err)
	}

	arp, err := wire.WaitFor(t.Context(), isARP)
	if err != nil {
		t.Fatal(err)
	}
	if !arp.Outgoing || arp.Dst().String() != "ff:ff:ff:ff:ff:ff" || arp.Time.IsZero() {
		t.Errorf("first ARP frame is %v at %v", arp, arp.Time)
	}
	answer, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool { return isUDP(f) && !f.Outgoing })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answer.Src().String(), p.serverLink.MAC().String(); got != want {
		t.Errorf("answer came from %s, want %s", got, want)
	}
	if got := p.client.Neighbor(serverAddr).String(); got != p.serverLink.MAC().String() {
		t.Errorf("client's neighbour is %s", got)
	}
	if got, want := p.lan.Port(p.serverLink.MAC()), p.serverLink.Peer.Name(); got != want {
		t.Errorf("switch learned the server behind %q, want %q", got, want)
	}
}

func TestLANHTTP(t *testing.T) {
	p := newPair(t)
	listener, err := p.server.Listen("tcp", "192.0.2.2:80")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.RemoteAddr)
		}))
	}()
	response, err := p.client.HTTPClient().Get("http://192.0.2.2/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if from, err := netip.ParseAddrPort(string(body)); err != nil || from.Addr() != clientAddr {
		t.Errorf("the server saw %q, %v", body, err)
	}
	if _, err := p.client.Dial(t.Context(), "tcp", "localhost:80"); err == nil {
		t.Error("a name was dialled")
	}
}

func TestLANCommand(t *testing.T) {
	p := newPair(t)
	ip := p.client.Command(t.Context(), "cat", "/proc/net/route", "/sys/class/net/eth0/address")
	if err := ip.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := ip.WaitOutput(context.Background(), p.clientLink.MAC().String()); err != nil {
		t.Error(err)
	}
}
