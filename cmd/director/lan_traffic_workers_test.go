package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestLANWorkers: however many workers there are and however they wait for
// frames, clients see the same.
//
//	client, client2, client3 ──┐              ┌── web1
//	                           ├── switch ────┼── web2
//	                  director ┘              └── web3
func TestLANWorkers(t *testing.T) {
	for _, settings := range []string{
		"workers: 2\npoll: adaptive\n",
		"workers: 2\npoll: block\n",
		"workers: 1\npoll: block\n",
		"workers: 1\npoll: spin\n",
	} {
		name := strings.ReplaceAll(strings.TrimSpace(settings), "\n", ", ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, clusterConfig{
				Clients: 3, Serve: serveGo, StaticARP: true, CountFrames: true, Settings: settings,
			})
			const requests = 297 // a multiple of 9
			served, err := c.servedAtOnce(requests)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.Servers {
				if served[s.Name()] != requests/len(c.Servers) {
					t.Errorf("%s served %d of %d requests", s.Name(), served[s.Name()], requests)
				}
			}
			listener := c.Servers[0].ListenVIP(8080)
			if _, err := c.Reload(c.Config() + fmt.Sprintf(sinkService, c.VIP, c.Servers[0].Addr)); err != nil {
				t.Fatal(err)
			}
			c.WaitServing()
			c.uploadTo(listener, 8080, newUpload(20_000_000))
			status := c.CheckFrames()
			c.CheckNothingDropped()
			if n := uint64(requests + 1); status.Connections.Inserted != n {
				t.Errorf("%d connections, want %d", status.Connections.Inserted, n)
			}
		})
	}
}

const sinkService = `  - name: sink
    address: %v:8080
    check: {kind: none}
    real_servers: [%v]
`

// servedAtOnce makes n requests, with all clients at the same time, and returns
// how many each server answered.
func (c *cluster) servedAtOnce(n int) (map[string]int, error) {
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		served = make(map[string]int)
		errs   error
	)
	for _, m := range c.Clients {
		client := m.Browser()
		for range 3 { // connections of a client at the same time
			group.Go(func() {
				for range n / len(c.Clients) / 3 {
					name, err := c.get(client, "/")
					mu.Lock()
					served[name]++
					errs = errors.Join(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	return served, errs
}
