package main

import (
	"testing"

	"lvsdr/lab"
)

// TestLANHTTP: a client fetches pages from three nginx through the VIP, and
// only their way there leads through the director.
//
//	client .100 ──┐              ┌── web1 .21  nginx, VIP on lo
//	              ├── switch ────┼── web2 .22
//	director .2 ──┘              └── web3 .23      192.0.2.0/24, VIP .10
func TestLANHTTP(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{CountFrames: true})
	arp := c.Client.Link.Capture(lab.Only(claims(c.VIP)))
	replies := c.Director.Link.Peer.Capture(lab.Only(func(f lab.Frame) bool {
		src, dst := ipv4Addrs(f)
		return src == c.VIP && dst != c.Director.Addr // which asks it for its health
	}))
	c.Start()
	c.WaitServing()

	const requests, flushes = 300, 10
	served := make(map[string]int)
	for range flushes {
		c.Client.FlushNeighbors()
		for name, n := range c.ServedBy(requests/flushes, "/page") {
			served[name] += n
		}
	}
	for _, s := range c.Servers {
		if got := served[s.Name()]; got != requests/len(c.Servers) {
			t.Errorf("%s served %d of %d requests", s.Name(), got, requests)
		}
		if got := s.WaitRequests("/page", served[s.Name()]); got != served[s.Name()] {
			t.Errorf("%s logged %d requests and served %d", s.Name(), got, served[s.Name()])
		}
	}
	if n := len(replies.Frames()); n != 0 {
		t.Errorf("%d frames from the VIP passed the director's port; the first is %v", n, replies.Frames()[0])
	}
	c.CheckClaims(arp, c.Director.Link.MAC().String())
	if s := c.CheckFrames(); verdicts(s, "forward", "forward") < requests*5 {
		t.Errorf("%d frames forwarded for %d requests", verdicts(s, "forward", "forward"), requests)
	}
}
