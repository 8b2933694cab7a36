package main

import (
	"fmt"
	"io"
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
	response, err := client.Get(fmt.Sprintf("http://%v%s", c.VIP, path))
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

// ServedBy makes n requests, which must all succeed, and returns how many each
// server answered.
func (c *cluster) ServedBy(n int, path string) map[string]int {
	c.t.Helper()
	return c.servedBy(c.Client, n, path)
}

func (c *cluster) servedBy(m *machine, n int, path string) map[string]int {
	c.t.Helper()
	served, client := make(map[string]int), m.HTTPClient()
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

// countFrames counts what the director should receive, at the other end of its
// cable.
func (c *cluster) countFrames() {
	own := c.Director.Link.MAC().String()
	c.frames = c.Director.Link.Peer.Capture(lab.SnapLen(ethernetLen+2*4), lab.Only(func(f lab.Frame) bool {
		t := f.EtherType()
		return f.Outgoing && f.Dst().String() == own && (t == etherTypeIPv4 || t == etherTypeIPv6)
	}))
}

// CheckFrames fails the test unless the director has given a verdict to each
// frame that reached its interface.
func (c *cluster) CheckFrames() *api.Status {
	c.t.Helper()
	captured := 0
	s := c.WaitStatus("as many frames received as captured", func(s *api.Status) bool {
		captured = len(c.frames.Frames())
		return s.Frames.Received+s.Frames.Lost == uint64(captured)
	})
	sum := uint64(0)
	for _, v := range s.Frames.Verdicts {
		sum += v.Frames
	}
	if sum != s.Frames.Received || s.Frames.Lost != 0 || c.frames.Lost() != 0 {
		c.t.Errorf("%d frames received, %d verdicts, %d lost", s.Frames.Received, sum, s.Frames.Lost)
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
