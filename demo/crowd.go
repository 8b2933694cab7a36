package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// visitors is how many requests a crowd has open at most.
const visitors = 8

// answer is what came of one request.
type answer struct {
	started time.Time
	server  string // "" if it failed
	err     error
}

// crowd sends requests to the VIP at an even pace, each over a connection of
// its own, and keeps what came of them.
type crowd struct {
	client *http.Client
	stop   chan struct{}
	once   sync.Once
	done   chan struct{} // closed when the last answer is in

	mu      sync.Mutex
	answers []answer
}

// newCrowd starts a crowd that comes from the client: n requests, or if n is 0
// requests until it leaves. The end of ctx breaks off those under way.
func (l *lan) newCrowd(ctx context.Context, every time.Duration, n int) *crowd {
	c := &crowd{client: l.client.HTTPClient(), stop: make(chan struct{}), done: make(chan struct{})}
	c.client.Timeout = 2 * time.Second
	go c.come(ctx, every, n)
	return c
}

// leave sends no more requests and waits for the answers to those under way.
func (c *crowd) leave() {
	c.once.Do(func() { close(c.stop) })
	<-c.done
}

// all returns the answers so far.
func (c *crowd) all() []answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers[:len(c.answers):len(c.answers)]
}

func (c *crowd) come(ctx context.Context, every time.Duration, n int) {
	defer close(c.done)
	var open sync.WaitGroup
	defer open.Wait()
	turn := make(chan struct{})
	defer close(turn)
	for range visitors {
		open.Go(func() {
			for range turn {
				c.visit(ctx)
			}
		})
	}
	next := time.Now()
	for sent := 0; n == 0 || sent < n; sent++ {
		if !c.wait(ctx, time.Until(next)) {
			return
		}
		turn <- struct{}{}
		next = next.Add(every)
	}
}

func (c *crowd) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-c.stop:
		return false
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// visit makes one request.
func (c *crowd) visit(ctx context.Context) {
	a := answer{started: time.Now()}
	a.server, a.err = get(ctx, c.client)
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, a)
}

// get fetches the page of the VIP, which is a server's name.
func get(ctx context.Context, client *http.Client) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+vip.String()+"/", nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", response.Status)
	}
	return strings.TrimSpace(string(body)), nil
}

// served counts the answers by server; the failed ones are those of "".
func served(answers []answer) map[string]int {
	count := make(map[string]int)
	for _, a := range answers {
		count[a.server]++
	}
	return count
}

// between returns the answers to requests that were started from one moment
// on and before another; the zero time is the end of all days.
func between(answers []answer, from, to time.Time) []answer {
	var some []answer
	for _, a := range answers {
		if !a.started.Before(from) && (to.IsZero() || a.started.Before(to)) {
			some = append(some, a)
		}
	}
	return some
}

// firstError returns why a request failed, if one did.
func firstError(answers []answer) error {
	for _, a := range answers {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}
