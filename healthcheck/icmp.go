package healthcheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/netip"
)

// Types and sizes of ICMP (RFC 792) and ICMPv6 (RFC 4443).
const (
	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
	echoHeader               = 8
	echoData                 = 56 // as ping(8)
)

// icmpCheck sends an ICMP echo request from a raw socket, which needs
// CAP_NET_RAW, and waits for the reply.
type icmpCheck struct {
	dial DialFunc
	addr netip.Addr
}

func newICMP(_ Spec, t Target, way Way) (question, error) {
	return &icmpCheck{dial: way.with(onlyEcho(t.Addr)).with(reportErrors(t)).dialer(), addr: t.Addr}, nil
}

func (c *icmpCheck) network() string {
	if c.addr.Is4() {
		return "ip4:icmp"
	}
	return "ip6:ipv6-icmp"
}

func (c *icmpCheck) ask(ctx context.Context) (Result, error) {
	conn, err := connect(ctx, c.dial, c.network(), c.addr.String())
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	request := newEcho(c.addr.Is4())
	if _, err := conn.Write(request); err != nil {
		return Result{}, err
	}
	return Result{Message: "echo reply"}, awaitEcho(conn, request, c.addr.Is4())
}

// newEcho makes a request whose identifier and data are random: its reply is
// nobody else's.
func newEcho(v4 bool) []byte {
	m := make([]byte, echoHeader+echoData)
	rand.Read(m[4:])
	if !v4 {
		m[0] = echoRequest6 // the kernel adds the checksum (RFC 3542, 3.1)
		return m
	}
	m[0] = echoRequest4
	binary.BigEndian.PutUint16(m[2:], checksum(m))
	return m
}

// checksum is that of RFC 1071, of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// awaitEcho reads until the reply to a request has come. A raw socket gets those
// to all others' requests too.
func awaitEcho(conn net.Conn, request []byte, v4 bool) error {
	buffer := make([]byte, 1024)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		if isReply(buffer[:n], request, v4) {
			return nil
		}
	}
}

// isReply reports whether what a raw socket received answers the request. With
// IPv4 its header comes first (raw(7)).
func isReply(got, request []byte, v4 bool) bool {
	kind := byte(echoReply6)
	if v4 {
		kind = echoReply4
		if len(got) < 20 || len(got) < int(got[0]&0xf)*4 {
			return false
		}
		got = got[int(got[0]&0xf)*4:]
	}
	return len(got) == len(request) && got[0] == kind && got[1] == 0 && bytes.Equal(got[4:], request[4:])
}

func (c *icmpCheck) String() string { return "icmp://" + c.addr.String() }
