package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/mdlayher/arp"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// Get asks the VIP for a page over a connection of its own, and returns it:
// the name of the server.
func (c *cluster) Get(path string) (string, error) { return c.get(c.Client.HTTPClient(), path) }

func (c *cluster) get(client *http.Client, path string) (string, error) {
	return fetch(client, fmt.Sprintf("http://%v%s", c.VIP, path))
}

// fetch returns the page at the URL, without spaces around it.
func fetch(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	return strings.TrimSpace(string(body)), err
}

// Browser is HTTPClient, but no two connections have the same port of the
// client's: with those that the kernel chooses, now and then a new connection
// looks to the director like an old one, and goes to that one's server.
func (m *machine) Browser() *http.Client { return m.BrowserAt(netip.Addr{}) }

// BrowserAt is Browser from one of the machine's addresses.
func (m *machine) BrowserAt(addr netip.Addr) *http.Client {
	return m.browserWith(func() net.Addr {
		return &net.TCPAddr{IP: addr.AsSlice(), Port: firstPort + int(m.ports.Add(1))}
	})
}

// browserWith is HTTPClient with connections from addresses that from returns.
func (m *machine) browserWith(from func() net.Addr) *http.Client {
	client := m.HTTPClient()
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return m.DialWith(ctx, &net.Dialer{LocalAddr: from()}, network, address)
	}
	return client
}

// firstPort is one below those that a Browser uses, which are below those that
// the kernel chooses.
const firstPort = 10_000

// ServedBy makes n requests, which must all succeed, and returns how many each
// server answered.
func (c *cluster) ServedBy(n int, path string) map[string]int {
	c.t.Helper()
	return c.servedBy(c.Client, n, path)
}

func (c *cluster) servedBy(m *machine, n int, path string) map[string]int {
	c.t.Helper()
	served, client := make(map[string]int), m.Browser()
	for i := range n {
		name, err := c.get(client, path)
		if err != nil {
			c.t.Fatalf("request %d of %d: %v", i+1, n, err)
		}
		served[name]++
	}
	return served
}

const (
	etherTypeIPv4 = 0x0800
	etherTypeARP  = 0x0806
	etherTypeIPv6 = 0x86dd
	ethernetLen   = 14
	tagLen        = 4
	ipv4Len       = 20
)

// arpOf returns the ARP packet in a frame.
func arpOf(f lab.Frame) (p arp.Packet, ok bool) {
	if f.EtherType() != etherTypeARP || len(f.Data) < ethernetLen {
		return p, false
	}
	return p, p.UnmarshalBinary(f.Data[ethernetLen:]) == nil
}

// claims returns a match for ARP packets that say that addr is at some MAC
// address.
func claims(addr netip.Addr) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		p, ok := arpOf(f)
		return ok && p.SenderIP == addr
	}
}

// CheckClaims fails the test unless every claim of the VIP in the capture is by
// that MAC address, in ARP and in Ethernet, and there is one.
func (c *cluster) CheckClaims(capture *lab.Capture, mac string) {
	c.t.Helper()
	n := 0
	for _, f := range capture.Frames() {
		if !claims(c.VIP)(f) {
			continue
		}
		n++
		if p, _ := arpOf(f); p.SenderHardwareAddr.String() != mac || f.Src().String() != mac {
			c.t.Errorf("%v claims the VIP, from %v; only %s may", p.SenderHardwareAddr, f.Src(), mac)
		}
	}
	if n == 0 {
		c.t.Errorf("nobody claims the VIP")
	}
}

// ipv4Addrs returns the addresses of an IPv4 packet, which may be behind VLAN
// tags.
func ipv4Addrs(f lab.Frame) (src, dst netip.Addr) {
	if f.EtherType() != etherTypeIPv4 {
		return src, dst
	}
	at := ethernetLen
	for binary.BigEndian.Uint16(f.Data[at-2:]) != etherTypeIPv4 {
		at += tagLen
	}
	if len(f.Data) < at+ipv4Len {
		return src, dst
	}
	d := f.Data[at:]
	return netip.AddrFrom4([4]byte(d[12:16])), netip.AddrFrom4([4]byte(d[16:20]))
}

// countFrames counts the frames for the VIP that reach the director's
// interface, at the other end of its cable. Others may come before the director
// listens, such as answers to its first health checks.
func (c *cluster) countFrames() {
	own, virtual := c.Director.Link.MAC().String(), virtualMAC.String()
	c.frames = c.Director.Link.Peer.Capture(lab.SnapLen(ethernetLen+2*tagLen+ipv4Len), lab.Only(func(f lab.Frame) bool {
		to := f.Dst().String()
		_, dst := ipv4Addrs(f)
		return f.Outgoing && dst == c.VIP && (to == own || to == virtual)
	}))
}

// CheckFrames fails the test unless the director has given a verdict to each
// frame for the VIP that reached its interface.
func (c *cluster) CheckFrames() *api.Status {
	c.t.Helper()
	var captured, judged uint64
	s, ok := c.pollStatus(func(s *api.Status) bool {
		captured, judged = uint64(len(c.frames.Frames())), 0
		for _, v := range s.Frames.Verdicts {
			if v.Kind != "ignore" && v.Kind != "extra" {
				judged += v.Frames
			}
		}
		return judged+s.Frames.Lost == captured
	})
	if !ok || s.Frames.Lost != 0 || c.frames.Lost() != 0 {
		c.t.Errorf("%d frames for the VIP reached the director, %d got a verdict, and %d were lost: %+v",
			captured, judged, s.Frames.Lost, s.Frames)
	}
	return s
}

// CheckNothingDropped fails the test if the director has dropped a frame.
func (c *cluster) CheckNothingDropped() {
	c.t.Helper()
	s := c.Status()
	if s.Frames.Lost != 0 {
		c.t.Errorf("%d frames found the ring full", s.Frames.Lost)
	}
	for _, v := range s.Frames.Verdicts {
		if v.Kind == "drop" {
			c.t.Errorf("%d frames dropped: %s", v.Frames, v.Reason)
		}
	}
}

// verdicts returns how many frames got that verdict.
func verdicts(s *api.Status, kind, reason string) uint64 {
	for _, v := range s.Frames.Verdicts {
		if v.Kind == kind && v.Reason == reason {
			return v.Frames
		}
	}
	return 0
}
