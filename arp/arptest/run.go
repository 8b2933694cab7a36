package arptest

import (
	"context"
	"testing"

	"lvsdr/arp"
)

// Run runs what speaks ARP until cancel is called or the test ends, which waits
// for it. The result is what run returned.
func Run(t *testing.T, run func(context.Context) error) (result <-chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	returned, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		returned <- run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return returned, cancel
}

// Encode returns p as a frame.
func Encode(t testing.TB, p arp.Packet) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
